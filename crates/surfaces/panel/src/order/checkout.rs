//! `order/checkout`.

use gatehouse_domain::panel::payment::checkout::{self, Next};
use gatehouse_model::PaymentChannelId;
use serde_json::json;

use super::save::trade_no;
use crate::{
    answer::{Answer, Outcome},
    endpoint::Call,
};

/// Takes an order to a way to pay. Shape: `trade_no`, `method` (not needed where nothing is left to be paid) → `{type, data}`: -1 settled,
/// 0 text of a picture, 1 page. Errors: specs/panel.md §2.5.
pub(super) async fn checkout(call: &Call) -> Outcome {
    let method = call.input.integer("method").unwrap_or_default().map(PaymentChannelId);
    let next = checkout::checkout(call.who()?, &trade_no(call), method).await?;
    Ok(Answer::Bare(match next {
        Next::Settled => json!({"type": -1, "data": true}),
        Next::Qr(text) => json!({"type": 0, "data": text}),
        Next::Page(url) => json!({"type": 1, "data": url}),
    }))
}
