//! `terminal/session/get/`

use gatehouse_domain::bastion::stay::{self, OpenStay};
use serde::Serialize;

use crate::{call::Call, envelope::Outcome, page, time};

#[derive(Serialize)]
struct Shown {
    session_id: String,
    id: i64,
    user: User,
    ip: Option<String>,
    kind: String,
    client: String,
    resource: Resource,
    voucher: Voucher,
    start_time: String,
    idle: Option<u64>,
    recording: bool,
}

#[derive(Serialize)]
struct User {
    id: Option<i64>,
    account: String,
    name: Option<String>,
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

/// Lists open stays: all with 101, else the caller's own.
///
/// Shape: paging → `[{session_id, id, user{id,account,name}, ip, kind, client, resource{id,name,ip}, voucher{id,username},
/// start_time, idle, recording}]`; `session_id` is a random uuid, `id` that of the session log. Units: `idle` in seconds without
/// input, null where another process knows. Errors: none of its own. Source: specs/bastion.md §10.3, §13.
pub(super) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    let mut query = call.query();
    let paging = query.paging();
    query.finish()?;
    let found = stay::open(&ctx, paging).await?;
    let zone = call.bastion.zone();
    Ok(page::reply(paging, found, |OpenStay { stay, idle }| Shown {
        session_id: stay.uuid,
        id: stay.id,
        user: User { id: stay.account_id.map(|id| id.0), account: stay.login, name: stay.name },
        ip: stay.from_address,
        kind: stay.kind,
        client: stay.client,
        resource: Resource { id: stay.resource_id, name: stay.resource_name, ip: stay.host },
        voucher: Voucher { id: stay.voucher_id, username: stay.username },
        start_time: time::shown(stay.since_at, zone),
        idle: idle.map(|idle| idle.as_secs()),
        recording: stay.recording_state.as_deref() == Some("open"),
    }))
}
