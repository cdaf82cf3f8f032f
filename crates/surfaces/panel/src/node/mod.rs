//! What nodes of others ask and tell (specs/panel-nodes.md N4). Replies are bare: exactly the keys of the contract.

mod poll;
mod report;

use std::sync::Arc;

use axum::{body::Body, response::Response};
use gatehouse_domain::{
    panel::{
        self, Refusal,
        node::{Asking, admit},
        refusal::Kind,
    },
    proxy::{node::Node, roster},
};
use gatehouse_model::Secret;
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use crate::{
    answer::{Answer, Failure},
    endpoint::{Call, Endpoint, For, endpoint},
    envelope::json_reply,
    input::Input,
    text,
};

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(Get "v1/server/UniProxy/config", For::Anybody, poll::config),
    endpoint!(Get "v1/server/UniProxy/user", For::Anybody, poll::user),
    endpoint!(Get "v1/server/UniProxy/alivelist", For::Anybody, poll::alive_list),
    endpoint!(Post "v1/server/UniProxy/push", For::Anybody, report::push),
    endpoint!(Post "v1/server/UniProxy/alive", For::Anybody, report::alive),
    endpoint!(Post "v1/server/UniProxy/status", For::Anybody, report::status),
];

/// The names a credential has beside what is reported.
const CREDENTIAL: [&str; 3] = ["token", "node_id", "node_type"];

/// The node that calls. Errors: 422 for a wrong token or type, 400 for a node that does not exist, each `{message}`.
async fn node_of(call: &Call) -> Result<Arc<Node>, Failure> {
    let bearer = call.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer =
        bearer.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let mut said = call.input.clone();
    if !CREDENTIAL.iter().all(|name| *name == "node_type" || said.has(name))
        && let Ok(more) = Input::read(&call.headers, &call.query, &call.body)
    {
        said = more;
    }
    let token = said.text("token").or_else(|| bearer.map(|(_, token)| token.trim().to_owned()));
    let asking =
        Asking { token: token.map(Secret::new), node_id: said.text("node_id"), node_type: said.text("node_type") };
    admit(&call.ctx, &asking).await.map_err(|failure| spoken(call, failure))
}

/// A failure as nodes read it: `{message}` alone.
fn spoken(call: &Call, failure: panel::Failure) -> Failure {
    match failure {
        panel::Failure::Refused(refusal) => {
            let status = match refusal.kind {
                Kind::Input(_) => StatusCode::UNPROCESSABLE_ENTITY,
                Kind::Often => StatusCode::TOO_MANY_REQUESTS,
                Kind::Missing => StatusCode::NOT_FOUND,
                Kind::Denied | Kind::Nobody => StatusCode::FORBIDDEN,
                Kind::Rule => StatusCode::BAD_REQUEST,
            };
            Failure::Raw(Box::new(json_reply(status, &json!({"message": text::filled(&refusal, call.language)}))))
        }
        panel::Failure::Error(error) => Failure::Error(error),
    }
}

/// A push that is not what it should be: nothing of it counts.
async fn malformed(call: &Call, node: &Node, why: &str) -> Failure {
    match panel::node::serve::refused(&call.ctx, node, why).await {
        Ok(refusal) => spoken(call, refusal.into()),
        Err(error) => Failure::Error(error),
    }
}

/// A body with its `ETag`, or 304 where the caller has it.
fn tagged(call: &Call, body: &roster::Body, kind: &'static str) -> Answer {
    let known = call.headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_known = known.split(',').any(|tag| tag.trim().trim_start_matches("W/") == body.etag);
    let mut response =
        if is_known { Response::new(Body::empty()) } else { Response::new(Body::from(body.bytes.clone())) };
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    if let Ok(tag) = HeaderValue::from_str(&body.etag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Answer::Raw(Box::new(response))
}

/// A refusal of the shape of a report.
fn bad_report() -> Failure {
    Failure::Raw(Box::new(json_reply(StatusCode::BAD_REQUEST, &json!({"error": "Invalid data format"}))))
}

/// An input refusal as nodes read it.
fn refused(call: &Call, refusal: Refusal) -> Failure {
    spoken(call, refusal.into())
}
