//! `order/check`, `order/detail`, `order/fetch`, `order/getPaymentMethod`.

use gatehouse_domain::panel::{
    order::{own, status},
    payment::channel::{self, PaymentChannelRow},
    plan,
};
use serde_json::{Value, json};

use super::{
    save::trade_no,
    shown::{row, with_plan},
};
use crate::{
    answer::{Answer, Failure, Outcome},
    endpoint::Call,
    input::wrong,
    plan::resource::major,
};

/// Tells an order's status. Shape: `trade_no` → a number.
pub(super) async fn check(call: &Call) -> Outcome {
    Ok(Answer::Data(Value::from(own::find(call.who()?, &trade_no(call)).await?.status)))
}

/// Shows an order with its plan and how it is paid. Never a payment's configuration.
pub(super) async fn detail(call: &Call) -> Outcome {
    let who = call.who()?;
    let order = own::find(who, &trade_no(call)).await?;
    let mut shown = with_plan(call, &order, &plan::list(&call.ctx).await?);
    let payment = match own::channel(who, &order).await? {
        Some(found) => {
            let mut shown = json!({"id": found.id, "name": found.name, "payment": found.driver, "icon": found.icon});
            instruct(call, &found, &mut shown)?;
            Some(shown)
        }
        None => None,
    };
    let surplus = own::list_surplus(who, &order).await?;
    if let Some(object) = shown.as_object_mut() {
        object.insert("payment".to_owned(), json!(payment));
        object.insert("try_out_plan_id".to_owned(), json!(call.ctx.app.live().panel().try_out_plan_id));
        if !surplus.is_empty() {
            object.insert("surplus_orders".to_owned(), surplus.iter().map(row).collect());
        }
    }
    Ok(Answer::Data(shown))
}

/// Lists the caller's orders, the newest first. Shape: `status?`.
pub(super) async fn fetch(call: &Call) -> Outcome {
    let wanted = call.input.integer("status")?;
    if wanted.is_some_and(|wanted| !(status::PENDING..=status::COMPLETED).contains(&wanted)) {
        return Err(wrong("status"));
    }
    let orders = own::list(call.who()?, wanted).await?;
    let plans = plan::list(&call.ctx).await?;
    Ok(Answer::Data(orders.iter().map(|order| with_plan(call, order, &plans)).collect()))
}

/// Lists the ways to pay.
pub(super) async fn methods(call: &Call) -> Outcome {
    let channels = own::channels(call.who()?).await?;
    let mut list = Vec::with_capacity(channels.len());
    for channel in &channels {
        let mut shown = json!({
            "id": channel.id,
            "name": channel.name,
            "payment": channel.driver,
            "icon": channel.icon,
            "handling_fee_fixed": channel.fee_fixed,
            "handling_fee_percent": channel.fee_percent.map(|percent| major(gatehouse_model::Money(percent))),
        });
        instruct(call, channel, &mut shown)?;
        list.push(shown);
    }
    Ok(Answer::Data(Value::Array(list)))
}

/// Adds what a payer reads of a way to pay by hand.
fn instruct(call: &Call, row: &PaymentChannelRow, shown: &mut Value) -> Result<(), Failure> {
    if let (Some(text), Some(object)) = (channel::instructions(&call.ctx.app, row)?, shown.as_object_mut()) {
        object.insert("instructions".to_owned(), json!(text));
    }
    Ok(())
}
