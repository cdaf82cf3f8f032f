//! `POST rbac/key/del/`

use gatehouse_domain::ssh_key;
use gatehouse_model::SshKeyId;

use crate::{
    call::Call,
    envelope::{Outcome, Refusal},
    reply::Reply,
    text,
};

/// Deletes public keys.
///
/// Shape: `{id_list}` → ok, total. Errors: 400 错误参数, 公钥不存在; 403 for others' without 3. Source: specs/bastion.md §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    let fields = call.fields()?;
    let ids = fields.lone_ids("id_list").ok_or_else(|| Refusal::text(text::WRONG_PARAMETER))?;
    let ids: Vec<SshKeyId> = ids.into_iter().map(SshKeyId).collect();
    match ssh_key::delete(&ctx, &ids).await? {
        0 => Err(Refusal::text("公钥不存在")),
        deleted => Ok(Reply::total(deleted)),
    }
}
