//! `POST resource/resource/del/`

use gatehouse_domain::bastion::resource;
use gatehouse_model::ResourceId;

use super::super::{deleted, ids};
use crate::{call::Call, envelope::Outcome};

/// Deletes resources; terminals on them end.
///
/// Shape: `{id_list}` → ok and `total`. Errors: E403 without 17 on any of them, and nothing is deleted; E400t 错误参数 without a
/// list of ids, 无删除资源条目. Source: seeds/003 operation 26, specs/bastion.md §6.1 row 26.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    resource::may_delete(&ctx).await?;
    let fields = call.fields()?;
    let ids = ids(&fields, ResourceId)?;
    deleted(resource::del(&ctx, &ids).await?, "无删除资源条目")
}
