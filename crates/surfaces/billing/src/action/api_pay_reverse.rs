//! `api_pay_reverse`

use gatehouse_domain::billing::staff_payment;
use gatehouse_model::StatementId;

use crate::{
    answer::{Answer, Outcome},
    endpoint::{Call, Endpoint, For, always},
};

pub(crate) const ENDPOINT: Endpoint =
    Endpoint { action: "api_pay_reverse", role: For::Admin, changes: always, handle: |call| Box::pin(handle(call)) };

/// Takes a payment back: by its opposite row, one of a payment system there first.
///
/// Shape: `id` of the row, `amt` of it, absent: what is left → `result` `ok`, `id` of the opposite row. Units: units of the currency.
/// Errors: `not_found`, `no_privilege`, `group_denied`, `bad_amount`, `too_many`, `gateway_unavailable`.
/// Source: specs/billing.md §5.10, §11.4.
async fn handle(call: &Call) -> Outcome {
    let id = StatementId(call.required_id("id")?);
    let amount = match call.params.filled("amt") {
        Some(_) => Some(call.params.amount("amt")?),
        None => None,
    };
    let opposite = staff_payment::reverse(&call.who, id, amount).await?;
    let mut writer = call.writer();
    writer.text("result", "ok");
    writer.number("id", opposite.0);
    Ok(Answer::Plain(writer.into_bytes()))
}
