//! `u_fondy`

use crate::{
    answer::Outcome,
    endpoint::{Call, Endpoint, For, always},
    order,
};

pub(crate) const ENDPOINT: Endpoint =
    Endpoint { action: "u_fondy", role: For::Everybody, changes: always, handle: |call| Box::pin(handle(call)) };

/// Orders a payment through Fondy.
///
/// Shape: `amt`, `uid` of staff → `result` `ok`, `id` = `pay_id`, `order_id`, `amt` = `full_amt` to pay, `order_amt`, `commission`,
/// `gr`; `checkout_url`: where to pay. Units: units of the currency. Errors: `bad_amount`, `too_many`, `gateway_unavailable`.
/// Source: seeds/004 "Создание заявки на оплату в платежной системе Fondy", specs/billing.md §11.1.
async fn handle(call: &Call) -> Outcome {
    order::create(call, "fondy").await
}
