//! `payment/save`.

use gatehouse_domain::panel::payment::channel::{self, Config, Save};
use gatehouse_model::{Money, PaymentChannelId};
use serde_json::Value;

use crate::{
    answer::{Answer, Failure, Outcome},
    endpoint::Call,
    input::{as_text, wrong},
};

/// Makes or changes a channel. Shape: `id?`, `name`, `icon?`, `payment`, `config`, `notify_domain?`, `handling_fee_fixed?` (hundredths),
/// `handling_fee_percent?` (percent, two decimals).
pub(super) async fn save(call: &Call) -> Outcome {
    let input = &call.input;
    let percent = match input.text("handling_fee_percent") {
        Some(text) => Some(text.parse::<Money>().map_err(|_| wrong("handling_fee_percent"))?.0),
        None => None,
    };
    let save = Save {
        id: input.integer("id")?.map(PaymentChannelId),
        name: input.text("name").ok_or_else(|| wrong("name"))?,
        icon: input.text("icon"),
        driver: input.text("payment").unwrap_or_default(),
        config: config(input.value("config"))?,
        notify_domain: input.text("notify_domain"),
        fee_fixed: input.integer("handling_fee_fixed")?.map(Money),
        fee_percent: percent,
    };
    channel::save(&call.ctx, &save).await?;
    Ok(Answer::done())
}

/// Texts by key, from an object or its JSON in a form.
fn config(given: Option<&Value>) -> Result<Config, Failure> {
    let parsed;
    let object = match given {
        None => return Ok(Config::new()),
        Some(Value::String(text)) => {
            parsed = serde_json::from_str::<Value>(text).map_err(|_| wrong("config"))?;
            parsed.as_object()
        }
        Some(value) => value.as_object(),
    };
    let object = object.ok_or_else(|| wrong("config"))?;
    Ok(object.iter().map(|(key, value)| (key.clone(), as_text(value).unwrap_or_default())).collect())
}
