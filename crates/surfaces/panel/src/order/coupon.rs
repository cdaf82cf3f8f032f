//! `POST user/coupon/check`.

use gatehouse_domain::panel::coupon::CouponRow;
use gatehouse_domain::panel::{
    Refusal,
    coupon::{self, Use},
    plan::Period,
};
use gatehouse_model::PlanId;
use serde_json::{Value, json};

use crate::{
    answer::{Answer, Outcome},
    endpoint::Call,
    user::account::seconds,
};

/// Shows a coupon that the caller may use. Shape: `code`, `plan_id?`, `period?`. Errors: specs/panel.md §2.5.
pub(super) async fn check(call: &Call) -> Outcome {
    let code = call.input.text("code").ok_or(Refusal::input("code", "Coupon cannot be empty"))?;
    let plan = call.input.integer("plan_id")?.map(PlanId);
    let period = match call.input.text("period") {
        Some(name) => Some(Period::of(&name).ok_or(Refusal::input("period", "Wrong plan period"))?),
        None => None,
    };
    let coupon = coupon::check(call.who()?, &code, Use { plan, period }).await?;
    Ok(Answer::Data(shown(&coupon)))
}

/// A coupon on the wire.
pub(crate) fn shown(coupon: &CouponRow) -> Value {
    let plans = coupon::plans(coupon).map(|plans| plans.iter().map(ToString::to_string).collect::<Vec<_>>());
    let periods = coupon::periods(coupon).map(|periods| periods.into_iter().map(Period::legacy).collect::<Vec<_>>());
    json!({
        "id": coupon.id,
        "code": coupon.code,
        "name": coupon.name,
        "type": coupon.kind,
        "value": coupon.value,
        "show": coupon.is_shown,
        "limit_use": coupon.uses_left,
        "limit_use_with_user": coupon.uses_per_account,
        "limit_plan_ids": plans,
        "limit_period": periods,
        "started_at": seconds(coupon.started_at),
        "ended_at": seconds(coupon.ended_at),
        "created_at": seconds(coupon.created_at),
        "updated_at": seconds(coupon.updated_at),
    })
}
