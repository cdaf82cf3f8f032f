//! `Group/ExtSetGroupEnable`

use gatehouse_domain::vpn::group;

use crate::{
    answer::{Outcome, Refusal, Success, refusal, told},
    endpoint::{Call, Dialect, Effect, Endpoint},
    text,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    controller: "Group",
    action: "ExtSetGroupEnable",
    dialect: Dialect::Standard,
    effect: Effect::Immediate,
    unfit: WRONG,
    event: "vpn.group.switch",
    kind: "vpn_group",
    names: &["groupname"],
    handle: |call| Box::pin(handle(call)),
};

const WRONG: Refusal = refusal(-2, text::PARAMETER);

/// Switches a group with everybody below on or off, without an apply.
///
/// Shape: `groupname` (full path), `enable` (1 or 0) → no `result`.
/// Errors: -2 参数错误 for all.
/// Source: specs/vpn.md §6, §8, §9.
async fn handle(call: &Call) -> Outcome {
    let path = call.params.required("groupname", WRONG)?;
    let is_enabled = call.params.on_or_off("enable", WRONG)?;
    let words = told(&[("path", "", WRONG), ("group", "", WRONG)]);
    group::set_enabled(&call.ctx, path, is_enabled).await.map_err(words)?;
    Ok(Success::new(if is_enabled { text::GROUP_ENABLED } else { text::GROUP_DISABLED }))
}
