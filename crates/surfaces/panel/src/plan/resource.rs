//! Plans on the wire.

use gatehouse_domain::panel::plan::{Listed, Period, Plan};
use gatehouse_model::Money;
use serde_json::{Map, Value, json};

use crate::{endpoint::Call, text, user::account::seconds};

/// A plan as users see it: prices in hundredths by the older names of periods, its description with the placeholders filled in.
pub(crate) fn resource(call: &Call, listed: &Listed) -> Value {
    let row = &listed.plan.row;
    let room = match listed.room() {
        Some(0) => json!(text::of("Sold out", call.language)),
        room => json!(room),
    };
    let mut shown = json!({
        "id": row.id,
        "group_id": row.node_group_id,
        "name": row.name,
        "tags": tags(&row.tags),
        "content": row.content.as_deref().map(|content| filled(call, &listed.plan, content)),
    });
    if let Some(object) = shown.as_object_mut() {
        for period in Period::ALL {
            let price = listed.plan.prices.get(&period);
            object.insert(period.legacy().to_owned(), json!(price.map(|price| price.0)));
        }
        object.insert("capacity_limit".to_owned(), room);
        object.extend(rest(&listed.plan));
    }
    shown
}

/// A plan as it is stored: prices in units of the currency by the newer names.
pub(crate) fn raw(plan: &Plan) -> Value {
    let row = &plan.row;
    let prices: Map<String, Value> =
        plan.prices.iter().map(|(period, price)| (period.as_str().to_owned(), major(*price))).collect();
    let mut shown = json!({
        "id": row.id,
        "group_id": row.node_group_id,
        "name": row.name,
        "tags": tags(&row.tags),
        "content": row.content,
        "prices": prices,
        "capacity_limit": row.capacity_limit,
    });
    if let Some(object) = shown.as_object_mut() {
        object.extend(rest(plan));
    }
    shown
}

fn rest(plan: &Plan) -> Map<String, Value> {
    let row = &plan.row;
    let fields = [
        ("transfer_enable", json!(row.transfer_gib)),
        ("speed_limit", json!(row.speed_limit)),
        ("device_limit", json!(row.device_limit)),
        ("show", json!(row.is_shown)),
        ("sell", json!(row.is_sold)),
        ("renew", json!(row.is_renewable)),
        ("reset_traffic_method", json!(row.reset_method)),
        ("sort", json!(row.sort)),
        ("created_at", json!(seconds(row.created_at))),
        ("updated_at", json!(seconds(row.updated_at))),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A stored list of words.
pub(crate) fn tags(stored: &str) -> Value {
    serde_json::from_str(stored).unwrap_or_else(|_| json!([]))
}

/// An amount in units of the currency, a number of at most two places.
pub(crate) fn major(amount: Money) -> Value {
    serde_json::from_str(&amount.to_shortest()).unwrap_or(Value::Null)
}

fn filled(call: &Call, plan: &Plan, content: &str) -> String {
    let said =
        |number: Option<i64>| number.map_or_else(|| text::of("No Limit", call.language), |number| number.to_string());
    let method = match plan.reset_method(&call.ctx) {
        0 => "First Day of Month",
        1 => "Monthly",
        3 => "First Day of Year",
        4 => "Yearly",
        _ => "Never",
    };
    content
        .replace("{{transfer}}", &plan.row.transfer_gib.to_string())
        .replace("{{speed}}", &said(plan.row.speed_limit))
        .replace("{{devices}}", &said(plan.row.device_limit))
        .replace("{{reset_method}}", &text::of(method, call.language))
}
