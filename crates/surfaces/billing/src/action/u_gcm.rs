//! `u_gcm`

use gatehouse_domain::push;

use crate::{
    answer::{Answer, Outcome},
    endpoint::{Call, Endpoint, For, always},
};

pub(crate) const ENDPOINT: Endpoint =
    Endpoint { action: "u_gcm", role: For::User, changes: always, handle: |call| Box::pin(handle(call)) };

/// Keeps the push token of the caller's app.
///
/// Shape: `reg_id`, 1–4096 printable ASCII characters without a blank → `result` `ok`. Errors: `forbidden` for staff, `bad_request`.
/// Source: seeds/004 "Регистрация токена для пуш-уведомлений", specs/billing.md §5.8.
async fn handle(call: &Call) -> Outcome {
    push::register(&call.who, call.params.get("reg_id").unwrap_or_default()).await?;
    Ok(Answer::done())
}
