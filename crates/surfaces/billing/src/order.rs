//! What the two payment systems' orders have in common (specs/billing.md §11.1).

use gatehouse_domain::payment::{Checkout, order};

use crate::{
    answer::{Answer, Outcome},
    endpoint::Call,
};

/// Orders a payment through a channel and shows how to go on.
pub(crate) async fn create(call: &Call, channel: &str) -> Outcome {
    let amount = call.params.get("amt").unwrap_or_default();
    let order = order::create(&call.who, call.uid(), channel, amount, call.key()).await?;
    let mut writer = call.writer();
    writer.text("result", "ok");
    writer.number("id", order.id.0);
    writer.number("pay_id", order.id.0);
    writer.text("order_id", &order.reference);
    writer.text("amt", &order.payable.to_decimal());
    writer.text("full_amt", &order.payable.to_decimal());
    writer.text("order_amt", &order.ordered.to_decimal());
    writer.plain_money("commission", order.payable.minus(order.ordered));
    writer.text("gr", &call.settings().api.currency_sign);
    match &order.checkout {
        // Drivers of this surface know no pictures.
        Checkout::Direct | Checkout::Qr(_) => {}
        Checkout::Page(url) => writer.text("checkout_url", url),
        Checkout::Form { url, data, signature } => {
            writer.text("data", data);
            writer.text("signature", signature);
            writer.text("url", url);
        }
    }
    Ok(Answer::Plain(writer.into_bytes()))
}
