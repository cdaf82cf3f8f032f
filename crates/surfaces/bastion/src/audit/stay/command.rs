//! `audit/command/get/`

use gatehouse_domain::bastion::stay::{self, CommandRow};
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
    command: String,
    action: String,
    rule: Option<String>,
}

/// Lists commands that were run without a shell, and what command rules said to them.
///
/// Shape: paging, `self`, `id` or `session_id` of a stay, `start_time`, `end_time` → `[{id, session_id, user{id,name},
/// resource{id,name}, date, command, action, rule}]`. Units: none. Errors: E403 without 24 (27 with `self`), E404 for an
/// unknown stay. Source: specs/bastion.md §11.2, §13; lines of interactive shells are in the recording.
pub(super) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    let mut query = call.query();
    let (within, paging) = (within(&mut query), query.paging());
    query.finish()?;
    let found = stay::commands(&ctx, within, paging).await?;
    let zone = call.bastion.zone();
    Ok(page::reply(paging, found, |row: CommandRow| Shown {
        id: row.id,
        session_id: row.uuid,
        user: Name { id: row.account_id.map(|id| id.0), name: row.user_name },
        resource: Name { id: Some(row.resource_id), name: row.resource_name },
        date: time::shown(row.at, zone),
        command: row.line,
        action: row.action,
        rule: row.rule_name,
    }))
}
