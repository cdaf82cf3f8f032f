//! `order/save`, `order/checkout`, `order/cancel`.

use gatehouse_domain::panel::{
    Refusal,
    order::{
        DEPOSIT, own,
        save::{self, Wish},
    },
    plan::Period,
};
use gatehouse_model::{Money, PlanId};
use serde_json::Value;

use crate::{
    answer::{Answer, Failure, Outcome},
    endpoint::Call,
    input::{as_integer, wrong},
};

/// Orders a plan, or with `plan_id=0` and `period=deposit` a top-up of `deposit_amount` hundredths.
///
/// Shape: `plan_id`, `period`, `coupon_code?` → the trade number. Errors: specs/panel.md §2.5.
pub(super) async fn save(call: &Call) -> Outcome {
    let (input, who) = (&call.input, call.who()?);
    let mut faults = Vec::new();
    let plan = input.value("plan_id").and_then(as_integer);
    if plan.is_none() {
        faults.push(Refusal::input("plan_id", "Plan ID cannot be empty"));
    }
    let name = input.text("period").unwrap_or_default();
    let period = Period::of(&name);
    let is_deposit = name == DEPOSIT && plan == Some(0);
    if period.is_none() && !is_deposit {
        faults.push(Refusal::input("period", "Wrong plan period"));
    }
    if is_deposit {
        let amount = input.integer("deposit_amount")?.ok_or_else(|| wrong("deposit_amount"))?;
        return Ok(Answer::Data(Value::from(save::deposit(who, Money(amount)).await?)));
    }
    let (Some(plan), Some(period), true) = (plan, period, faults.is_empty()) else {
        return Err(Failure::Inputs(faults));
    };
    let coupon = input.text("coupon_code");
    let wish = Wish { plan: PlanId(plan), period, coupon: coupon.as_deref() };
    Ok(Answer::Data(Value::from(save::save(who, wish).await?)))
}

/// Cancels a pending order. Shape: `trade_no`.
pub(super) async fn cancel(call: &Call) -> Outcome {
    if call.input.value("trade_no").is_none() {
        return Err(Refusal::input("trade_no", "Invalid parameter").into());
    }
    own::cancel(call.who()?, &trade_no(call)).await?;
    Ok(Answer::done())
}

/// The trade number; the empty one, which is nobody's, where there is none.
pub(super) fn trade_no(call: &Call) -> String {
    call.input.text("trade_no").unwrap_or_default()
}
