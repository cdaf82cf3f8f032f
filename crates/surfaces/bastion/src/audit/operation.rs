//! `GET audit/opera/get/`

use gatehouse_domain::bastion::log;
use serde::Serialize;

use super::{
    filter::{self, User},
    search::Search,
};
use crate::{call::Call, envelope::Outcome, operation, page, time};

#[derive(Serialize)]
struct Row {
    id: i64,
    user: User,
    ip: Option<String>,
    operation: String,
    status: bool,
    date: String,
}

/// Lists operations, whoever did them, and those that were refused.
///
/// Shape: `?self=&user=&ip=&start_time=&end_time=&operation=` (a part of the text), paging → page of operations. Errors:
/// 403 without 25, or 27 for `self=true`; E400f. Source: seeds/003 operation 33, specs/bastion.md §6.1 row 33, §6.4.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    super::require(&ctx, "audit.operation.read", &call)?;
    let mut query = call.query();
    let filter = filter::read(&mut query);
    let search = Search::new(&query.text("operation").unwrap_or_default());
    let paging = query.paging();
    query.finish()?;
    let rows = log::operations(&ctx, &filter, search.actions(), paging).await?;
    let zone = call.bastion.zone();
    Ok(page::reply(paging, rows, |row| Row {
        id: row.id,
        user: User { id: row.user_id.map(|id| id.0), name: row.user_name },
        ip: row.address,
        operation: operation::text(&row.action, row.object_id).unwrap_or(row.action),
        status: row.outcome == "ok",
        date: time::shown(row.at, zone),
    }))
}
