//! `POST rbac/user/del/`

use gatehouse_domain::account::staff;
use gatehouse_model::AccountId;

use crate::{
    call::Call,
    envelope::{Outcome, Refusal},
    reply::Reply,
};

const NOTHING: &str = "用户受保护,或对象不存在";

/// Deletes users: takes their staff pass, and the account with its last one.
///
/// Shape: `{id_list}` → ok + `total`. Protected and unknown ids and one's own are skipped. Errors: 403, also when one of
/// them holds more than the caller, and then nothing is deleted; E400t when nothing was, or without a list of ids ≥ 1.
/// Source: seeds/003 operation 6, specs/bastion.md §6.1 row 6, §6.2.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    ctx.require("system.user.delete")?;
    let ids = call.fields()?.lone_ids("id_list").ok_or_else(|| Refusal::text(NOTHING))?;
    let ids: Vec<AccountId> = ids.into_iter().map(AccountId).collect();
    match staff::delete(&ctx, &ids).await? {
        0 => Err(Refusal::text(NOTHING)),
        deleted => Ok(Reply::total(deleted)),
    }
}
