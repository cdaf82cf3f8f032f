//! `GET perm/group-auth/get/`

use gatehouse_domain::role;
use gatehouse_model::RoleId;
use serde::Serialize;
use serde_json::Value;

use crate::{
    call::Call,
    catalogue,
    envelope::{Outcome, Refusal},
    reply::Reply,
    time,
};

#[derive(Serialize)]
struct Row {
    id: i64,
    protected: bool,
    create_date: String,
    role: i64,
    permission: i64,
    resource_group: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<Value>,
}

/// Shows what a role holds on resource groups.
///
/// Shape: `?role_id=` → `detail`: grants by id; `valid_from`, `valid_until` and `schedule` only when set. Errors: 403; 404
/// (`role_id` missing, no number, unknown). Source: seeds/003 operation 18, specs/bastion.md §6.1 row 18.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    ctx.require("system.permission.read")?;
    let id = call.query().lone_integer("role_id").ok_or_else(Refusal::not_found)?;
    let zone = call.bastion.zone();
    let mut grants = role::grants(&ctx, RoleId(id)).await?;
    grants.sort_by_key(|grant| grant.id);
    let rows = grants.into_iter().filter_map(|grant| {
        Some(Row {
            id: grant.id,
            protected: grant.is_protected,
            create_date: time::shown(grant.created_at, zone),
            role: grant.role_id.0,
            permission: catalogue::id_of(&grant.code)?,
            resource_group: grant.resource_group_id.0,
            valid_from: grant.valid_from.map(|at| time::shown(at, zone)),
            valid_until: grant.valid_until.map(|at| time::shown(at, zone)),
            // It was written as JSON.
            schedule: grant.schedule.and_then(|text| serde_json::from_str(&text).ok()),
        })
    });
    Ok(Reply::detail(rows.collect::<Vec<_>>()))
}
