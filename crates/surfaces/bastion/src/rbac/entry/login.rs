//! `POST rbac/login/`

use gatehouse_domain::{login, password::MAX_LENGTH};
use gatehouse_model::Secret;

use super::finish;
use crate::{body::Blank, call::Call, envelope::Outcome};

/// Longest code: a recovery code with whatever people put between its letters.
const CODE_LENGTH: usize = 64;

/// Logs a user in.
///
/// Shape: `{account, password[, otp]}` → `token:{access, refresh}` and the cookie `refresh`.
/// Units: account at most `bastion.account_max` characters, password at most 128.
/// Errors: 400 fields; 401 密码错误 for unknown accounts too; 401 需要动态验证码 with `mfa`; 401 动态验证码错误; 403 用户被禁用…; 429.
/// Source: seeds/003 operation 1, specs/bastion.md §5.2, §5.4.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.anonymous();
    let mut fields = call.fields()?;
    let longest = ctx.app.settings().bastion.account_max;
    let account = fields.exact_text("account", longest, |max| format!("账号长度不得超过{max}字符").into());
    let password = fields.exact_text("password", MAX_LENGTH, |max| format!("密码长度不得超过{max}字符").into());
    let otp = fields.optional_text("otp", CODE_LENGTH, Blank::Null);
    fields.finish()?;
    let step = login::password(&ctx, &account, &Secret::new(password), otp.as_deref()).await?;
    finish(&call, &ctx, step).await
}
