//! `rbac/mfa/*`: the caller's second factor. Limited sessions may, as they may owe it.

mod confirm;
mod disable;
mod get;
mod recovery;
mod setup;
mod verify;

use gatehouse_domain::Error;
use gatehouse_model::Secret;
use serde::Serialize;

use crate::{call::Call, envelope::Refusal, routes::Routes};

/// The endpoints of this area.
pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .get("rbac/mfa/get", get::handle)
        .post("rbac/mfa/setup", setup::handle)
        .change("rbac/mfa/confirm", "account.factor.enrol", confirm::handle)
        .post("rbac/mfa/verify", verify::handle)
        .change("rbac/mfa/recovery", "account.factor.recovery", recovery::handle)
        .change("rbac/mfa/disable", "account.factor.disable", disable::handle)
}

/// Recovery codes, shown once.
#[derive(Serialize)]
struct Codes {
    recovery_codes: Vec<String>,
}

impl Codes {
    fn new(codes: &[Secret]) -> Self {
        Self { recovery_codes: codes.iter().map(|code| code.expose().to_owned()).collect() }
    }
}

/// The one field of most of these calls.
fn code_of(call: &Call) -> Result<String, Refusal> {
    let mut fields = call.fields()?;
    let code = fields.text("code", 64);
    fields.finish()?;
    Ok(code)
}

/// What is missing or there already, said in words of its own.
fn named(error: Error, text: &'static str) -> Refusal {
    match error {
        Error::NotFound { .. } | Error::Conflict { .. } => Refusal::text(text),
        other => other.into(),
    }
}

const NONE: &str = "未绑定动态验证码";
const NOT_BEGUN: &str = "请先获取动态验证码密钥";
const PRESENT: &str = "已绑定动态验证码";
