//! `Resource/UpdateResourceCloud`

use gatehouse_domain::vpn::resource::{self, ResourceEdit};

use super::{WORDS, WRONG, edit, kind};
use crate::{
    answer::{Outcome, Success, told},
    endpoint::{Call, Dialect, Effect, Endpoint},
    text,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    controller: "Resource",
    action: "UpdateResourceCloud",
    dialect: Dialect::Standard,
    effect: Effect::Staged,
    unfit: WRONG,
    event: "vpn.resource.update",
    kind: "vpn_resource",
    names: &["old_name", "new_name"],
    handle: |call| Box::pin(handle(call)),
};

/// Edits a resource.
///
/// Shape: `old_name`, `new_name`, `rctype` (the one it has), and what `AddResourceCloud` takes; what is absent is kept → no `result`.
/// Errors: what is absent, empty or malformed, another kind -2 参数不合法; `NotFound` -2 资源不存在; `Conflict` -9 资源已存在.
/// Source: specs/vpn.md §8.
async fn handle(call: &Call) -> Outcome {
    let old = call.params.required("old_name", WRONG)?;
    let new = call.params.required("new_name", WRONG)?;
    let kind = kind(call.params.required("rctype", WRONG)?)?;
    let edit = ResourceEdit { name: Some(new.to_owned()), ..edit(&call.params) };
    resource::edit(&call.ctx, old, kind, edit).await.map_err(told(WORDS))?;
    Ok(Success::new(text::DONE))
}
