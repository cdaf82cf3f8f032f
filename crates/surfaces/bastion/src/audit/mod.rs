//! `audit/*`

mod export;
mod filter;
mod login;
mod operation;
mod search;
mod session;
mod stay;

use gatehouse_domain::Ctx;

use crate::{call::Call, envelope::Refusal, routes::Routes};

/// The endpoints of this area.
pub(crate) fn routes(routes: Routes) -> Routes {
    stay::routes(routes)
        .get("audit/login/get", login::handle)
        .get("audit/opera/get", operation::handle)
        .get("audit/session/get", session::handle)
        .get("audit/operation/export", export::handle)
}

/// The right on a log, or on one's own rows of it when only these are asked for.
fn require(ctx: &Ctx, code: &'static str, call: &Call) -> Result<(), Refusal> {
    match ctx.require(code) {
        Err(_missing) if call.query().boolean("self") == Some(true) => Ok(ctx.require("user.profile.read")?),
        held => Ok(held?),
    }
}
