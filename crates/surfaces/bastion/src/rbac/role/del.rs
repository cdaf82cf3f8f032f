//! `POST rbac/role/del/`

use gatehouse_domain::role;
use gatehouse_model::RoleId;

use crate::{
    call::Call,
    envelope::{Outcome, Refusal},
    reply::Reply,
};

const NOTHING: &str = "角色受保护,或对象不存在";

/// Deletes roles.
///
/// Shape: `{id_list}` → ok + `total`. Protected and unknown ids are skipped. Errors: 403, also when one of them holds more
/// than the caller, and then nothing is deleted; E400t when nothing was, or without a list of ids ≥ 1.
/// Source: seeds/003 operation 13, specs/bastion.md §6.1 row 13, §6.2.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    ctx.require("system.role.delete")?;
    let ids = call.fields()?.lone_ids("id_list").ok_or_else(|| Refusal::text(NOTHING))?;
    let ids: Vec<RoleId> = ids.into_iter().map(RoleId).collect();
    match role::delete(&ctx, &ids).await? {
        0 => Err(Refusal::text(NOTHING)),
        deleted => Ok(Reply::total(deleted)),
    }
}
