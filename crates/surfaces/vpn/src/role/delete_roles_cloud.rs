//! `Role/DeleteRolesCloud`

use gatehouse_domain::vpn::role;

use super::{UNKNOWN, WRONG};
use crate::{
    answer::{Outcome, Success},
    endpoint::{Call, Dialect, Effect, Endpoint},
    params::entries,
    text,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    controller: "Role",
    action: "DeleteRolesCloud",
    dialect: Dialect::Standard,
    effect: Effect::Staged,
    unfit: WRONG,
    event: "vpn.role.delete",
    kind: "vpn_role",
    names: &["names"],
    handle: |call| Box::pin(handle(call)),
};

/// Deletes roles.
///
/// Shape: `names` by commas, of which unknown ones are skipped → no `result`.
/// Errors: absent or empty -2 参数错误; none of them exists -2 角色不存在.
/// Source: specs/vpn.md §8.
async fn handle(call: &Call) -> Outcome {
    let names = entries(call.params.required("names", WRONG)?);
    if role::delete(&call.ctx, &names).await? == 0 {
        return Err(UNKNOWN.into());
    }
    Ok(Success::new(text::DONE))
}
