//! `u_cards`

use gatehouse_domain::billing::redeem::redeem;
use gatehouse_model::Secret;

use crate::{
    answer::{Answer, Outcome},
    endpoint::{Call, Endpoint, For, always},
};

pub(crate) const ENDPOINT: Endpoint =
    Endpoint { action: "u_cards", role: For::Everybody, changes: always, handle: |call| Box::pin(handle(call)) };

/// Adds what a scratch card is worth to the wallet.
///
/// Shape: `cod`, the code with or without blanks and dashes; `uid` of staff → `result` `ok`, `id` of the row, `amt`. Units: units of
/// the currency. Errors: `not_found` for a wrong or used code, `too_many` after ten of them in a day.
/// Source: specs/billing.md §5.10.
async fn handle(call: &Call) -> Outcome {
    let code = Secret::new(call.params.get("cod").unwrap_or_default());
    let card = redeem(&call.who, call.uid(), &code).await?;
    let mut writer = call.writer();
    writer.text("result", "ok");
    writer.number("id", card.id.0);
    writer.text("amt", &card.amount.to_decimal());
    Ok(Answer::Plain(writer.into_bytes()))
}
