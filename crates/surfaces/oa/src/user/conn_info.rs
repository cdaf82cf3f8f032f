//! `POST /v1/getConnInfoByUser`

use axum::{
    extract::{Request, State},
    response::Response,
};
use gatehouse_domain::oa::{self, ConnInfo};

use crate::{
    auth::Oa,
    envelope::{Action, Answer, NO_NODES, PROCESSING, QUEUED, REFUSED, REMOVING_CONN, UNKNOWN_CONN},
};

/// Hands out a user's nodes and links.
///
/// Shape: `token`, `username` → `{ResultMsg: [{StatusCode, StatusString}], NodeInfos: [{Sequence, Name, NodeType, Tips,
/// Ip, Method, Port, ConnInfo}]}`, all node values strings; other answers `{StatusCode, StatusString}`, or both shapes in
/// one with `oa.conn_failure_shape = "both"`. HTTP 200.
/// Errors: `Unauthenticated` 401, `Invalid` 406, `RateLimited` 429, all others 412.
/// Source: seeds/000, specs/oa.md §1.3, §1.5 column C, §3.
pub(crate) async fn handle(State(surface): State<Oa>, request: Request) -> Response {
    let use_case = async |asked: oa::Asked| {
        Ok(Answer::Outcome(match oa::conn_info(&asked).await? {
            ConnInfo::Nodes(nodes) => return Ok(Answer::Nodes(nodes)),
            ConnInfo::Queued => QUEUED,
            ConnInfo::Processing => PROCESSING,
            ConnInfo::Unknown => UNKNOWN_CONN,
            ConnInfo::NoNodes => NO_NODES,
            ConnInfo::Refused => REFUSED,
            ConnInfo::Removing => REMOVING_CONN,
        }))
    };
    surface.answer(Action::Conn, request, use_case).await
}
