//! `Role/AddRoleCloud`

use gatehouse_domain::vpn::role::{self, RoleEdit};
use serde::Serialize;

use super::{WORDS, WRONG, edit};
use crate::{
    answer::{Outcome, Success, told},
    endpoint::{Call, Dialect, Effect, Endpoint},
    text,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    controller: "Role",
    action: "AddRoleCloud",
    dialect: Dialect::Standard,
    effect: Effect::Staged,
    unfit: WRONG,
    event: "vpn.role.create",
    kind: "vpn_role",
    names: &["name"],
    handle: |call| Box::pin(handle(call)),
};

#[derive(Serialize)]
struct Made {
    role_id: i64,
}

/// Makes a role.
///
/// Shape: `name`, optional `note`, `enable` (anything but 0 is on), and by commas `userNamesStr`, `grpNamesStr` (paths), `rcNamesStr`,
/// `rcGrpNamesStr`, of which unknown ones are ignored → `{role_id}`, a number.
/// Errors: absent, empty or malformed name, long note -2 参数错误; `Conflict` -9 角色已存在.
/// Source: specs/vpn.md §8.
async fn handle(call: &Call) -> Outcome {
    let name = call.params.required("name", WRONG)?;
    let new = RoleEdit { name: Some(name.to_owned()), ..edit(&call.params) };
    let id = role::add(&call.ctx, &new).await.map_err(told(WORDS))?;
    Success::new(text::DONE).with(&Made { role_id: id.0 })
}
