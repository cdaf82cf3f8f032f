//! `UniProxy/config`, `user`, `alivelist` (specs/panel-nodes.md N4.2).

use axum::{body::Body, response::Response};
use gatehouse_domain::panel::node::serve;
use http::{HeaderValue, header};

use super::{node_of, tagged};
use crate::{
    answer::{Answer, Outcome},
    endpoint::Call,
};

/// Gives a node its configuration, with an `ETag`. Errors: as the node's credential has them.
pub(super) async fn config(call: &Call) -> Outcome {
    let node = node_of(call).await?;
    Ok(tagged(call, &serve::config(&call.ctx.app, &node), "application/json"))
}

/// Gives a node its users, by id, as JSON or `MessagePack`, with an `ETag`. Nothing unchanged touches the database.
pub(super) async fn user(call: &Call) -> Outcome {
    let node = node_of(call).await?;
    let list = serve::users(&call.ctx.app, &node).await?;
    let format = call.headers.get("x-response-format").and_then(|value| value.to_str().ok()).unwrap_or_default();
    Ok(if format.eq_ignore_ascii_case("msgpack") {
        tagged(call, list.msgpack(), "application/x-msgpack")
    } else {
        tagged(call, list.json(), "application/json")
    })
}

/// Tells how many devices users with a limit have, over all nodes; at most five seconds old.
pub(super) async fn alive_list(call: &Call) -> Outcome {
    node_of(call).await?;
    let mut response = Response::new(Body::from(call.ctx.app.alive().body(&call.ctx.app).await?));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(Answer::Raw(Box::new(response)))
}
