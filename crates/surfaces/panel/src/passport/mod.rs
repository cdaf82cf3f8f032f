//! Logins and registrations (specs/panel.md §2.1).

mod login;

use gatehouse_domain::panel::session::Opened;
use serde_json::{Value, json};

use crate::{
    answer::Failure,
    endpoint::{Call, Endpoint, For, endpoint},
};

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(Post "v1/passport/auth/login", For::Anybody, login::login),
    endpoint!(Post "v2/passport/auth/login", For::Anybody, login::login),
];

/// `{token, auth_data, is_admin}`: the bare JWT twice.
async fn opened(call: &Call, opened: &Opened) -> Result<Value, Failure> {
    let token = call.panel.tokens.sign(&call.panel.app, opened).await?;
    Ok(json!({"token": token, "auth_data": token, "is_admin": opened.is_admin}))
}
