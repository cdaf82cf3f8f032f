//! `GET passport/auth/token2Login`, `POST passport/auth/getQuickLoginUrl`, `POST user/getQuickLoginUrl`.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use gatehouse_domain::panel::{Refusal, entrance};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::opened;
use crate::{
    answer::{Answer, Failure, Outcome},
    endpoint::Call,
    input::as_text,
};

/// Logs in by a token, or leads to the page that does. Shape: `verify` → bare `{data: {token, auth_data, is_admin}}`; `token`,
/// `redirect?` → 302. Errors: "Token error", "User not found", "Invalid request".
pub(super) async fn token_to_login(call: &Call) -> Outcome {
    if let Some(token) = call.input.text("verify") {
        let session = entrance::enter_by(&call.ctx, &token, call.user_agent()).await?;
        return Ok(Answer::Bare(json!({"data": opened(call, &session).await?})));
    }
    let token = call.input.text("token").ok_or(Refusal::rule("Invalid request"))?;
    let link = entrance::link(&call.ctx.app, &token, call.input.text("redirect").as_deref());
    let Ok(location) = HeaderValue::from_str(&link) else { return Err(Refusal::rule("Invalid request").into()) };
    let headers = [(header::LOCATION, location), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    let response: Response = (StatusCode::FOUND, headers, Body::empty()).into_response();
    Ok(Answer::Raw(Box::new(response)))
}

/// A link that logs in once. Shape: the credential as header or `auth_data`, whatever the settings say; `redirect?` → the link.
/// Errors: 401 without a credential that counts.
pub(super) async fn quick_link(call: &Call) -> Outcome {
    let by_header = call.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let credential = by_header.or_else(|| call.input.value("auth_data").and_then(as_text));
    let who = match credential {
        Some(credential) => call.panel.holder(&call.ctx, &credential).await?,
        None => None,
    };
    let who = who.ok_or_else(|| Failure::from(Refusal::nobody("未登录或登陆已过期")))?;
    let link = entrance::quick_link(&who, call.input.text("redirect").as_deref()).await?;
    Ok(Answer::Data(Value::from(link)))
}

/// The same for whoever is logged in.
pub(super) async fn users_quick_link(call: &Call) -> Outcome {
    let link = entrance::quick_link(call.who()?, call.input.text("redirect").as_deref()).await?;
    Ok(Answer::Data(Value::from(link)))
}
