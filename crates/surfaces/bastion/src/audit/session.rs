//! `GET audit/session/get/`

use gatehouse_domain::bastion::log;
use gatehouse_model::EndedWhy;
use serde::Serialize;

use super::filter::{self, User};
use crate::{call::Call, envelope::Outcome, page, time};

#[derive(Serialize)]
struct Row {
    id: i64,
    user: User,
    resource: Resource,
    voucher: Voucher,
    start_time: String,
    end_time: Option<String>,
    status: &'static str,
    ip: Option<String>,
}

#[derive(Serialize)]
struct Resource {
    id: i64,
    name: String,
    ip: String,
}

#[derive(Serialize)]
struct Voucher {
    id: i64,
    username: String,
}

/// Lists terminals, commands and file sessions at targets, open and over.
///
/// Shape: `?self=&user=&ip=&start_time=&end_time=` (of the beginning) `&resource=` (a part of its name), paging → page of
/// sessions; `status` is active, close or failed. Errors: 403 without 24, or 27 for `self=true`; E400f.
/// Source: seeds/003 operation 34, specs/bastion.md §6.1 row 34.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    super::require(&ctx, "audit.session.read", &call)?;
    let mut query = call.query();
    let filter = filter::read(&mut query);
    let resource = query.text("resource");
    let paging = query.paging();
    query.finish()?;
    let rows = log::stays(&ctx, &filter, resource.as_deref(), paging).await?;
    let zone = call.bastion.zone();
    Ok(page::reply(paging, rows, |row| Row {
        id: row.id,
        user: User { id: row.user_id.map(|id| id.0), name: row.user_name },
        resource: Resource { id: row.resource_id, name: row.resource_name, ip: row.host },
        voucher: Voucher { id: row.voucher_id, username: row.username },
        start_time: time::shown(row.since_at, zone),
        end_time: row.until_at.map(|at| time::shown(at, zone)),
        status: match (row.until_at, row.ended_why.as_deref()) {
            (None, _) => "active",
            (Some(_), Some(why)) if why == EndedWhy::Failed.as_str() => "failed",
            (Some(_), _) => "close",
        },
        ip: row.address,
    }))
}
