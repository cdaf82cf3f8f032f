//! `POST rbac/user/reset_password/`

use gatehouse_domain::{account::own, password::MAX_LENGTH};
use gatehouse_model::Secret;

use crate::{call::Call, envelope::Outcome, rbac::user::password, reply::Reply, text};

/// Changes the caller's own password. His other sessions end with their terminals.
///
/// Shape: `{old_password, new_password}` → ok. Units: 8 to 128 characters (`bastion.auth.password_min`).
/// Errors: 400 `old_password` 密码错误, `new_password` 新旧密码不能相同; 429. Limited sessions may.
/// Source: seeds/003 operation 8, specs/bastion.md §5.3, §6.1 row 8.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.caller().await?.ctx;
    let mut fields = call.fields()?;
    let old = fields.exact_text("old_password", MAX_LENGTH, text::too_long);
    let new = password::read(&mut fields, "new_password", &ctx);
    fields.finish()?;
    own::change_password(&ctx, &Secret::new(old), &new).await?;
    Ok(Reply::ok())
}
