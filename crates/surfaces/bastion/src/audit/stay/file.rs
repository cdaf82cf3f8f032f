//! `audit/file/get/`

use gatehouse_domain::bastion::stay::{self, FileRow};
use serde::Serialize;

use super::{Name, within};
use crate::{call::Call, envelope::Outcome, page, time};

#[derive(Serialize)]
struct Shown {
    id: i64,
    session_id: String,
    user: Name,
    resource: Name,
    date: String,
    path: String,
    direction: String,
    bytes: i64,
    sha256: Option<String>,
    duration: i64,
    result: String,
}

/// Lists files that were moved by SFTP.
///
/// Shape: as `audit/command/get/` → `[{id, session_id, user{id,name}, resource{id,name}, date, path, direction, bytes,
/// sha256, duration, result}]`. Units: bytes; milliseconds. Errors: E403 without 24 (27 with `self`), E404 for an unknown stay.
/// Source: specs/bastion.md §9.4, §13.
pub(super) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    let mut query = call.query();
    let (within, paging) = (within(&mut query), query.paging());
    query.finish()?;
    let found = stay::files(&ctx, within, paging).await?;
    let zone = call.bastion.zone();
    Ok(page::reply(paging, found, |row: FileRow| Shown {
        id: row.id,
        session_id: row.uuid,
        user: Name { id: row.account_id.map(|id| id.0), name: row.user_name },
        resource: Name { id: Some(row.resource_id), name: row.resource_name },
        date: time::shown(row.at, zone),
        path: row.path,
        direction: row.direction,
        bytes: row.bytes,
        sha256: row.sha256,
        duration: row.duration,
        result: row.outcome,
    }))
}
