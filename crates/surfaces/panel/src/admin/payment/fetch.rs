//! `payment/fetch`.

use gatehouse_domain::panel::payment::channel;
use serde_json::json;

use crate::{
    answer::{Answer, Outcome},
    endpoint::Call,
    user::account::seconds,
};

/// Lists all channels: hundredths, percent with decimals, seconds; secrets masked.
pub(super) async fn fetch(call: &Call) -> Outcome {
    let shown = channel::list(&call.ctx).await?;
    let shown = shown.iter().map(|shown| {
        let row = &shown.row;
        json!({
            "id": row.id,
            "uuid": row.uuid,
            "payment": row.driver,
            "name": row.name,
            "icon": row.icon,
            "config": shown.config,
            "notify_domain": row.notify_domain,
            "notify_url": shown.notify_url,
            "handling_fee_fixed": row.fee_fixed,
            "handling_fee_percent": row.fee_percent.map(percent),
            "enable": row.is_enabled,
            "sort": row.sort,
            "created_at": seconds(row.created_at),
            "updated_at": seconds(row.updated_at),
        })
    });
    Ok(Answer::Data(shown.collect()))
}

/// Percent with decimals, from hundredths of a percent.
pub(crate) fn percent(hundredths: i64) -> serde_json::Value {
    // Such texts are numbers.
    serde_json::from_str(&gatehouse_model::Money(hundredths).to_shortest()).unwrap_or_default()
}
