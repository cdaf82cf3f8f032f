//! `POST resource/hostkey/del/`

use gatehouse_domain::bastion::host_key;
use gatehouse_model::HostKeyId;

use super::super::{deleted, ids};
use crate::{call::Call, envelope::Outcome};

/// Deletes host keys: their targets are unknown again.
///
/// Shape: `{id_list}` → ok and `total`. Errors: E403 without 109; E400t 错误参数, 无删除主机密钥条目. Source: specs/bastion.md §8.2, §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    host_key::may_decide(&ctx)?;
    let fields = call.fields()?;
    let ids = ids(&fields, HostKeyId)?;
    deleted(host_key::del(&ctx, &ids).await?, "无删除主机密钥条目")
}
