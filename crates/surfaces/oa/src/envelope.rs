//! The shapes and texts of this surface (specs/oa.md §1.3, §1.6). Every byte is contract.

use std::borrow::Cow;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use gatehouse_domain::{Error, oa::NodeInfo, settings::FailureShape};
use gatehouse_kit::{Asked, Envelope, Fault};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

/// The three endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// `generateUserProfile`
    Generate,
    /// `getConnInfoByUser`
    Conn,
    /// `delUserProfile`
    Delete,
}

impl Action {
    /// Name in metrics and in `oa.rate_limit.apply_to`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Generate => "generate",
            Self::Conn => "conn",
            Self::Delete => "delete",
        }
    }

    /// The endpoint behind a route template, before which the installation's prefix may stand. What answers errors but is
    /// no endpoint answers like the first.
    fn of_route(route: &str) -> Self {
        match route.rsplit('/').next() {
            Some("getConnInfoByUser") => Self::Conn,
            Some("delUserProfile") => Self::Delete,
            _ => Self::Generate,
        }
    }

    /// The answer to a fault of ours, and to whatever this surface has no code for.
    fn failure(self) -> Outcome {
        match self {
            Self::Generate | Self::Delete => TOO_MANY,
            Self::Conn => NO_NODES,
        }
    }
}

/// `StatusCode` and `StatusString`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Outcome {
    #[serde(rename = "StatusCode")]
    pub(crate) code: u16,
    #[serde(rename = "StatusString")]
    pub(crate) text: Cow<'static, str>,
}

const fn outcome(code: u16, text: &'static str) -> Outcome {
    Outcome { code, text: Cow::Borrowed(text) }
}

pub(crate) const PROCESSING: Outcome = outcome(102, "该新增用户数据已提交至系统，并且正在处理中，请等待");
pub(crate) const GENERATED: Outcome = outcome(200, "提交新增用户任务成功！");
pub(crate) const FOUND: Outcome = outcome(200, "查询成功!");
pub(crate) const QUEUED: Outcome = outcome(201, "该新增用户数据已提交至系统，正在排队处理中，请等待");
pub(crate) const UNKNOWN_CONN: Outcome = outcome(204, "该用户不存在，无法获取连接信息");
pub(crate) const UNAUTHORIZED: Outcome = outcome(401, "Unauthorized Token");
pub(crate) const UNKNOWN_DELETE: Outcome = outcome(404, "系统内没有该用户记录!");
pub(crate) const EXISTS: Outcome = outcome(405, "用户数据已经存在于系统内，不允许重复提交！");
pub(crate) const NOT_ACCEPTABLE: Outcome = outcome(406, "Not Acceptable");
const TIMEOUT: Outcome = outcome(408, "Request Timeout");
pub(crate) const REFUSED: Outcome =
    outcome(409, "用户数据已经存在于系统内，但是存在问题，请尝试发起删除用户流程后重新创建（重试）");
pub(crate) const NO_NODES: Outcome = outcome(412, "系统内没有节点或 API 还未拉取节点信息，请稍后再试");
const TOO_LARGE: Outcome = outcome(413, "Request Entity Too Large");
pub(crate) const REMOVING: Outcome =
    outcome(418, "用户数据正在删除,请等待删除操作完成。删除操作需要等待四十八小时后才会执行，请耐心等待");
pub(crate) const REMOVING_CONN: Outcome = outcome(418, "用户数据正在删除,不允许获取连接信息");
pub(crate) const TOO_MANY: Outcome = outcome(429, "服务请求过于频繁，请稍后再试");
pub(crate) const REMOVAL_FAILED: Outcome = outcome(
    500,
    "用户数据删除请求已提交满四十八小时，但是API尝试删除用户失败，这是由于系统内尚未刷新该数据允许删除，API会自动重试直到系统允许删除，请等待",
);

/// Deletion of a healthy user accepted; the name is repeated verbatim.
pub(crate) fn deletion_accepted(username: &str) -> Outcome {
    Outcome { code: 200, text: format!("系统已收到删除用户：{username} 的请求，已处理").into() }
}

/// Deletion of a refused user accepted; the name is repeated verbatim.
pub(crate) fn deletion_of_refused_accepted(username: &str) -> Outcome {
    Outcome {
        code: 200, text: format!("系统已收到删除可能存在问题的用户：{username} 的请求，已处理").into()
    }
}

/// What a handler answers.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The two keys.
    Outcome(Outcome),
    /// Success of `getConnInfoByUser`.
    Nodes(Vec<NodeInfo>),
}

impl Answer {
    fn code(&self) -> u16 {
        match self {
            Self::Outcome(outcome) => outcome.code,
            Self::Nodes(_) => FOUND.code,
        }
    }
}

#[derive(Serialize)]
struct Listing<'a> {
    #[serde(flatten)]
    outcome: Option<&'a Outcome>,
    #[serde(rename = "ResultMsg")]
    result: [&'a Outcome; 1],
    #[serde(rename = "NodeInfos")]
    nodes: Vec<Line<'a>>,
}

/// One node; all values are strings.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Line<'a> {
    sequence: String,
    name: &'a str,
    node_type: &'a str,
    tips: &'a str,
    ip: &'a str,
    method: &'a str,
    port: String,
    conn_info: &'a str,
}

impl<'a> Line<'a> {
    fn new(sequence: u32, node: &'a NodeInfo) -> Self {
        Self {
            sequence: sequence.to_string(),
            name: &node.name,
            node_type: node.node_type,
            tips: &node.tips,
            ip: &node.host,
            method: node.method,
            port: node.port.to_string(),
            conn_info: node.link.expose(),
        }
    }
}

/// Nodes come sorted; `Sequence` is the rank in this list, from 1.
fn lines(nodes: &[NodeInfo]) -> Vec<Line<'_>> {
    (1..).zip(nodes).map(|(sequence, node)| Line::new(sequence, node)).collect()
}

/// The answer to an error of a use case: exhaustive, so that a new error is decided here.
pub(crate) fn refusal(error: &Error, action: Action) -> Outcome {
    match error {
        Error::Unauthenticated { .. } => UNAUTHORIZED,
        Error::Invalid { .. } | Error::Fields(_) => NOT_ACCEPTABLE,
        Error::RateLimited { .. } => TOO_MANY,
        Error::NotFound { .. }
        | Error::Conflict { .. }
        | Error::Forbidden { .. }
        | Error::Expired { .. }
        | Error::Locked { .. }
        | Error::QuotaExceeded { .. }
        | Error::InsufficientFunds
        | Error::Upstream { .. }
        | Error::Unavailable(_)
        | Error::Internal(_) => action.failure(),
    }
}

/// The surface's own 404, byte-equal to the original's.
pub(crate) fn not_found() -> Response {
    (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/plain")], "404 page not found").into_response()
}

/// [`Envelope`] of this surface.
pub(crate) struct OaEnvelope {
    /// How failures of `getConnInfoByUser` look.
    pub(crate) conn_failure_shape: FailureShape,
}

impl OaEnvelope {
    /// Counts and renders an answer: HTTP 200, JSON, keys in the order of the contract.
    pub(crate) fn answer(&self, action: Action, answer: &Answer) -> Response {
        let code = answer.code().to_string();
        metrics::counter!("gatehouse_oa_answers_total", "action" => action.name(), "code" => code).increment(1);
        match answer {
            Answer::Nodes(nodes) => {
                json(StatusCode::OK, &Listing { outcome: None, result: [&FOUND], nodes: lines(nodes) })
            }
            Answer::Outcome(outcome) if action == Action::Conn && self.conn_failure_shape == FailureShape::Both => {
                json(StatusCode::OK, &Listing { outcome: Some(outcome), result: [outcome], nodes: Vec::new() })
            }
            Answer::Outcome(outcome) => json(StatusCode::OK, outcome),
        }
    }
}

impl Envelope for OaEnvelope {
    const SURFACE: &'static str = "oa";

    fn fault(&self, fault: Fault, asked: &Asked) -> Response {
        let action = Action::of_route(asked.route());
        match fault {
            Fault::NotFound | Fault::Method => not_found(),
            Fault::TooLarge => json(StatusCode::PAYLOAD_TOO_LARGE, &TOO_LARGE),
            Fault::Incomplete => json(StatusCode::REQUEST_TIMEOUT, &TIMEOUT),
            Fault::RateLimited { .. } => self.answer(action, &Answer::Outcome(TOO_MANY)),
            Fault::Panic => self.answer(action, &Answer::Outcome(action.failure())),
        }
    }

    fn error(&self, error: &Error, asked: &Asked) -> Response {
        let action = Action::of_route(asked.route());
        self.answer(action, &Answer::Outcome(refusal(error, action)))
    }
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    // Room for most answers: growing moves what was written.
    let mut body = Vec::with_capacity(1024);
    if serde_json::to_writer(&mut body, value).is_err() {
        // Writing plain structs of texts to memory cannot fail; an empty body would still be no framework text.
        body.clear();
    }
    let mut response = Response::new(Body::from(Bytes::from(body)));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::{Router, routing::any};
    use gatehouse_domain::Random;
    use gatehouse_model::Secret;
    use http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn body(response: Response) -> String {
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json; charset=utf-8");
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().into()).unwrap()
    }

    fn answer(action: Action, conn_failure_shape: FailureShape, answer: &Answer) -> Response {
        OaEnvelope { conn_failure_shape }.answer(action, answer)
    }

    fn node() -> NodeInfo {
        NodeInfo {
            name: "服务节点1".to_owned(),
            node_type: "ss",
            tips: "说明".to_owned(),
            host: "127.0.0.1".to_owned(),
            method: "aes-256-gcm",
            port: 123,
            link: Secret::new("ss://a?b&c#<d>"),
        }
    }

    /// The tables of seeds/000, copied; `user.UserName` and `***` stand for the name there.
    #[test]
    fn every_text_of_the_seed_is_spoken_to_the_byte() {
        let seed = include_str!("../tests/seed_texts.txt");
        let rows = seed.lines().filter(|line| !line.starts_with('#')).map(|line| line.split_once(' ').unwrap());
        let seed: Vec<(u16, &str)> = rows.map(|(code, text)| (code.parse().unwrap(), text)).collect();
        let accepted = [deletion_accepted("user.UserName"), deletion_of_refused_accepted("user.UserName")];
        let generate =
            [PROCESSING, GENERATED, QUEUED, UNAUTHORIZED, EXISTS, NOT_ACCEPTABLE, REFUSED, REMOVING, TOO_MANY];
        let conn =
            [PROCESSING, FOUND, QUEUED, UNKNOWN_CONN, UNAUTHORIZED, NOT_ACCEPTABLE, REFUSED, NO_NODES, REMOVING_CONN];
        let delete = [PROCESSING].into_iter().chain(accepted).chain([
            QUEUED,
            UNAUTHORIZED,
            UNKNOWN_DELETE,
            NOT_ACCEPTABLE,
            REFUSED,
            REMOVING,
            TOO_MANY,
            REMOVAL_FAILED,
        ]);
        let ours = generate.into_iter().chain([REMOVAL_FAILED]).chain(conn).chain(delete);
        let ours: Vec<(u16, String)> = ours.map(|outcome| (outcome.code, outcome.text.into_owned())).collect();
        let ours: Vec<(u16, &str)> = ours.iter().map(|(code, text)| (*code, text.as_str())).collect();
        assert_eq!(ours, seed);
    }

    #[tokio::test]
    async fn an_outcome_is_two_keys_in_order_and_nothing_else() {
        let answered = answer(Action::Generate, FailureShape::Both, &Answer::Outcome(GENERATED));
        assert_eq!(body(answered).await, r#"{"StatusCode":200,"StatusString":"提交新增用户任务成功！"}"#);
        let name = "a\"b\\张";
        let answered = answer(Action::Delete, FailureShape::Flat, &Answer::Outcome(deletion_accepted(name)));
        let expected = r#"{"StatusCode":200,"StatusString":"系统已收到删除用户：a\"b\\张 的请求，已处理"}"#;
        assert_eq!(body(answered).await, expected);
    }

    #[tokio::test]
    async fn nodes_are_lines_of_strings_in_the_order_of_the_contract() {
        let answered = answer(Action::Conn, FailureShape::Flat, &Answer::Nodes(vec![node(), node()]));
        let line = |sequence: u8| {
            format!(
                "{{\"Sequence\":\"{sequence}\",\"Name\":\"服务节点1\",\"NodeType\":\"ss\",\"Tips\":\"说明\",\
                 \"Ip\":\"127.0.0.1\",\"Method\":\"aes-256-gcm\",\"Port\":\"123\",\"ConnInfo\":\"ss://a?b&c#<d>\"}}"
            )
        };
        let result = r#"{"ResultMsg":[{"StatusCode":200,"StatusString":"查询成功!"}],"NodeInfos":["#;
        assert_eq!(body(answered).await, format!("{result}{},{}]}}", line(1), line(2)));
    }

    #[tokio::test]
    async fn failures_of_conn_have_the_configured_shape() {
        let flat = r#""StatusCode":412,"StatusString":"系统内没有节点或 API 还未拉取节点信息，请稍后再试""#;
        let answered = answer(Action::Conn, FailureShape::Flat, &Answer::Outcome(NO_NODES));
        assert_eq!(body(answered).await, format!("{{{flat}}}"));
        let answered = answer(Action::Conn, FailureShape::Both, &Answer::Outcome(NO_NODES));
        assert_eq!(body(answered).await, format!("{{{flat},\"ResultMsg\":[{{{flat}}}],\"NodeInfos\":[]}}"));
    }

    #[test]
    fn a_route_names_its_action_behind_any_prefix() {
        assert_eq!(Action::of_route("/v1/getConnInfoByUser"), Action::Conn);
        assert_eq!(Action::of_route("/oa/v1/delUserProfile"), Action::Delete);
        assert_eq!(Action::of_route("/v1/generateUserProfile"), Action::Generate);
    }

    #[test]
    fn faults_of_ours_never_look_like_success() {
        let unavailable = Error::Unavailable("gone".into());
        assert_eq!(refusal(&unavailable, Action::Generate), TOO_MANY);
        assert_eq!(refusal(&unavailable, Action::Delete), TOO_MANY);
        assert_eq!(refusal(&unavailable, Action::Conn), NO_NODES);
        assert_eq!(refusal(&Error::Unauthenticated { why: "x" }, Action::Conn), UNAUTHORIZED);
        assert_eq!(refusal(&Error::invalid("username", "x"), Action::Conn), NOT_ACCEPTABLE);
        let limited = Error::RateLimited { retry_after: std::time::Duration::ZERO };
        assert_eq!(refusal(&limited, Action::Conn), TOO_MANY);
    }

    #[tokio::test]
    async fn a_bug_answers_like_a_fault_of_ours_on_its_endpoint() {
        let bug = || any(async || -> Response { panic!("a bug") });
        let routes = Router::new().route("/v1/getConnInfoByUser", bug()).route("/v1/delUserProfile", bug());
        let envelope = Arc::new(OaEnvelope { conn_failure_shape: FailureShape::Flat });
        let surface = gatehouse_kit::frame(routes, envelope, Random::seeded(1));
        for (path, expected) in [("/v1/getConnInfoByUser", NO_NODES), ("/v1/delUserProfile", TOO_MANY)] {
            let answered = surface.clone().oneshot(Request::post(path).body(Body::empty()).unwrap()).await.unwrap();
            assert_eq!(answered.status(), StatusCode::OK);
            assert_eq!(body(answered).await, serde_json::to_string(&expected).unwrap());
        }
    }
}
