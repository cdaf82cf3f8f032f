//! What this surface says when it does what was asked: keys in the order code, msg, total, detail, extra.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

/// A successful answer.
#[derive(Debug)]
pub(crate) struct Reply(Response);

#[derive(Serialize)]
struct Success<T, E> {
    code: u16,
    msg: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<E>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<Tokens>,
}

/// The pair of a login.
#[derive(Debug, Serialize)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

type Nothing = Option<()>;

fn success<T, E>() -> Success<T, E> {
    Success { code: 200, msg: "OK", total: None, detail: None, extra: None, token: None }
}

impl Reply {
    /// `{code:200,msg:"OK"}`
    pub(crate) fn ok() -> Self {
        Self::of(&success::<Nothing, Nothing>())
    }

    /// With `total`: how many a deletion deleted.
    pub(crate) fn total(total: i64) -> Self {
        Self::of(&Success { total: Some(total), ..success::<Nothing, Nothing>() })
    }

    /// With `detail`, and nothing else.
    pub(crate) fn detail(detail: impl Serialize) -> Self {
        Self::of(&Success { detail: Some(detail), ..success::<_, Nothing>() })
    }

    /// With `token`: logins.
    pub(crate) fn tokens(tokens: Tokens) -> Self {
        Self::of(&Success { token: Some(tokens), ..success::<Nothing, Nothing>() })
    }

    /// A page of a list with `extra`.
    pub(crate) fn page_with(total: i64, rows: impl Serialize, extra: impl Serialize) -> Self {
        Self::of(&Success { total: Some(total), detail: Some(rows), extra: Some(extra), ..success() })
    }

    /// Bytes that are not this envelope: downloads and exports.
    pub(crate) fn raw(response: Response) -> Self {
        Self(response)
    }

    /// Adds a header.
    #[must_use]
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers_mut().append(name, value);
        self
    }

    fn of(body: &impl Serialize) -> Self {
        Self(json_response(StatusCode::OK, body))
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        self.0
    }
}

/// Renders JSON.
pub(crate) fn json_response(status: StatusCode, body: &impl Serialize) -> Response {
    // Writing plain structs to memory cannot fail; an empty body would still be no framework text.
    let bytes = serde_json::to_vec(body).unwrap_or_default();
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
