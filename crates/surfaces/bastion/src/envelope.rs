//! What this surface says when it refuses: shapes and texts of specs/bastion.md §4.2. Every byte is contract.

use std::{borrow::Cow, time::Duration};

use axum::response::{IntoResponse, Response};
use gatehouse_domain::Error;
use gatehouse_kit::{Asked, Envelope, Fault, log_error};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    reply::{Reply, json_response},
    text,
};

/// What an endpoint gives back.
pub(crate) type Outcome = Result<Reply, Refusal>;

/// Field → its texts, in the order in which they were found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct FieldTexts(Vec<(Cow<'static, str>, Vec<Cow<'static, str>>)>);

impl FieldTexts {
    /// Adds a text to a field.
    pub(crate) fn add(&mut self, field: impl Into<Cow<'static, str>>, text: impl Into<Cow<'static, str>>) {
        let (field, text) = (field.into(), text.into());
        match self.0.iter_mut().find(|(present, _)| *present == field) {
            Some((_, texts)) => texts.push(text),
            None => self.0.push((field, vec![text])),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn has(&self, field: &str) -> bool {
        self.0.iter().any(|(present, _)| present == field)
    }
}

impl Serialize for FieldTexts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(field, texts)| (field, texts)))
    }
}

/// Why an endpoint does not do what was asked.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// A use case said so.
    Error(Error),
    /// The transport did.
    Fault(Fault),
    /// The body is of another type.
    MediaType(String),
    /// E400f.
    Fields(FieldTexts),
    /// E400t.
    Text(Cow<'static, str>),
    /// 400 with a detail of its own shape.
    Detail(Value),
    /// E401 with a text of its own.
    Unauthenticated(&'static str),
    /// The code of a second factor is needed: what finishes the login, and the seconds it may take.
    Factor { token: String, expires_in: u64 },
    /// E403 with a text of its own.
    Forbidden(&'static str),
}

impl Refusal {
    /// E400f with one text.
    pub(crate) fn field(field: &'static str, text: &'static str) -> Self {
        let mut texts = FieldTexts::default();
        texts.add(field, text);
        Self::Fields(texts)
    }

    /// E400t.
    pub(crate) fn text(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Text(text.into())
    }

    /// E404.
    pub(crate) fn not_found() -> Self {
        Self::Fault(Fault::NotFound)
    }

    /// E401.
    pub(crate) fn unauthenticated() -> Self {
        Self::Unauthenticated(text::UNAUTHENTICATED)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// `{code,msg,detail}`
struct Failure {
    status: StatusCode,
    msg: &'static str,
    detail: Detail,
}

/// Texts of fields keep their order; a [`Value`] would sort them.
#[derive(Serialize)]
#[serde(untagged)]
enum Detail {
    Value(Value),
    Fields(FieldTexts),
}

#[derive(Serialize)]
struct Full<'a> {
    code: u16,
    msg: &'static str,
    detail: &'a Detail,
    #[serde(skip_serializing_if = "Option::is_none")]
    mfa: Option<Mfa<'a>>,
}

#[derive(Serialize)]
struct Mfa<'a> {
    token: &'a str,
    methods: [&'static str; 2],
    expires_in: u64,
}

fn failure(status: StatusCode, msg: &'static str, detail: impl Into<Value>) -> Failure {
    Failure { status, msg, detail: Detail::Value(detail.into()) }
}

fn bad_request(detail: impl Into<Value>) -> Failure {
    failure(StatusCode::BAD_REQUEST, "参数错误", detail)
}

fn unauthenticated(detail: &'static str) -> Failure {
    failure(StatusCode::UNAUTHORIZED, "未登录", detail)
}

fn forbidden(detail: &'static str) -> Failure {
    failure(StatusCode::FORBIDDEN, "权限错误", detail)
}

fn fields(texts: FieldTexts) -> Failure {
    Failure { detail: Detail::Fields(texts), ..bad_request(Value::Null) }
}

/// An error of a use case: exhaustive, so that a new error is decided here.
fn of_error(error: &Error, request_id: &str) -> Failure {
    let one = |field: &str, rule: &str| {
        let mut texts = FieldTexts::default();
        let (field, text) = text::fault(field, rule);
        texts.add(field, text);
        fields(texts)
    };
    match error {
        Error::NotFound { .. } => of_fault(Fault::NotFound, request_id, "", ""),
        Error::Conflict { key, .. } => match text::conflict(key) {
            Some((field, text)) => fields(FieldTexts(vec![(field.into(), vec![text.into()])])),
            None => bad_request("数据已存在"),
        },
        Error::Invalid { field, rule } => one(field, rule),
        Error::Fields(faults) => {
            let mut texts = FieldTexts::default();
            for fault in faults {
                let (field, text) = text::fault(fault.field, fault.rule);
                texts.add(field, text);
            }
            fields(texts)
        }
        Error::Unauthenticated { .. } => unauthenticated(text::UNAUTHENTICATED),
        Error::Forbidden { .. } => forbidden(text::FORBIDDEN),
        Error::Expired { .. } => bad_request("已过期"),
        Error::Locked { .. } => bad_request(text::PROTECTED),
        Error::QuotaExceeded { .. } => bad_request("数量已达上限"),
        Error::InsufficientFunds => bad_request("余额不足"),
        Error::RateLimited { .. } => failure(StatusCode::TOO_MANY_REQUESTS, "请求过于频繁", "请求过于频繁,请稍后再试"),
        Error::Upstream { .. } | Error::Unavailable(_) | Error::Internal(_) => {
            failure(StatusCode::INTERNAL_SERVER_ERROR, "服务器内部错误", request_id)
        }
    }
}

fn of_fault(fault: Fault, request_id: &str, method: &str, media: &str) -> Failure {
    match fault {
        Fault::NotFound => failure(StatusCode::NOT_FOUND, "未找到", "未找到。"),
        Fault::Method => failure(StatusCode::METHOD_NOT_ALLOWED, "方法不被允许", format!("方法 “{method}” 不被允许。")),
        Fault::TooLarge => failure(StatusCode::PAYLOAD_TOO_LARGE, "请求体过大", "请求体过大"),
        Fault::Incomplete => bad_request(text::NOT_JSON),
        Fault::RateLimited { retry_after } => of_error(&Error::RateLimited { retry_after }, media),
        Fault::Panic => failure(StatusCode::INTERNAL_SERVER_ERROR, "服务器内部错误", request_id),
    }
}

/// [`Envelope`] of this surface.
#[derive(Debug)]
pub(crate) struct BastionEnvelope {
    /// `bastion.compat.bare_errors`
    pub(crate) bare_errors: bool,
}

impl BastionEnvelope {
    /// Renders a refusal of the endpoint at a path (relative to the prefix, without slash at the end), and logs its cause.
    pub(crate) fn refuse(&self, path: &str, refusal: &Refusal, asked: &Asked) -> Response {
        let id = &asked.caller().request_id;
        let failure = match refusal {
            Refusal::Error(error) => {
                log_error(error);
                of_error(error, id)
            }
            Refusal::Fault(fault) => of_fault(*fault, id, asked.method().as_str(), ""),
            Refusal::MediaType(media) => failure(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "不支持的媒体类型",
                format!("不支持请求中的媒体类型 “{media}”。"),
            ),
            Refusal::Fields(texts) => fields(texts.clone()),
            Refusal::Text(text) => bad_request(text.as_ref()),
            Refusal::Detail(detail) => bad_request(detail.clone()),
            Refusal::Unauthenticated(text) => unauthenticated(text),
            Refusal::Factor { .. } => unauthenticated(text::FACTOR_NEEDED),
            Refusal::Forbidden(text) => forbidden(text),
        };
        let mfa = match refusal {
            Refusal::Factor { token, expires_in } => {
                Some(Mfa { token, methods: ["totp", "recovery"], expires_in: *expires_in })
            }
            _ => None,
        };
        let mut response = self.render(path, &failure, mfa);
        let wait = match refusal {
            Refusal::Error(Error::RateLimited { retry_after }) | Refusal::Fault(Fault::RateLimited { retry_after }) => {
                Some(*retry_after)
            }
            _ => None,
        };
        if let Some(wait) = wait {
            response.headers_mut().insert(header::RETRY_AFTER, seconds(wait));
        }
        response
    }

    fn render(&self, path: &str, failure: &Failure, mfa: Option<Mfa<'_>>) -> Response {
        let Failure { status, msg, detail } = failure;
        if self.bare_errors
            && let Some(body) = bare(path, *status, msg, detail)
        {
            return json_response(*status, &body);
        }
        json_response(*status, &Full { code: status.as_u16(), msg, detail, mfa })
    }
}

/// The replies the seed prints without code or without detail, exactly so (operations 2, 3, 15, 18, 23, 25–27, 29–34).
fn bare(path: &str, status: StatusCode, msg: &'static str, detail: &Detail) -> Option<Value> {
    let Detail::Value(detail) = detail else { return None };
    let told = || Some(json!({ "detail": detail }));
    match (path, status.as_u16(), detail.as_str().unwrap_or_default()) {
        ("rbac/logout", 401, _)
        | ("rbac/role/get/permission" | "perm/group-auth/get", 404, _)
        | ("resource/resource/edit" | "resource/voucher/edit", 400, text::STILL_BOUND)
        | ("resource/resource/del" | "resource/voucher/del", 400, text::WRONG_PARAMETER) => told(),
        ("rbac/refresh", 400, _)
        | (
            "resource/group/get"
            | "resource/resource/get"
            | "resource/voucher/get"
            | "audit/login/get"
            | "audit/opera/get"
            | "audit/session/get",
            403,
            _,
        ) => Some(json!({ "code": status.as_u16(), "msg": msg })),
        _ => None,
    }
}

/// Whole seconds, rounded up, at least one.
fn seconds(wait: Duration) -> HeaderValue {
    HeaderValue::from(u64::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX).max(1))
}

impl Envelope for BastionEnvelope {
    const SURFACE: &'static str = "bastion";

    fn fault(&self, fault: Fault, asked: &Asked) -> Response {
        self.refuse("", &Refusal::Fault(fault), asked)
    }

    fn error(&self, error: &Error, asked: &Asked) -> Response {
        let failure = of_error(error, &asked.caller().request_id);
        self.render("", &failure, None).into_response()
    }
}
