//! `GET rbac/role/get/permission/`

use gatehouse_domain::role;
use gatehouse_model::RoleId;
use serde::Serialize;

use crate::{
    call::Call,
    catalogue,
    envelope::{Outcome, Refusal},
    reply::Reply,
};

#[derive(Serialize)]
struct Detail {
    id: i64,
    perms: Vec<i64>,
}

/// Shows the installation-wide permissions of a role; codes without an id here are not shown.
///
/// Shape: `?id=` → `detail: {id, perms}`, ids ascending. Errors: 403; 404 (id missing, no number, unknown).
/// Source: seeds/003 operation 15, specs/bastion.md §6.1 row 15.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    ctx.require("system.permission.read")?;
    let id = call.query().lone_integer("id").ok_or_else(Refusal::not_found)?;
    let codes = role::codes(&ctx, RoleId(id)).await?;
    let mut perms: Vec<i64> = codes.iter().filter_map(|code| catalogue::id_of(code)).collect();
    perms.sort_unstable();
    Ok(Reply::detail(Detail { id, perms }))
}
