//! `POST rbac/mfa/disable/`

use gatehouse_domain::{factor, password::MAX_LENGTH};
use gatehouse_model::Secret;

use super::{NONE, named};
use crate::{call::Call, envelope::Outcome, reply::Reply, text};

/// Takes the caller's second factor away.
///
/// Shape: `{password, code}` → ok. Errors: 400 `password` 密码错误, `code` 动态验证码错误, 未绑定动态验证码; 429.
/// Source: specs/bastion.md §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.caller().await?.ctx;
    let mut fields = call.fields()?;
    let password = Secret::new(fields.exact_text("password", MAX_LENGTH, text::too_long));
    let code = fields.text("code", 64);
    fields.finish()?;
    factor::disable(&ctx, &password, &code).await.map_err(|error| named(error, NONE))?;
    Ok(Reply::ok())
}
