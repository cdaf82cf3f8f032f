//! `POST rbac/mfa/verify/`

use gatehouse_domain::factor;

use super::{NONE, code_of, named};
use crate::{call::Call, envelope::Outcome, reply::Reply};

/// Proves the second factor anew for the calling session.
///
/// Shape: `{code}` → ok. Errors: 400 `code` 动态验证码错误, 未绑定动态验证码; 429. Source: specs/bastion.md §5.4, §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.caller().await?.ctx;
    factor::verify(&ctx, &code_of(&call)?).await.map_err(|error| named(error, NONE))?;
    Ok(Reply::ok())
}
