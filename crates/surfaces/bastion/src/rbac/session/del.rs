//! `POST rbac/session/del/`

use gatehouse_domain::session::staff::{self, Which};
use gatehouse_model::LoginSessionId;

use crate::{
    call::Call,
    envelope::{Outcome, Refusal},
    reply::Reply,
    text,
};

/// Ends login sessions with their terminals.
///
/// Shape: `{id_list}` or `{all_other: true}` → ok, total. Errors: 400 错误参数, 登录会话不存在; 403 for others' without 110.
/// Source: specs/bastion.md §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    let mut fields = call.fields()?;
    let is_all_other = fields.optional_boolean("all_other").unwrap_or_default();
    let which = if is_all_other {
        Which::AllOther
    } else {
        let ids = fields.lone_ids("id_list").ok_or_else(|| Refusal::text(text::WRONG_PARAMETER))?;
        Which::Named(ids.into_iter().map(LoginSessionId).collect())
    };
    fields.finish()?;
    match staff::end(&ctx, &which).await? {
        0 if !is_all_other => Err(Refusal::text("登录会话不存在")),
        ended => Ok(Reply::total(ended)),
    }
}
