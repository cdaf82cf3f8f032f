//! `POST /v1/delUserProfile`

use axum::{
    extract::{Request, State},
    response::Response,
};
use gatehouse_domain::oa::{self, Deletion};

use crate::{
    auth::Oa,
    envelope::{
        Action, Answer, PROCESSING, QUEUED, REMOVAL_FAILED, REMOVING, UNKNOWN_DELETE, deletion_accepted,
        deletion_of_refused_accepted,
    },
};

/// Asks for a user's deletion.
///
/// Shape: `token`, `username` → `{StatusCode, StatusString}`, HTTP 200; the text repeats the name verbatim.
/// Errors: `Unauthenticated` 401, `Invalid` 406, all others 429.
/// Source: seeds/000, specs/oa.md §1.5 column D; differs: 418 where the original's body was empty, and the seed's 409
/// cannot occur.
pub(crate) async fn handle(State(surface): State<Oa>, request: Request) -> Response {
    let use_case = async |asked: oa::Asked| {
        Ok(Answer::Outcome(match oa::delete(&asked).await? {
            Deletion::Accepted => deletion_accepted(asked.username()),
            Deletion::AcceptedRefused => deletion_of_refused_accepted(asked.username()),
            Deletion::Queued => QUEUED,
            Deletion::Processing => PROCESSING,
            Deletion::Unknown => UNKNOWN_DELETE,
            Deletion::Removing => REMOVING,
            Deletion::RemovalFailed => REMOVAL_FAILED,
        }))
    };
    surface.answer(Action::Delete, request, use_case).await
}
