//! `logout`

use gatehouse_domain::billing::session;

use crate::{
    answer::{Answer, Outcome},
    endpoint::{Call, Endpoint, For, always},
};

pub(crate) const ENDPOINT: Endpoint =
    Endpoint { action: "logout", role: For::Everybody, changes: always, handle: |call| Box::pin(handle(call)) };

/// Ends all sessions of the caller in his role; the surface clears the cookie.
///
/// Shape: nothing → `result` `ok`. Errors: none. Source: specs/billing.md §5.10.
async fn handle(call: &Call) -> Outcome {
    session::logout(&call.who, &call.session).await?;
    Ok(Answer::done())
}
