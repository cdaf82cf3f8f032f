//! `User/ExtSetUserEnable`

use gatehouse_domain::vpn::{group, user};

use super::{DISABLED_BY_STAFF, WRONG};
use crate::{
    answer::{Outcome, Success, told},
    endpoint::{Call, Dialect, Effect, Endpoint},
    text,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    controller: "User",
    action: "ExtSetUserEnable",
    dialect: Dialect::Standard,
    effect: Effect::Immediate,
    unfit: WRONG,
    event: "vpn.user.switch",
    kind: "account",
    names: &["username"],
    handle: |call| Box::pin(handle(call)),
};

/// Switches a user on or off, or a group, without an apply.
///
/// Shape: `username`, `enable` (1 or 0), `type` (1: a user, 0: `username` is the path of a group) → no `result`.
/// Errors: -2 参数错误 for all; -2 该用户已被管理员禁用 for a user whom staff disabled.
/// Source: specs/vpn.md §6, §8, §9.
async fn handle(call: &Call) -> Outcome {
    let name = call.params.required("username", WRONG)?;
    let is_enabled = call.params.on_or_off("enable", WRONG)?;
    if call.params.get("type") == Some("0") {
        group::set_enabled(&call.ctx, name, is_enabled)
            .await
            .map_err(told(&[("path", "", WRONG), ("group", "", WRONG)]))?;
    } else {
        let words = told(&[("name", "", WRONG), ("is_enabled", "disabled_by_staff", DISABLED_BY_STAFF)]);
        user::set_enabled(&call.ctx, name, is_enabled).await.map_err(words)?;
    }
    Ok(Success::new(if is_enabled { text::USER_ENABLED } else { text::USER_DISABLED }))
}
