//! `audit/session/detail/`

use gatehouse_domain::bastion::stay::{self, StayDetailRow};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::named;
use crate::{
    call::Call,
    envelope::{Outcome, Refusal},
    reply::Reply,
    time,
};

#[derive(Serialize)]
struct Shown {
    id: i64,
    session_id: String,
    user: User,
    ip: Option<String>,
    kind: String,
    client: String,
    resource: Resource,
    voucher: Voucher,
    start_time: String,
    end_time: Option<String>,
    status: &'static str,
    reason: Option<String>,
    cause: Option<String>,
    ended_by: Option<Ender>,
    exit_code: Option<i64>,
    exit_signal: Option<String>,
    command: Option<String>,
    host_key: Option<String>,
    bytes_in: i64,
    bytes_out: i64,
    request_id: Option<i64>,
    recording: Option<Recording>,
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
    port: i64,
}

#[derive(Serialize)]
struct Voucher {
    id: i64,
    name: String,
    username: String,
}

#[derive(Serialize, Deserialize)]
struct Ender {
    #[serde(rename(deserialize = "by"))]
    name: String,
    reason: String,
}

#[derive(Serialize)]
struct Recording {
    state: String,
    bytes: i64,
    duration: i64,
}

/// How the session log calls the state of a stay.
fn status(stay: &StayDetailRow) -> &'static str {
    match (stay.until_at, stay.ended_why.as_deref()) {
        (None, _) => "active",
        (Some(_), Some("failed")) => "failed",
        (Some(_), _) => "close",
    }
}

fn shown(stay: StayDetailRow, zone: &TimeZone) -> Shown {
    let status = status(&stay);
    // A detail that is no such object tells something else: the cause in words.
    let ended_by = stay.detail.as_deref().and_then(|detail| serde_json::from_str(detail).ok());
    let cause = match (&stay.cause, &stay.detail) {
        (Some(cause), Some(detail)) if ended_by.is_none() => Some(format!("{cause}: {detail}")),
        (cause, _) => cause.clone(),
    };
    let recording = stay.recording_state.map(|state| Recording {
        state,
        bytes: stay.recording_bytes.unwrap_or_default(),
        duration: stay.recording_duration.unwrap_or_default(),
    });
    Shown {
        id: stay.id,
        session_id: stay.uuid,
        user: User { id: stay.account_id.map(|id| id.0), account: stay.login, name: stay.name },
        ip: stay.from_address,
        kind: stay.kind,
        client: stay.client,
        resource: Resource { id: stay.resource_id, name: stay.resource_name, ip: stay.host, port: stay.port },
        voucher: Voucher { id: stay.voucher_id, name: stay.voucher_name, username: stay.username },
        start_time: time::shown(stay.since_at, zone),
        end_time: stay.until_at.map(|at| time::shown(at, zone)),
        status,
        reason: stay.ended_why,
        cause,
        ended_by,
        exit_code: stay.exit_code,
        exit_signal: stay.exit_signal,
        command: stay.command,
        host_key: stay.host_key,
        bytes_in: stay.up,
        bytes_out: stay.down,
        request_id: stay.access_request_id,
        recording,
    }
}

/// Shows one stay at a target with what the session log leaves out.
///
/// Shape: `?id=` of the session log or `?session_id=` → `{id, session_id, user{id,account,name}, ip, kind, client,
/// resource{id,name,ip,port}, voucher{id,name,username}, start_time, end_time, status, reason, cause, ended_by{name,reason},
/// exit_code, exit_signal, command, host_key, bytes_in, bytes_out, request_id, recording{state,bytes,duration}}`; what is not
/// known is null. Units: bytes to (`in`) and from (`out`) the target; milliseconds of the recording.
/// Errors: E403 without 24, unless it is the caller's own and he holds 27; E404.
/// Source: specs/bastion.md §7.4, §13.
pub(super) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    let Some(named) = named(&call.query()) else {
        ctx.require("audit.session.read").or_else(|_| ctx.require("user.profile.read"))?;
        return Err(Refusal::not_found());
    };
    let stay = stay::detail(&ctx, named).await?;
    Ok(Reply::detail(shown(stay, call.bastion.zone())))
}
