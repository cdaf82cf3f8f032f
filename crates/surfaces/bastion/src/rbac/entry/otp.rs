//! `POST rbac/login/otp/`

use gatehouse_domain::login;

use super::finish;
use crate::{call::Call, envelope::Outcome};

/// Finishes a login that was asked for a code.
///
/// Shape: `{token, code}` → as login. `token` is `mfa.token` of the login's answer, `code` six digits or a recovery code.
/// Units: the token lives 300 s and for 5 wrong codes. Errors: 400 fields; 401 动态验证码错误; 429.
/// Source: specs/bastion.md §5.4, §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.anonymous();
    let mut fields = call.fields()?;
    let (token, code) = (fields.text("token", 128), fields.text("code", 64));
    fields.finish()?;
    let step = login::resume(&ctx, &token, &code).await?;
    finish(&call, &ctx, step).await
}
