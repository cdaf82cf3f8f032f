//! `Role/UpdateRoleCloud`

use gatehouse_domain::vpn::role::{self, RoleEdit};

use super::{WORDS, WRONG, edit};
use crate::{
    answer::{Outcome, Success, told},
    endpoint::{Call, Dialect, Effect, Endpoint},
    text,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    controller: "Role",
    action: "UpdateRoleCloud",
    dialect: Dialect::Standard,
    effect: Effect::Staged,
    unfit: WRONG,
    event: "vpn.role.update",
    kind: "vpn_role",
    names: &["oldName", "newName"],
    handle: |call| Box::pin(handle(call)),
};

/// Edits a role.
///
/// Shape: `oldName`, `newName`, and what `AddRoleCloud` takes; what is absent is kept, what is empty cleared → no `result`.
/// Errors: absent, empty or malformed names, long note -2 参数错误; `NotFound` -2 角色不存在; `Conflict` -9 角色已存在.
/// Source: specs/vpn.md §8.
async fn handle(call: &Call) -> Outcome {
    let old = call.params.required("oldName", WRONG)?;
    let new = call.params.required("newName", WRONG)?;
    let edit = RoleEdit { name: Some(new.to_owned()), ..edit(&call.params) };
    role::edit(&call.ctx, old, &edit).await.map_err(told(WORDS))?;
    Ok(Success::new(text::DONE))
}
