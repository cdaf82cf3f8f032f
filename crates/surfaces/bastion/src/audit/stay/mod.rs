//! `audit/session/{detail,replay,download}`, `audit/command`, `audit/file`: single stays at targets and what was done in them.

mod command;
mod detail;
mod file;
mod play;

use gatehouse_domain::bastion::stay::{Named, Within};
use serde::Serialize;
use uuid::Uuid;

use crate::{query::Query, routes::Routes};

/// The endpoints of this area.
pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .get("audit/session/detail", detail::handle)
        .get("audit/session/replay", play::replay)
        .get("audit/session/download", play::download)
        .get("audit/command/get", command::handle)
        .get("audit/file/get", file::handle)
}

/// The stay that a query names: `id` as the session log shows it, or `session_id`; none when both or neither can be read.
fn named(query: &Query) -> Option<Named> {
    match (query.raw("id"), query.raw("session_id")) {
        (Some(_), None) => query.lone_integer("id").map(Named::Id),
        (None, Some(session)) => Uuid::parse_str(session).ok().map(Named::Session),
        _ => None,
    }
}

/// Whose rows, of which stay and when: `self`, `id` or `session_id`, `start_time`, `end_time`. A name that nothing can have
/// means a stay that is not there.
fn within(query: &mut Query) -> Within {
    let is_named = query.raw("id").is_some() || query.raw("session_id").is_some();
    Within {
        is_own: query.boolean("self").unwrap_or_default(),
        named: is_named.then(|| named(query).unwrap_or(Named::Id(0))),
        from: query.from_time("start_time"),
        until: query.until_time("end_time"),
    }
}

/// `{id, name}` of user or resource.
#[derive(Serialize)]
struct Name {
    id: Option<i64>,
    name: String,
}
