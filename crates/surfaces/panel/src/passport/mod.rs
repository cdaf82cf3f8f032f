//! Logins and registrations (specs/panel.md §2.1).

mod entrance;
pub(crate) mod login;
mod mail;
mod register;

use gatehouse_domain::panel::session::Opened;
use serde_json::{Value, json};

use crate::{
    answer::Failure,
    endpoint::{Call, Endpoint, For, endpoint},
};

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(Post "v1/passport/auth/login", For::Anybody, login::login),
    endpoint!(Post "v2/passport/auth/login", For::Anybody, login::login),
    endpoint!(Post "v1/passport/auth/register", For::Anybody, register::register),
    endpoint!(Post "v2/passport/auth/register", For::Anybody, register::register),
    endpoint!(Get "v1/passport/auth/token2Login", For::Anybody, entrance::token_to_login),
    endpoint!(Get "v2/passport/auth/token2Login", For::Anybody, entrance::token_to_login),
    endpoint!(Post "v1/passport/auth/forget", For::Anybody, mail::forget),
    endpoint!(Post "v2/passport/auth/forget", For::Anybody, mail::forget),
    endpoint!(Post "v1/passport/auth/getQuickLoginUrl", For::Anybody, entrance::quick_link),
    endpoint!(Post "v2/passport/auth/getQuickLoginUrl", For::Anybody, entrance::quick_link),
    endpoint!(Post "v1/passport/auth/loginWithMailLink", For::Anybody, mail::login_link),
    endpoint!(Post "v2/passport/auth/loginWithMailLink", For::Anybody, mail::login_link),
    endpoint!(Post "v1/passport/comm/sendEmailVerify", For::Anybody, mail::send_code),
    endpoint!(Post "v2/passport/comm/sendEmailVerify", For::Anybody, mail::send_code),
    endpoint!(Post "v1/passport/comm/pv", For::Anybody, register::seen),
    endpoint!(Post "v2/passport/comm/pv", For::Anybody, register::seen),
    endpoint!(Post "v1/user/getQuickLoginUrl", For::User, entrance::users_quick_link),
];

/// `{token, auth_data, is_admin}`: the bare JWT twice.
async fn opened(call: &Call, opened: &Opened) -> Result<Value, Failure> {
    let token = call.panel.tokens.sign(&call.panel.app, opened).await?;
    Ok(json!({"token": token, "auth_data": token, "is_admin": opened.is_admin}))
}
