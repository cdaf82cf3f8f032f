//! `rbac/login/`, `rbac/login/otp/`, `rbac/refresh/`, `rbac/logout/`: in and out.

mod cookie;
mod login;
mod logout;
mod otp;
mod refresh;

use gatehouse_domain::{
    Ctx,
    login::{self as logins, Refused, Step},
};

use crate::{
    call::Call,
    envelope::{Outcome, Refusal},
    reply::Reply,
    routes::Routes,
    text, token,
};

/// The endpoints of this area.
pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .post("rbac/login", login::handle)
        .post("rbac/login/otp", otp::handle)
        .post("rbac/refresh", refresh::handle)
        .post("rbac/logout", logout::handle)
}

/// What follows a step of a login: the pair and its cookie, the question for a code, or the refusal.
async fn finish(call: &Call, ctx: &Ctx, step: Step) -> Outcome {
    match step {
        Step::Verified(verified) => {
            let pair = logins::open_session(ctx, verified, call.header("user-agent")).await?;
            let tokens = token::sign(&call.bastion, &pair).await?;
            let cookie = cookie::set(call, &tokens.refresh, &pair);
            Ok(Reply::tokens(tokens).with(http::header::SET_COOKIE, cookie?))
        }
        Step::Code(waiting) => {
            let token = logins::keep(ctx, &waiting).await?.expose().to_owned();
            Err(Refusal::Factor { token, expires_in: logins::CODE_TIME.as_secs() })
        }
        Step::Refused(Refused::Wrong) => Err(Refusal::Unauthenticated(text::WRONG_PASSWORD)),
        Step::Refused(Refused::Code) => Err(Refusal::Unauthenticated(text::WRONG_CODE)),
        Step::Refused(Refused::Disabled) => Err(Refusal::Forbidden(text::DISABLED)),
    }
}
