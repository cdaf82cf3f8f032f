//! `POST access/request/cancel/`

use gatehouse_domain::bastion::request;
use gatehouse_model::AccessRequestId;

use super::over;
use crate::{
    call::Call,
    envelope::{Outcome, Refusal},
    reply::Reply,
    text,
};

/// Takes back one's own request; an approved one ends, and its terminals with it.
///
/// Shape: `{id}` → ok. Errors: E403 without 105; E400t 错误参数 without id, 申请已处理或已失效; E404, also for those of others.
/// Source: specs/bastion.md §11.3, §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    request::may_add(&ctx)?;
    let fields = call.fields()?;
    let id = fields.lone_integer("id").ok_or_else(|| Refusal::text(text::WRONG_PARAMETER))?;
    request::cancel(&ctx, AccessRequestId(id)).await.map_err(over)?;
    Ok(Reply::ok())
}
