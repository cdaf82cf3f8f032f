//! Orders on the wire.

use gatehouse_domain::panel::{
    order::OrderRow,
    plan::{Listed, Period},
};
use gatehouse_model::Money;
use serde_json::{Value, json};

use crate::{endpoint::Call, plan::resource::resource, user::account::seconds};

/// An order's row: hundredths, seconds, the older name of its period.
pub(crate) fn row(order: &OrderRow) -> Value {
    let cents = |amount: Option<Money>| amount.map(|amount| amount.0);
    let surplus: Option<Value> = order.surplus_orders.as_deref().and_then(|text| serde_json::from_str(text).ok());
    json!({
        "id": order.id,
        "invite_user_id": order.inviter_id,
        "user_id": order.account_id,
        "plan_id": order.plan_id.map_or(0, |plan| plan.0),
        "coupon_id": order.panel_coupon_id,
        "payment_id": order.payment_channel_id,
        "type": order.kind,
        "period": Period::of(&order.period).map_or_else(|| order.period.clone(), |period| period.legacy().to_owned()),
        "trade_no": order.trade_no,
        "callback_no": order.callback_no,
        "total_amount": order.total.0,
        "handling_amount": cents(order.handling),
        "discount_amount": cents(order.discount),
        "surplus_amount": cents(order.surplus),
        "refund_amount": cents(order.refund),
        "balance_amount": cents(order.balance),
        "surplus_order_ids": surplus,
        "status": order.status,
        "commission_status": order.commission_status,
        "commission_balance": order.commission.0,
        "actual_commission_balance": cents(order.commission_paid),
        "paid_at": order.paid_at.map(seconds),
        "created_at": seconds(order.created_at),
        "updated_at": seconds(order.updated_at),
    })
}

/// The same with its plan. A top-up has one by name only.
pub(crate) fn with_plan(call: &Call, order: &OrderRow, plans: &[Listed]) -> Value {
    let plan = match order.plan_id {
        Some(id) => plans.iter().find(|listed| listed.plan.row.id == id).map(|listed| resource(call, listed)),
        None => Some(json!({"id": 0, "name": "deposit"})),
    };
    let mut shown = row(order);
    if let Some(object) = shown.as_object_mut() {
        object.insert("plan".to_owned(), json!(plan));
    }
    shown
}
