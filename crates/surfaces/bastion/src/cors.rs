//! Front ends on other hosts: only the origins of `bastion.cors_origins` (specs/bastion.md §4.1).

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderValue, Method, header};

use crate::auth::Bastion;

/// Tells browsers of allowed origins that they may read the answer.
pub(crate) async fn apply(State(bastion): State<Bastion>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).filter(|origin| is_listed(&bastion, origin)).cloned();
    let is_preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = next.run(request).await;
    let has_origins = !bastion.app.settings().bastion.cors_origins.is_empty();
    if has_origins {
        response.headers_mut().append(header::VARY, HeaderValue::from_static("Origin"));
    }
    if let Some(origin) = origin {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        if is_preflight {
            preflight(headers);
        }
    }
    response
}

fn preflight(headers: &mut HeaderMap) {
    let allowed = HeaderValue::from_static("Authorization, Content-Type");
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
}

fn is_listed(bastion: &Bastion, origin: &HeaderValue) -> bool {
    let origins = &bastion.app.settings().bastion.cors_origins;
    origin.to_str().is_ok_and(|origin| origins.iter().any(|listed| listed.trim_end_matches('/') == origin))
}

/// Whether a request without `Origin`, or from an origin that is ours or listed: the rule of refresh and of web sockets.
/// Ours: the host of the request, by either scheme, as a proxy before us may speak TLS.
pub(crate) fn is_own_or_listed(bastion: &Bastion, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    if is_listed(bastion, origin) {
        return true;
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    match (origin, host) {
        (Some(("http" | "https", origin)), Some(host)) => origin.eq_ignore_ascii_case(host),
        _ => false,
    }
}
