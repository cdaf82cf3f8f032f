//! `POST access/request/decide/`

use gatehouse_domain::bastion::request::{self, Decision};
use gatehouse_model::AccessRequestId;

use super::{REASON, over};
use crate::{
    body::Blank,
    call::Call,
    envelope::{Outcome, Refusal},
    reply::Reply,
    text,
};

/// Decides about another person's request.
///
/// Shape: `{id, approve, reason?, minutes?}`, minutes at most those asked for → ok. Errors: E403 without 106 and for one's own;
/// E404 also where the caller does not hold all that is asked; E400t 错误参数 without id, 申请已处理或已失效; E400f.
/// Source: specs/bastion.md §11.3, §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    request::may_decide(&ctx)?;
    let mut fields = call.fields()?;
    let id = fields.lone_integer("id").ok_or_else(|| Refusal::text(text::WRONG_PARAMETER))?;
    let approve = fields.boolean("approve");
    let reason = fields.optional_text("reason", REASON, Blank::Null);
    let has_minutes = fields.value("minutes").is_some_and(|value| !value.is_null());
    let minutes = if has_minutes { fields.optional_integer("minutes") } else { None };
    if minutes.is_some_and(|minutes| minutes < 1) {
        fields.fault("minutes", text::minimum(1));
    }
    fields.finish()?;
    request::decide(&ctx, AccessRequestId(id), &Decision { approve, reason, minutes }).await.map_err(over)?;
    Ok(Reply::ok())
}
