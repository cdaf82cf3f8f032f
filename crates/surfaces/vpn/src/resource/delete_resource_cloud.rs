//! `Resource/DeleteResourceCloud`

use gatehouse_domain::vpn::resource;

use super::{UNKNOWN, WRONG};
use crate::{
    answer::{Outcome, Success},
    endpoint::{Call, Dialect, Effect, Endpoint},
    params::entries,
    text,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    controller: "Resource",
    action: "DeleteResourceCloud",
    dialect: Dialect::Standard,
    effect: Effect::Staged,
    unfit: WRONG,
    event: "vpn.resource.delete",
    kind: "vpn_resource",
    names: &["names"],
    handle: |call| Box::pin(handle(call)),
};

/// Deletes resources.
///
/// Shape: `names` by commas, of which unknown ones are skipped → `result` is a text.
/// Errors: absent or empty -2 参数不合法; none of them exists -2 资源不存在.
/// Source: specs/vpn.md §8.
async fn handle(call: &Call) -> Outcome {
    let names = entries(call.params.required("names", WRONG)?);
    if resource::delete(&call.ctx, &names).await? == 0 {
        return Err(UNKNOWN.into());
    }
    Success::new(text::DONE).with(&text::ENTRY_DELETED)
}
