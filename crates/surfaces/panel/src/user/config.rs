//! `user/getStat`, `user/comm/config`, `user/comm/getStripePublicKey`, `user/telegram/getBotInfo` (specs/panel.md §2.3).

use gatehouse_domain::panel::{Refusal, invite, payment::channel, telegram};
use gatehouse_model::PaymentChannelId;
use serde_json::{Value, json};

use crate::{
    answer::{Answer, Outcome},
    endpoint::Call,
};

const NO_PAYMENT: Refusal = Refusal::rule("payment is not found");

/// Pending orders, open tickets, invited users.
pub(super) async fn stat(call: &Call) -> Outcome {
    Ok(Answer::Data(json!(invite::stat(call.who()?).await?)))
}

/// What pages of users need. Percent, and the key of the first Stripe payment that users may pay by.
pub(super) async fn show(call: &Call) -> Outcome {
    let settings = call.ctx.app.live().panel();
    let stripe = channel::stripe_public_key(&call.ctx, None).await?;
    Ok(Answer::Data(json!({
        "is_telegram": u8::from(settings.telegram_bot_enable),
        "telegram_discuss_link": settings.telegram_discuss_link,
        "stripe_pk": stripe,
        "withdraw_methods": settings.commission_withdraw_method,
        "withdraw_close": u8::from(settings.withdraw_close_enable),
        "currency": settings.currency,
        "currency_symbol": settings.currency_symbol,
        "commission_distribution_enable": u8::from(settings.commission_distribution_enable),
        "commission_distribution_l1": settings.commission_distribution_l1,
        "commission_distribution_l2": settings.commission_distribution_l2,
        "commission_distribution_l3": settings.commission_distribution_l3,
    })))
}

/// The public key of a Stripe payment. Shape: `id` → text. Errors: "payment is not found".
pub(super) async fn stripe_key(call: &Call) -> Outcome {
    let id = call.input.integer("id")?.ok_or(NO_PAYMENT)?;
    let key = channel::stripe_public_key(&call.ctx, Some(PaymentChannelId(id))).await?;
    Ok(Answer::Data(Value::from(key.ok_or(NO_PAYMENT)?)))
}

/// The bot's name. Errors: 400 where it is off or cannot be reached.
pub(super) async fn bot(call: &Call) -> Outcome {
    Ok(Answer::Data(json!({"username": telegram::username(&call.ctx.app).await?})))
}
