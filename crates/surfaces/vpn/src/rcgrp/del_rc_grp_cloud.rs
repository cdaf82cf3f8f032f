//! `RcGrp/DelRcGrpCloud`

use gatehouse_domain::vpn::resource_group;

use super::WRONG;
use crate::{
    answer::{Outcome, Success},
    endpoint::{Call, Dialect, Effect, Endpoint},
    params::entries,
    text,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    controller: "RcGrp",
    action: "DelRcGrpCloud",
    dialect: Dialect::Standard,
    effect: Effect::Staged,
    unfit: WRONG,
    event: "vpn.resource.delete",
    kind: "vpn_resource_group",
    names: &["rcGrpNames"],
    handle: |call| Box::pin(handle(call)),
};

/// Deletes resource groups; their resources fall to the default group.
///
/// Shape: `rcGrpNames` by commas, of which unknown ones are skipped → `result` is a text.
/// Errors: absent or empty, none of them exists, the default group among them -2 参数错误.
/// Source: specs/vpn.md §8.
async fn handle(call: &Call) -> Outcome {
    let names = entries(call.params.required("rcGrpNames", WRONG)?);
    if resource_group::delete(&call.ctx, &names).await? == 0 {
        return Err(WRONG.into());
    }
    Success::new(text::DONE).with(&text::ENTRY_DELETED)
}
