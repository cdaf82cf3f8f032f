//! Staff's `order/*` (specs/panel.md §4.3).

use gatehouse_domain::panel::{
    Refusal,
    order::staff::{self, Assignment},
    plan::{self, Period},
};
use gatehouse_model::{Money, PlanId};
use serde_json::{Value, json};

use super::list::Asked;
use crate::{
    answer::{Answer, Failure, Outcome},
    endpoint::{Call, Endpoint, For, endpoint},
    input::wrong,
    order::shown::with_plan,
};

const STAFF: For = For::Staff("panel.order");

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(Both "v2/{sp}/order/fetch", STAFF, fetch),
    endpoint!(Both "v2/{sp}/order/detail", STAFF, detail),
    endpoint!(Post "v2/{sp}/order/assign", STAFF, assign),
    endpoint!(Post "v2/{sp}/order/paid", STAFF, paid),
    endpoint!(Post "v2/{sp}/order/cancel", STAFF, cancel),
    endpoint!(Post "v2/{sp}/order/update", STAFF, update),
];

/// Lists orders with their plans and buyers.
async fn fetch(call: &Call) -> Outcome {
    let asked = Asked::read(&call.input, staff::FIELDS)?;
    let (total, orders) = staff::list(&call.ctx, &asked.listing).await?;
    let plans = plan::list(&call.ctx).await?;
    let shown = orders.iter().map(|listed| {
        let mut shown = with_plan(call, &listed.row, &plans);
        if let Some(object) = shown.as_object_mut() {
            object.insert("email".to_owned(), json!(listed.email));
            object.insert("user".to_owned(), json!({"id": listed.row.account_id, "email": listed.email}));
        }
        shown
    });
    Ok(asked.page(total, shown.collect()))
}

/// Shows an order with its plan and people. Shape: `id` or `trade_no`.
async fn detail(call: &Call) -> Outcome {
    let (id, trade_no) = (call.input.integer("id")?, call.input.text("trade_no"));
    let found = staff::find(&call.ctx, id, trade_no.as_deref()).await?;
    let mut shown = with_plan(call, &found.row, &plan::list(&call.ctx).await?);
    if let Some(object) = shown.as_object_mut() {
        let user = found.email.map(|email| json!({"id": found.row.account_id, "email": email}));
        let inviter = found.inviter.map(|email| json!({"id": found.row.inviter_id, "email": email}));
        object.insert("user".to_owned(), json!(user));
        object.insert("invite_user".to_owned(), json!(inviter));
    }
    Ok(Answer::Data(shown))
}

/// Orders a plan for somebody. Shape: `email`, `plan_id`, `period`, `total_amount` (hundredths) → the trade number.
async fn assign(call: &Call) -> Outcome {
    let input = &call.input;
    let email = input.text("email").ok_or_else(|| wrong("email"))?;
    let plan = input.integer("plan_id")?.ok_or(Refusal::input("plan_id", "Plan ID cannot be empty"))?;
    let period = input.text("period").and_then(|name| Period::of(&name));
    let period = period.ok_or(Refusal::input("period", "Wrong plan period"))?;
    let total = input.integer("total_amount")?.ok_or_else(|| wrong("total_amount"))?;
    let wanted = Assignment { email: &email, plan: PlanId(plan), period, total: Money(total) };
    Ok(Answer::Data(Value::from(staff::assign(&call.ctx, wanted).await?)))
}

/// Notes that an order was paid. Shape: `trade_no`.
async fn paid(call: &Call) -> Outcome {
    staff::paid(&call.ctx, &trade_no(call)?).await?;
    Ok(Answer::done())
}

/// Cancels a pending order. Shape: `trade_no`.
async fn cancel(call: &Call) -> Outcome {
    staff::cancel(&call.ctx, &trade_no(call)?).await?;
    Ok(Answer::done())
}

/// Writes what becomes of a commission. Shape: `trade_no`, `commission_status` of 0, 1, 3.
async fn update(call: &Call) -> Outcome {
    let to = call.input.integer("commission_status")?.ok_or_else(|| wrong("commission_status"))?;
    staff::set_commission(&call.ctx, &trade_no(call)?, to).await?;
    Ok(Answer::done())
}

fn trade_no(call: &Call) -> Result<String, Failure> {
    Ok(call.input.text("trade_no").ok_or(Refusal::input("trade_no", "Invalid parameter"))?)
}
