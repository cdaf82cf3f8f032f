//! `POST resource/hostkey/approve/`

use gatehouse_domain::bastion::host_key;
use gatehouse_model::HostKeyId;

use super::super::id;
use crate::{call::Call, envelope::Outcome, reply::Reply};

/// Pins a key that waits; pinned ones of the same type go.
///
/// Shape: `{id}` → ok. Errors: E403 without 109; E400t 错误参数 without id, 无法操作系统保留项 for one that is pinned; E404.
/// Source: specs/bastion.md §8.2, §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    host_key::may_decide(&ctx)?;
    let fields = call.fields()?;
    host_key::approve(&ctx, HostKeyId(id(&fields, "id")?)).await?;
    Ok(Reply::ok())
}
