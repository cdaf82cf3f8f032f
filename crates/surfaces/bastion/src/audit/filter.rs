//! What the three logs are searched by.

use gatehouse_domain::bastion::log::Filter;
use serde::Serialize;

use crate::query::Query;

/// Reads `self`, `user`, `ip`, `start_time` and `end_time`.
pub(super) fn read(query: &mut Query) -> Filter {
    Filter {
        is_own: query.boolean("self").unwrap_or_default(),
        user: query.text("user"),
        address: query.text("ip"),
        from: query.from_time("start_time"),
        until: query.until_time("end_time"),
    }
}

/// Who, as it was.
#[derive(Debug, Serialize)]
pub(super) struct User {
    pub(super) id: Option<i64>,
    pub(super) name: String,
}
