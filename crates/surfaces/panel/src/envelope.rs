//! The surface's shapes: `{status, message, data, error}` (specs/panel.md §1.1). The envelope never has a key `code`.

use std::sync::Arc;

use axum::{body::Body, response::Response};
use gatehouse_domain::{
    App, Error,
    panel::refusal::{Kind, Refusal},
};
use gatehouse_kit::{Asked, Envelope, Fault, log_error};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::{
    answer::{Answer, Failure},
    text::{self, Language},
};

/// The surface's envelope.
#[derive(Clone)]
pub(crate) struct PanelEnvelope {
    /// Of callers that name none.
    locale: Language,
}

impl PanelEnvelope {
    pub(crate) fn new(app: &App) -> Arc<Self> {
        Arc::new(Self { locale: Language::of(&app.settings().panel.locale).unwrap_or(Language::ZhCn) })
    }

    /// The language a request asks for.
    pub(crate) fn language_of(&self, headers: &HeaderMap) -> Language {
        let named = headers.get(header::CONTENT_LANGUAGE).and_then(|value| value.to_str().ok());
        named.and_then(Language::of).unwrap_or(self.locale)
    }

    fn spoken(&self, asked: &Asked) -> Language {
        asked.caller().language.as_deref().and_then(Language::of).unwrap_or(self.locale)
    }
}

/// Renders what an endpoint came to.
pub(crate) fn render(outcome: Result<Answer, Failure>, language: Language) -> Response {
    match outcome {
        Ok(Answer::Data(data)) => json_reply(StatusCode::OK, &success(&data, language)),
        Ok(Answer::Beside(data, beside)) => {
            let mut body = success(&data, language);
            if let Some(object) = body.as_object_mut() {
                object.extend(beside);
            }
            json_reply(StatusCode::OK, &body)
        }
        Ok(Answer::Bare(body)) => json_reply(StatusCode::OK, &body),
        Ok(Answer::Raw(response)) | Err(Failure::Raw(response)) => *response,
        Err(Failure::Refused(refusal)) => refused(&[refusal], language),
        Err(Failure::Inputs(refusals)) => refused(&refusals, language),
        Err(Failure::Error(error)) => {
            log_error(&error);
            failed(&error, language)
        }
    }
}

fn success(data: &Value, language: Language) -> Value {
    json!({"status": "success", "message": text::of("操作成功", language), "data": data, "error": null})
}

/// A failure with a text. Extra members come behind the four.
fn failure(status: StatusCode, message: &str, extra: Option<Map<String, Value>>) -> Response {
    let mut body = json!({"status": "fail", "message": message, "data": null, "error": null});
    if let (Some(object), Some(extra)) = (body.as_object_mut(), extra) {
        object.extend(extra);
    }
    json_reply(status, &body)
}

fn refused(refusals: &[Refusal], language: Language) -> Response {
    let Some(first) = refusals.first() else {
        return failure(StatusCode::BAD_REQUEST, &text::of("Invalid parameter", language), None);
    };
    let status = match first.kind {
        Kind::Rule => StatusCode::BAD_REQUEST,
        Kind::Input(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::Often => StatusCode::TOO_MANY_REQUESTS,
        Kind::Missing => StatusCode::NOT_FOUND,
        Kind::Denied => StatusCode::FORBIDDEN,
        Kind::Nobody => StatusCode::UNAUTHORIZED,
    };
    let mut errors = Map::new();
    for refusal in refusals {
        if let Kind::Input(field) = refusal.kind {
            errors.insert(field.to_owned(), json!([text::filled(refusal, language)]));
        }
    }
    let extra = (!errors.is_empty()).then(|| [("errors".to_owned(), Value::Object(errors))].into_iter().collect());
    failure(status, &text::filled(first, language), extra)
}

/// An error of a use case that has no text of the contract.
fn failed(error: &Error, language: Language) -> Response {
    let (status, key) = match error {
        Error::NotFound { .. } | Error::Expired { .. } => {
            (StatusCode::BAD_REQUEST, "The requested item does not exist")
        }
        Error::Conflict { .. } => (StatusCode::BAD_REQUEST, "It exists already"),
        Error::Invalid { .. } | Error::Fields(_) => (StatusCode::UNPROCESSABLE_ENTITY, "Invalid parameter"),
        Error::Unauthenticated { .. } => (StatusCode::FORBIDDEN, "未登录或登陆已过期"),
        Error::Forbidden { .. } => (StatusCode::FORBIDDEN, "Unauthorized"),
        Error::Locked { .. } => (StatusCode::BAD_REQUEST, "It cannot be changed now"),
        Error::QuotaExceeded { .. } => (StatusCode::BAD_REQUEST, "Quota exceeded"),
        Error::InsufficientFunds => (StatusCode::BAD_REQUEST, "Insufficient balance"),
        Error::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "Too many requests, please try again later"),
        Error::Upstream { .. } | Error::Unavailable(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "Request failed, please try again later")
        }
        Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "Request failed, please try again later"),
    };
    let detail = match error {
        Error::Invalid { field, rule } => Some([("errors".to_owned(), json!({ field: [rule] }))].into_iter().collect()),
        _ => None,
    };
    let mut response = failure(status, &text::of(key, language), detail);
    if let Error::RateLimited { retry_after } = error {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after.as_secs().max(1)));
    }
    response
}

/// A JSON body with the headers of every answer.
pub(crate) fn json_reply(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl Envelope for PanelEnvelope {
    const SURFACE: &'static str = "panel";

    fn fault(&self, fault: Fault, asked: &Asked) -> Response {
        let (status, key) = match fault {
            Fault::NotFound => (StatusCode::NOT_FOUND, "Not Found"),
            Fault::Method => (StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"),
            Fault::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "The request is too large"),
            Fault::Incomplete => (StatusCode::BAD_REQUEST, "Invalid parameter"),
            Fault::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "Too many requests, please try again later"),
            Fault::Panic => (StatusCode::INTERNAL_SERVER_ERROR, "Request failed, please try again later"),
        };
        failure(status, &text::of(key, self.spoken(asked)), None)
    }

    fn error(&self, error: &Error, asked: &Asked) -> Response {
        failed(error, self.spoken(asked))
    }

    fn language(&self, headers: &HeaderMap) -> Option<String> {
        headers.get(header::CONTENT_LANGUAGE).and_then(|value| value.to_str().ok()).map(str::to_owned)
    }
}
