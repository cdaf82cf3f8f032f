//! `safe_ses`

use gatehouse_domain::billing::session;

use crate::{
    answer::{Answer, Outcome},
    endpoint::{Call, Endpoint, For, always},
};

pub(crate) const ENDPOINT: Endpoint =
    Endpoint { action: "safe_ses", role: For::Everybody, changes: always, handle: |call| Box::pin(handle(call)) };

/// Takes the trust from the calling session: staff only read with it from now on.
///
/// Shape: nothing → `result` `ok`. Errors: none. Source: specs/billing.md §4, §5.10.
async fn handle(call: &Call) -> Outcome {
    session::distrust(&call.who, &call.session).await?;
    Ok(Answer::done())
}
