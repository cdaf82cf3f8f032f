//! The shape of every answer (specs/vpn.md §5.1).

use axum::{body::Body, response::Response};
use bytes::Bytes;
use gatehouse_domain::{Error, settings::Messages};
use gatehouse_kit::{Asked, Envelope, Fault};
use http::{HeaderValue, StatusCode, header};

use crate::{
    answer::{Argument, Message, Refusal, Success, refusal},
    ascii,
    endpoint::Dialect,
    text,
};

pub(crate) const WRONG_ADDRESS: Refusal = refusal(404, text::WRONG_ADDRESS);
pub(crate) const UNKNOWN_ACTION: Refusal = refusal(1, text::UNKNOWN_ACTION);
pub(crate) const UNVERIFIED: Refusal = refusal(4, text::UNVERIFIED);
const TOO_LARGE: Refusal = refusal(413, text::TOO_LARGE);
const TIMED_OUT: Refusal = refusal(408, text::TIMED_OUT);
const INTERNAL: Refusal = refusal(500, text::INTERNAL);

/// [`Envelope`] of this surface.
#[derive(Clone, Copy)]
pub(crate) struct VpnEnvelope {
    pub(crate) messages: Messages,
}

impl VpnEnvelope {
    /// `{"code":0,"success":true,["result":…,]"message":"…","readOnlyInfo":null}`
    pub(crate) fn success(self, success: Success) -> Response {
        let message = match success.message {
            Message::Text(text) => ascii::quoted(text.shown(self.messages)),
            Message::Literal(text) => ascii::quoted(&text),
        };
        let result = success.result.map(|result| [b"\"result\":".as_slice(), &result, b","].concat());
        let parts =
            [b"{\"code\":0,\"success\":true,", result.as_deref().unwrap_or_default(), b"\"message\":", &message, END];
        json(StatusCode::OK, parts.concat())
    }

    /// `{"code":-2,"success":false,["error":"…",]"message":"…","readOnlyInfo":null}`
    pub(crate) fn refusal(self, refusal: Refusal, dialect: Dialect) -> Response {
        self.failure(StatusCode::OK, refusal, dialect)
    }

    /// A failure below or around the actions: the HTTP status is the code.
    pub(crate) fn transport(self, fault: Fault) -> Response {
        match fault {
            Fault::NotFound => self.failure(StatusCode::NOT_FOUND, WRONG_ADDRESS, Dialect::Seed),
            Fault::Method => {
                let mut response = self.failure(StatusCode::METHOD_NOT_ALLOWED, WRONG_ADDRESS, Dialect::Seed);
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
                response
            }
            Fault::TooLarge => self.failure(StatusCode::PAYLOAD_TOO_LARGE, TOO_LARGE, Dialect::Seed),
            Fault::Incomplete => self.failure(StatusCode::REQUEST_TIMEOUT, TIMED_OUT, Dialect::Seed),
            Fault::RateLimited { .. } | Fault::Panic => self.internal(),
        }
    }

    /// A fault of ours; never its cause.
    pub(crate) fn internal(self) -> Response {
        self.failure(StatusCode::INTERNAL_SERVER_ERROR, INTERNAL, Dialect::Seed)
    }

    fn failure(self, status: StatusCode, refusal: Refusal, dialect: Dialect) -> Response {
        let absent = match refusal.argument {
            Argument::Absent(name) => Some(format!("can't find the argument:'{name}'")),
            Argument::Fine | Argument::Empty => None,
        };
        let text = match (dialect, refusal.argument) {
            (Dialect::Standard, Argument::Empty) => text::PARAMETER,
            _ => refusal.text,
        };
        let message = match (dialect, &absent) {
            (Dialect::Standard, Some(absent)) => ascii::quoted(absent),
            _ => ascii::quoted(text.shown(self.messages)),
        };
        let error = absent.map(|absent| [b"\"error\":".as_slice(), &ascii::quoted(&absent), b","].concat());
        let code = format!("{{\"code\":{},\"success\":false,", refusal.code);
        let parts = [code.as_bytes(), error.as_deref().unwrap_or_default(), b"\"message\":", &message, END];
        json(status, parts.concat())
    }
}

const END: &[u8] = b",\"readOnlyInfo\":null}";

impl Envelope for VpnEnvelope {
    const SURFACE: &'static str = "vpn";

    fn fault(&self, fault: Fault, _: &Asked) -> Response {
        self.transport(fault)
    }

    /// Errors outside any action. Those of actions have its words, see `surface::render`.
    fn error(&self, error: &Error, _: &Asked) -> Response {
        match error {
            Error::NotFound { .. }
            | Error::Conflict { .. }
            | Error::Invalid { .. }
            | Error::Fields(_)
            | Error::Expired { .. }
            | Error::Locked { .. }
            | Error::QuotaExceeded { .. }
            | Error::InsufficientFunds
            | Error::RateLimited { .. }
            | Error::Upstream { .. }
            | Error::Unavailable(_)
            | Error::Internal(_) => self.internal(),
            Error::Unauthenticated { .. } | Error::Forbidden { .. } => self.refusal(UNVERIFIED, Dialect::Seed),
        }
    }
}

fn json(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(Bytes::from(body)));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn body(response: Response) -> String {
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json; charset=utf-8");
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().into()).unwrap()
    }

    const SEED: VpnEnvelope = VpnEnvelope { messages: Messages::Seed };

    #[derive(serde::Serialize)]
    struct Shown {
        id: &'static str,
        grpname: &'static str,
    }

    #[tokio::test]
    async fn a_success_is_what_the_seed_prints() {
        let plain = VpnEnvelope { messages: Messages::Plain };
        let seed = r#"{"code":0,"success":true,"message":"\u6dfb\u52a0\u7528\u6237\u6210\u529f","readOnlyInfo":null}"#;
        assert_eq!(body(SEED.success(Success::new(text::APPLIED))).await, seed);
        let done = r#"{"code":0,"success":true,"message":"\u64cd\u4f5c\u6210\u529f","readOnlyInfo":null}"#;
        assert_eq!(body(plain.success(Success::new(text::APPLIED))).await, done);
        let success = Success::new(text::DONE).with(&Shown { id: "25", grpname: "/某" }).unwrap();
        let shown = r#"{"code":0,"success":true,"result":{"id":"25","grpname":"\/\u67d0"},"message":"\u64cd\u4f5c\u6210\u529f","readOnlyInfo":null}"#;
        assert_eq!(body(SEED.success(success)).await, shown);
    }

    #[tokio::test]
    async fn a_missing_argument_is_told_as_its_action_does() {
        let en = VpnEnvelope { messages: Messages::En };
        let wrong = refusal(-2, text::NAME_EMPTY);
        let absent = r#""error":"can't find the argument:'name'","#;
        let seed = body(en.refusal(wrong.missing("name"), Dialect::Seed)).await;
        let text = "The user name must not be empty";
        assert_eq!(seed, format!(r#"{{"code":-2,"success":false,{absent}"message":"{text}","readOnlyInfo":null}}"#));
        let standard = body(en.refusal(wrong.missing("name"), Dialect::Standard)).await;
        let message = r#""message":"can't find the argument:'name'""#;
        assert_eq!(standard, format!(r#"{{"code":-2,"success":false,{absent}{message},"readOnlyInfo":null}}"#));
        for (dialect, text) in [(Dialect::Seed, text), (Dialect::Standard, "Wrong parameter")] {
            let empty = body(en.refusal(wrong.empty(), dialect)).await;
            assert_eq!(empty, format!(r#"{{"code":-2,"success":false,"message":"{text}","readOnlyInfo":null}}"#));
        }
    }

    #[tokio::test]
    async fn transport_failures_have_their_status_as_code() {
        for (fault, status, code) in [
            (Fault::NotFound, 404, 404),
            (Fault::Method, 405, 404),
            (Fault::TooLarge, 413, 413),
            (Fault::Incomplete, 408, 408),
            (Fault::Panic, 500, 500),
        ] {
            let response = SEED.transport(fault);
            assert_eq!(response.status(), status);
            assert_eq!(response.headers().contains_key(header::ALLOW), status == 405);
            assert!(
                body(response).await.starts_with(&format!("{{\"code\":{code},\"success\":false,\"message\":\"\\u"))
            );
        }
    }
}
