//! `POST rbac/mfa/confirm/`

use gatehouse_domain::factor;

use super::{Codes, NOT_BEGUN, code_of, named};
use crate::{call::Call, envelope::Outcome, reply::Reply};

/// Ends an enrolment with a code of the new secret.
///
/// Shape: `{code}` → `detail:{recovery_codes}`, ten, shown once. Errors: 400 `code` 动态验证码错误, 请先获取动态验证码密钥.
/// Source: specs/bastion.md §5.4, §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.caller().await?.ctx;
    let codes = factor::confirm(&ctx, &code_of(&call)?).await.map_err(|error| named(error, NOT_BEGUN))?;
    Ok(Reply::detail(Codes::new(&codes)))
}
