//! What payment systems report (specs/billing.md §11.4). Answers are plain words with a status: a provider repeats what was not
//! answered with 200.

use std::time::Duration;

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use gatehouse_domain::{
    billing::session,
    payment::{
        Notice,
        notice::{self, Taken},
    },
};
use gatehouse_kit::{Asked, BodyRule, log_error, read_body};
use http::{Method, StatusCode};

use crate::surface::Billing;

/// Addresses of the two payment systems.
pub(crate) const FONDY: &str = "/cgi-bin/fondy.pl";
pub(crate) const LIQPAY: &str = "/cgi-bin/liqpay.pl";

const RULE: BodyRule = BodyRule { limit: 256 << 10, deadline: Duration::from_secs(20) };

/// What Fondy reports of an order. Shape: flat JSON, a form, or `data` and `signature` → `OK`. Errors: 400 not its word or not about
/// the order as it was made, 404 unknown order, 503 ours: it will come again. Source: specs/billing.md §11.2.
pub(crate) async fn fondy(State(billing): State<Billing>, request: Request) -> Response {
    take(&billing, "fondy", request).await
}

/// What LiqPay reports of an order. Shape: form `data`, `signature` → `OK`. Errors: as [`fondy`]. Source: specs/billing.md §11.3.
pub(crate) async fn liqpay(State(billing): State<Billing>, request: Request) -> Response {
    take(&billing, "liqpay", request).await
}

async fn take(billing: &Billing, channel: &'static str, request: Request) -> Response {
    if request.method() != Method::POST {
        return (StatusCode::METHOD_NOT_ALLOWED, "POST required\n").into_response();
    }
    let asked = Asked::of(&request);
    let (parts, body) = request.into_parts();
    let Ok(body) = read_body(&parts.headers, body, RULE).await else {
        return (StatusCode::BAD_REQUEST, "refused\n").into_response();
    };
    let ctx = session::anonymous(&billing.app, asked.caller().clone());
    let (query, at) = (parts.uri.query().unwrap_or_default().to_owned(), ctx.now());
    let notice = Notice { address: asked.address(), body: body.into(), query, signature: None, at };
    match notice::take(&ctx, channel, &notice).await {
        Ok(Taken::Done) => "OK".into_response(),
        Ok(Taken::Refused) => (StatusCode::BAD_REQUEST, "refused\n").into_response(),
        Ok(Taken::UnknownOrder) => (StatusCode::NOT_FOUND, "unknown order\n").into_response(),
        Err(error) => {
            log_error(&error);
            (StatusCode::SERVICE_UNAVAILABLE, "try again\n").into_response()
        }
    }
}
