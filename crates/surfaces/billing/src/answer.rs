//! What an action comes to, and how it is put on the wire (specs/billing.md §1).

use axum::{body::Body, response::Response};
use bytes::Bytes;
use gatehouse_domain::{
    Error,
    billing::{self, Refusal},
    settings::{Envelope, Language},
};
use http::{HeaderValue, header};
use serde_json::Value;

use crate::text;

/// What every action gives.
pub(crate) type Outcome = Result<Answer, Failure>;

/// An answer without an error.
pub(crate) enum Answer {
    /// Members of data: they stand where the envelope says.
    Data(Vec<u8>),
    /// Members of an answer whose `result` is a text in every mode.
    Plain(Vec<u8>),
    /// A body that is written while it is sent.
    Stream(Body),
}

impl Answer {
    /// `{"result":"ok"}`
    pub(crate) fn done() -> Self {
        Self::Plain(br#""result":"ok""#.to_vec())
    }
}

/// Why an action did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// By the contract: `err_cod`, and the text where it is not that of the tables.
    Refused(&'static str, Option<String>),
    /// What any use case may meet.
    Error(Error),
}

impl Failure {
    /// A refusal by its code.
    pub(crate) const fn code(code: &'static str) -> Self {
        Self::Refused(code, None)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let code = refusal.code();
        match refusal {
            Refusal::MessageBlocked(why) => Self::Refused(code, Some(why).filter(|why| !why.is_empty())),
            _ => Self::code(code),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<billing::Failure> for Failure {
    fn from(failure: billing::Failure) -> Self {
        match failure {
            billing::Failure::Refused(refusal) => refusal.into(),
            billing::Failure::Error(error) => error.into(),
        }
    }
}

/// `err_cod` of an error that no action has words of its own for.
pub(crate) fn code_of(error: &Error) -> &'static str {
    match error {
        Error::NotFound { .. } | Error::Expired { .. } => "not_found",
        Error::Invalid { .. } | Error::Fields(_) => "bad_request",
        Error::Unauthenticated { .. } => "unauthorized",
        Error::Forbidden { .. } => "no_privilege",
        Error::Locked { .. } => "forbidden",
        Error::QuotaExceeded { .. } | Error::RateLimited { .. } => "too_many",
        Error::InsufficientFunds => "no_money",
        Error::Upstream { .. } => "gateway_unavailable",
        Error::Conflict { .. } | Error::Unavailable(_) | Error::Internal(_) => "temporary",
    }
}

/// The object around members of data.
pub(crate) fn enveloped(envelope: Envelope, members: &[u8]) -> Vec<u8> {
    match envelope {
        Envelope::Both => [b"{".as_slice(), members, b",\"result\":{", members, b"}}"].concat(),
        Envelope::Root => [b"{".as_slice(), members, b",\"result\":\"ok\"}"].concat(),
        Envelope::Nested => [b"{\"result\":{".as_slice(), members, b"}}"].concat(),
    }
}

/// The object around members whose `result` is a text.
pub(crate) fn plain(members: &[u8]) -> Vec<u8> {
    [b"{".as_slice(), members, b"}"].concat()
}

/// `{"error":"…","err_cod":"…"}`
pub(crate) fn error_body(code: &str, own: Option<&str>, language: Language) -> Vec<u8> {
    let text = own.unwrap_or_else(|| text::of(code).shown(language));
    format!("{{\"error\":{},\"err_cod\":\"{code}\"}}", Value::from(text)).into_bytes()
}

/// A body with the status and type of every answer.
pub(crate) fn respond(body: Body) -> Response {
    let mut response = Response::new(body);
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The same for bytes.
pub(crate) fn respond_bytes(body: Vec<u8>) -> Response {
    respond(Body::from(Bytes::from(body)))
}
