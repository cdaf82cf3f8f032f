//! `GET access/request/get/`

use gatehouse_domain::bastion::request::{self, ListedRequest, OnlyOwn};
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::{call::Call, envelope::Outcome, page, time};

#[derive(Serialize)]
struct Person {
    id: i64,
    account: String,
}

#[derive(Serialize)]
struct Target {
    id: i64,
    name: String,
}

#[derive(Serialize)]
struct Said {
    user: Person,
    approve: bool,
    reason: Option<String>,
    date: String,
}

#[derive(Serialize)]
struct Shown {
    id: i64,
    user: Person,
    resource: Target,
    voucher: Option<i64>,
    group: i64,
    reason: String,
    minutes: i64,
    files: bool,
    status: String,
    valid_until: Option<String>,
    decisions: Vec<Said>,
    create_date: String,
    update_date: String,
}

impl Shown {
    fn new(listed: ListedRequest, zone: &TimeZone) -> Self {
        let ListedRequest { row, decisions } = listed;
        // Of a pending one the time is only that of its decision.
        let until = row.valid_until.filter(|_| row.state != "pending");
        let said = |said: request::Said| Said {
            user: Person { id: said.account_id.0, account: said.login },
            approve: said.is_approval,
            reason: said.reason,
            date: time::shown(said.at, zone),
        };
        Self {
            id: row.id.0,
            user: Person { id: row.account_id.0, account: row.login },
            resource: Target { id: row.resource_id.0, name: row.resource_name },
            voucher: row.voucher_id.map(|id| id.0),
            group: row.resource_group_id.0,
            reason: row.reason,
            minutes: row.minutes,
            files: row.with_files,
            status: row.state,
            valid_until: until.map(|at| time::shown(at, zone)),
            decisions: decisions.into_iter().map(said).collect(),
            create_date: time::shown(row.created_at, zone),
            update_date: time::shown(row.updated_at, zone),
        }
    }
}

/// Lists one's own requests and, with 106, those on groups whose resources one reads.
///
/// Shape: paging, `status`, `self` → paged requests with what was said of them. Errors: E403 with neither 105 nor 106; E400f.
/// Source: specs/bastion.md §11.3, §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    if request::may_decide(&ctx).is_err() {
        request::may_add(&ctx)?;
    }
    let mut query = call.query();
    let paging = query.paging();
    let status = query.text("status");
    let only_own = if query.boolean("self").unwrap_or_default() { OnlyOwn::Yes } else { OnlyOwn::No };
    query.finish()?;
    let found = request::list(&ctx, status.as_deref(), only_own, paging).await?;
    Ok(page::reply(paging, found, |listed| Shown::new(listed, call.bastion.zone())))
}
