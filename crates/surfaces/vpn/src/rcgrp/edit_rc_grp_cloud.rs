//! `RcGrp/EditRcGrpCloud`

use gatehouse_domain::vpn::resource_group::{self, ResourceGroupEdit};

use super::{WORDS, WRONG};
use crate::{
    answer::{Outcome, Success, told},
    endpoint::{Call, Dialect, Effect, Endpoint},
    text,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    controller: "RcGrp",
    action: "EditRcGrpCloud",
    dialect: Dialect::Standard,
    effect: Effect::Staged,
    unfit: WRONG,
    event: "vpn.resource.update",
    kind: "vpn_resource_group",
    names: &["rcGrpName", "newRcGrpName"],
    handle: |call| Box::pin(handle(call)),
};

/// Edits a resource group.
///
/// Shape: `rcGrpName`, `newRcGrpName`, `note`, `enable`; what is absent is kept → no `result`.
/// Errors: what is absent, empty, malformed or unknown, a new name of the default group -2 参数错误; `Conflict` -9 资源组已存在.
/// Source: specs/vpn.md §8.
async fn handle(call: &Call) -> Outcome {
    let params = &call.params;
    let name = params.required("rcGrpName", WRONG)?;
    let edit = ResourceGroupEdit {
        name: params.filled("newRcGrpName").map(str::to_owned),
        note: params.get("note").map(str::to_owned),
        is_enabled: params.flag("enable"),
    };
    resource_group::edit(&call.ctx, name, &edit).await.map_err(told(WORDS))?;
    Ok(Success::new(text::DONE))
}
