//! `POST /v1/generateUserProfile`

use axum::{
    extract::{Request, State},
    response::Response,
};
use gatehouse_domain::oa::{self, Generated};

use crate::{
    auth::Oa,
    envelope::{Action, Answer, EXISTS, GENERATED, PROCESSING, QUEUED, REFUSED, REMOVAL_FAILED, REMOVING},
};

/// Asks for a new user.
///
/// Shape: `token`, `username` → `{StatusCode, StatusString}`, HTTP 200.
/// Errors: `Unauthenticated` 401, `Invalid` 406, all others 429.
/// Source: seeds/000, specs/oa.md §1.5 column G; differs: 418 where the original's body was empty.
pub(crate) async fn handle(State(surface): State<Oa>, request: Request) -> Response {
    let use_case = async |asked: oa::Asked| {
        Ok(Answer::Outcome(match oa::generate(&asked).await? {
            Generated::Accepted => GENERATED,
            Generated::Queued => QUEUED,
            Generated::Processing => PROCESSING,
            Generated::Exists => EXISTS,
            Generated::Refused => REFUSED,
            Generated::Removing => REMOVING,
            Generated::RemovalFailed => REMOVAL_FAILED,
        }))
    };
    surface.answer(Action::Generate, request, use_case).await
}
