//! `RcGrp/AddRcGrpCloud`

use gatehouse_domain::vpn::resource_group;

use super::{WORDS, WRONG};
use crate::{
    answer::{Outcome, Success, told},
    endpoint::{Call, Dialect, Effect, Endpoint},
    text,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    controller: "RcGrp",
    action: "AddRcGrpCloud",
    dialect: Dialect::Standard,
    effect: Effect::Staged,
    unfit: WRONG,
    event: "vpn.resource.create",
    kind: "vpn_resource_group",
    names: &["name"],
    handle: |call| Box::pin(handle(call)),
};

/// Makes a resource group.
///
/// Shape: `name`, `note`, `enable` (1; anything but 0 is on) → no `result`.
/// Errors: what is absent, empty or malformed -2 参数错误; `Conflict` -9 资源组已存在.
/// Source: specs/vpn.md §8.
async fn handle(call: &Call) -> Outcome {
    let params = &call.params;
    let name = params.required("name", WRONG)?;
    let note = params.get("note").unwrap_or_default();
    let is_enabled = params.switch("enable").unwrap_or(true);
    resource_group::add(&call.ctx, name, note, is_enabled).await.map_err(told(WORDS))?;
    Ok(Success::new(text::DONE))
}
