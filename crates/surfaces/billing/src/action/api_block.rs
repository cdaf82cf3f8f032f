//! `api_block`

use gatehouse_domain::billing::{Refusal, subscriber};

use crate::{
    answer::{Answer, Outcome},
    endpoint::{Call, Endpoint, For, always},
};

pub(crate) const ENDPOINT: Endpoint =
    Endpoint { action: "api_block", role: For::Admin, changes: always, handle: |call| Box::pin(handle(call)) };

/// Sets or lifts the block of staff, which no payment lifts.
///
/// Shape: `uid`, then `on` with `reason`, or `off` → `result` `ok`. Errors: `forbidden` for subscribers and sessions without trust,
/// `no_uid`, `no_privilege`, `group_denied`, `bad_request` for both or none of `on` and `off`. Source: specs/billing.md §5.10.
async fn handle(call: &Call) -> Outcome {
    let why = match (call.params.get("on"), call.params.get("off")) {
        (Some(_), None) => Some(call.params.get("reason").unwrap_or_default()),
        (None, Some(_)) => None,
        (Some(_), Some(_)) | (None, None) => return Err(Refusal::BadRequest.into()),
    };
    subscriber::block(&call.who, call.uid(), why).await?;
    Ok(Answer::done())
}
