//! Front ends on other hosts (specs/panel.md §1.4). No credentials travel by themselves: there are no cookies here.

use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

/// Whether a request only asks what it may send.
pub(crate) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to it.
pub(crate) fn preflight() -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
    let allowed = HeaderValue::from_static("Authorization, Content-Type, Content-Language");
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

/// Tells browsers of allowed origins that they may read an answer.
pub(crate) fn allow(response: &mut Response, origin: Option<&HeaderValue>, allowed: &[String]) {
    let headers = response.headers_mut();
    if allowed.iter().any(|listed| listed == "*") {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        return;
    }
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = origin else { return };
    let is_listed = origin.to_str().is_ok_and(|text| allowed.iter().any(|listed| listed.trim_end_matches('/') == text));
    if is_listed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
}
