//! `GET audit/login/get/`

use gatehouse_domain::bastion::log;
use serde::Serialize;

use super::filter::{self, User};
use crate::{call::Call, envelope::Outcome, page, time};

#[derive(Serialize)]
struct Row {
    id: i64,
    user: User,
    ip: Option<String>,
    status: &'static str,
    date: String,
}

/// Lists logins to this surface and to the ssh door.
///
/// Shape: `?self=&user=&ip=&start_time=&end_time=`, paging → page of logins; `user.id` is null for an unknown account.
/// Errors: 403 without 26, or 27 for `self=true`; E400f. Source: seeds/003 operation 32, specs/bastion.md §6.1 row 32, §12.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    super::require(&ctx, "audit.login.read", &call)?;
    let mut query = call.query();
    let filter = filter::read(&mut query);
    let paging = query.paging();
    query.finish()?;
    let rows = log::logins(&ctx, &filter, paging).await?;
    let zone = call.bastion.zone();
    Ok(page::reply(paging, rows, |row| Row {
        id: row.id,
        user: User { id: row.user_id.map(|id| id.0), name: row.user_name },
        ip: row.address,
        status: if row.outcome == "ok" { "succeed" } else { "failed" },
        date: time::shown(row.at, zone),
    }))
}
