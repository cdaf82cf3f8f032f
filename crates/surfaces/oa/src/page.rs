//! What is not an endpoint: the page, the redirects, the 404.

use axum::{
    extract::OriginalUri,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, Method, StatusCode, header};

use crate::envelope;

/// Says that there is nothing here. Shape: text `404 page not found`, for wrong methods too. Source: specs/oa.md §1.1.
pub(crate) async fn not_found() -> Response {
    envelope::not_found()
}

/// Says that the service runs, to people who open its address. Source: specs/oa.md §1.1.
pub(crate) async fn running() -> Response {
    const PAGE: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Gatehouse</title>\n\
        <p>The service is running.</p>\n</html>\n";
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], PAGE).into_response()
}

/// Sends `/v1` to `/v1/`: 301 for GET, 307 for the rest. Source: specs/oa.md §1.1.
pub(crate) async fn to_root(method: Method, OriginalUri(uri): OriginalUri) -> Response {
    let status = match method {
        Method::GET => StatusCode::MOVED_PERMANENTLY,
        _ => StatusCode::TEMPORARY_REDIRECT,
    };
    redirect(status, &format!("{}/", uri.path()), uri.query())
}

/// Sends a POST to an endpoint with a slash too many to the endpoint. Source: specs/oa.md §1.1.
pub(crate) async fn without_slash(method: Method, OriginalUri(uri): OriginalUri) -> Response {
    if method != Method::POST {
        return envelope::not_found();
    }
    redirect(StatusCode::TEMPORARY_REDIRECT, uri.path().trim_end_matches('/'), uri.query())
}

/// The location is a path, so that neither scheme nor `Host` is repeated from the request; the query is kept.
fn redirect(status: StatusCode, path: &str, query: Option<&str>) -> Response {
    let target = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    match HeaderValue::try_from(target) {
        Ok(location) => (status, [(header::LOCATION, location)]).into_response(),
        Err(_unfit) => envelope::not_found(),
    }
}
