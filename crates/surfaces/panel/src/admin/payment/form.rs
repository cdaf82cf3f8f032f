//! `payment/getPaymentMethods`, `payment/getPaymentForm`.

use gatehouse_domain::panel::payment::channel;
use gatehouse_model::PaymentChannelId;
use serde_json::json;

use crate::{
    answer::{Answer, Outcome},
    endpoint::Call,
};

/// The names of the drivers.
pub(super) async fn methods(call: &Call) -> Outcome {
    Ok(Answer::Data(json!(channel::drivers(&call.ctx)?)))
}

/// What a driver must know. Shape: `payment`, `id?` → `{key: {label, type, placeholder, description, value}}`.
pub(super) async fn form(call: &Call) -> Outcome {
    let name = call.input.text("payment").unwrap_or_default();
    let id = call.input.integer("id")?.map(PaymentChannelId);
    let form = channel::form(&call.ctx, &name, id).await?;
    Ok(Answer::Data(channel::form_json(&form)))
}
