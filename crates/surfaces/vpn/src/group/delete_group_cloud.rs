//! `Group/DeleteGroupCloud`

use gatehouse_domain::vpn::group;

use crate::{
    answer::{Outcome, Refusal, Success, refusal, told},
    endpoint::{Call, Dialect, Effect, Endpoint},
    params::entries,
    text,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    controller: "Group",
    action: "DeleteGroupCloud",
    dialect: Dialect::Standard,
    effect: Effect::Staged,
    unfit: WRONG,
    event: "vpn.group.delete",
    kind: "vpn_group",
    names: &["names"],
    handle: |call| Box::pin(handle(call)),
};

const WRONG: Refusal = refusal(-13, text::PARAMETER);

/// Deletes groups with the groups and users below; paths of none are passed over.
///
/// Shape: `names`, a list of full paths separated by commas → no `result`.
/// Errors: absent or empty, a path that is not absolute, a built-in group, or none of them exists -13 参数错误.
/// Source: specs/vpn.md §6, §8.
async fn handle(call: &Call) -> Outcome {
    let paths = entries(call.params.required("names", WRONG)?);
    group::delete(&call.ctx, &paths).await.map_err(told(&[("paths", "", WRONG)]))?;
    Ok(Success::new(text::DONE))
}
