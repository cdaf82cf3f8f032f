//! `u_ajAcceptMsg`

use gatehouse_domain::billing::message;
use gatehouse_model::StatementId;

use crate::{
    answer::{Answer, Outcome},
    endpoint::{Call, Endpoint, For, always},
};

pub(crate) const ENDPOINT: Endpoint =
    Endpoint { action: "u_ajAcceptMsg", role: For::Everybody, changes: always, handle: |call| Box::pin(handle(call)) };

/// Takes note that a message was read; one that blocked access lets in at once.
///
/// Shape: `id`, `uid` of staff → `result` `ok`. Errors: `not_found` for no id, an unknown one and that of somebody else.
/// Source: specs/billing.md §5.3.
async fn handle(call: &Call) -> Outcome {
    let id = StatementId(call.required_id("id")?);
    message::accept(&call.who, call.uid(), id).await?;
    Ok(Answer::done())
}
