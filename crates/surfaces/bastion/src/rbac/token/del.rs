//! `POST rbac/token/del/`

use gatehouse_domain::api_token;
use gatehouse_model::ApiTokenId;

use crate::{
    call::Call,
    envelope::{Outcome, Refusal},
    reply::Reply,
    text,
};

/// Deletes API tokens with the terminals opened by them.
///
/// Shape: `{id_list}` → ok, total. Errors: 400 错误参数, 令牌不存在; 403 for others' without 110. Source: specs/bastion.md §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    let fields = call.fields()?;
    let ids = fields.lone_ids("id_list").ok_or_else(|| Refusal::text(text::WRONG_PARAMETER))?;
    let ids: Vec<ApiTokenId> = ids.into_iter().map(ApiTokenId).collect();
    match api_token::delete(&ctx, &ids).await? {
        0 => Err(Refusal::text("令牌不存在")),
        deleted => Ok(Reply::total(deleted)),
    }
}
