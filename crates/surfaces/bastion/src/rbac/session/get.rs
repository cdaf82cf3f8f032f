//! `GET rbac/session/get/`

use gatehouse_domain::session::staff::{self, SessionView};
use gatehouse_model::AccountId;
use serde::Serialize;

use crate::{call::Call, envelope::Outcome, page, time};

#[derive(Serialize)]
struct Shown {
    id: i64,
    created: String,
    last_seen: String,
    ip: Option<String>,
    user_agent: Option<String>,
    current: bool,
}

/// Lists live login sessions.
///
/// Shape: paging, `user_id` (110 for others) → paged `{id, created, last_seen, ip, user_agent, current}`.
/// Units: `last_seen` to the minute. Errors: 403; 404 unknown user. Source: specs/bastion.md §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    let mut query = call.query();
    let (of, paging) = (query.integer("user_id").map(AccountId), query.paging());
    query.finish()?;
    let sessions = staff::list(&ctx, of, paging).await?;
    let zone = call.bastion.zone();
    let show = |view: SessionView| Shown {
        id: view.id.0,
        created: time::shown(view.created_at, zone),
        last_seen: time::shown(view.last_used_at, zone),
        ip: view.address,
        user_agent: view.user_agent,
        current: view.is_current,
    };
    Ok(page::reply(paging, sessions, show))
}
