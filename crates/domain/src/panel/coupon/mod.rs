//! Coupons as buyers use them (specs/panel.md §2.5, §3.1).

pub mod edit;

use std::time::Duration;

use gatehouse_model::{AccountId, Money, PlanId};
use gatehouse_store::{Query, panel_coupon as rows, panel_order};

pub use rows::CouponRow;

use super::{
    Failure, Outcome, Refusal, Who,
    limit::{self, Limit},
    plan::Period,
};
use crate::{Ctx, Result};

/// `type` of coupons.
pub mod kind {
    /// Hundredths.
    pub const FIXED: i64 = 1;
    /// Percent.
    pub const PERCENT: i64 = 2;
}

const UNKNOWN: Refusal = Refusal::rule("Invalid coupon");
/// Unknown codes that an account may try.
const TRIES: Limit = Limit { scope: "panel.coupon", most: 20, window: Duration::from_mins(10) };

/// What a coupon is to be used for, as far as that is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Use {
    /// Which plan.
    pub plan: Option<PlanId>,
    /// For how long.
    pub period: Option<Period>,
}

/// A coupon that the caller may use.
///
/// Shape: code, and what for. Errors: the texts of specs/panel.md §2.5; too many unknown codes.
pub async fn check(who: &Who, code: &str, wanted: Use) -> Outcome<CouponRow> {
    allow_tries(&who.ctx, who.account).await?;
    let found = find(&who.ctx, &mut who.ctx.read(), who.account, code, wanted).await;
    note_try(&who.ctx, who.account, &found).await?;
    found
}

/// Refuses whoever tried too many unknown codes.
pub(super) async fn allow_tries(ctx: &Ctx, account: AccountId) -> Outcome<()> {
    if limit::is_used_up(ctx, TRIES, &account.to_string()).await? {
        return Err(Refusal::often("Too many requests, please try again later").into());
    }
    Ok(())
}

/// Counts a try with an unknown code.
pub(super) async fn note_try<T>(ctx: &Ctx, account: AccountId, outcome: &Outcome<T>) -> Result<()> {
    if !matches!(outcome, Err(Failure::Refused(refusal)) if refusal.text == UNKNOWN.text) {
        return Ok(());
    }
    let mut tx = ctx.begin().await?;
    limit::take(ctx, &mut tx, TRIES, &account.to_string()).await?;
    Ok(tx.commit().await?)
}

/// Finds a coupon that an account may use; its rules in the order of the contract.
pub(super) async fn find(
    ctx: &Ctx,
    q: &mut impl Query,
    account: AccountId,
    code: &str,
    wanted: Use,
) -> Outcome<CouponRow> {
    let coupon = rows::find_by_code(q, code).await?.filter(|coupon| coupon.is_shown).ok_or(UNKNOWN)?;
    if coupon.uses_left.is_some_and(|left| left <= 0) {
        return Err(used_up());
    }
    if ctx.now() < coupon.started_at {
        return Err(Refusal::rule("This coupon has not yet started").into());
    }
    if ctx.now() > coupon.ended_at {
        return Err(Refusal::rule("This coupon has expired").into());
    }
    if wanted.plan.is_some_and(|plan| !plans(&coupon).is_none_or(|plans| plans.contains(&plan))) {
        return Err(Refusal::rule("The coupon code cannot be used for this subscription").into());
    }
    if wanted.period.is_some_and(|period| !periods(&coupon).is_none_or(|periods| periods.contains(&period))) {
        return Err(Refusal::rule("The coupon code cannot be used for this period").into());
    }
    if let Some(most) = coupon.uses_per_account
        && panel_order::count_with_coupon(q, coupon.id, account).await? >= most
    {
        return Err(Refusal::rule("The coupon can only be used :n per person").with("n", most).into());
    }
    Ok(coupon)
}

/// The refusal of a coupon without uses left.
pub(super) fn used_up() -> Failure {
    Refusal::rule("This coupon is no longer available").into()
}

/// What a coupon takes off a price.
pub(super) fn discount(coupon: &CouponRow, price: Money) -> Money {
    let off = match coupon.kind {
        kind::PERCENT => price.part(coupon.value, 100),
        _ => Money(coupon.value),
    };
    off.clamp(Money::ZERO, price.max(Money::ZERO))
}

/// The plans a coupon is for; none: all.
pub fn plans(coupon: &CouponRow) -> Option<Vec<PlanId>> {
    let ids: Vec<i64> = serde_json::from_str(coupon.plan_ids.as_deref()?).unwrap_or_default();
    Some(ids.into_iter().map(PlanId).collect())
}

/// The periods a coupon is for; none: all.
pub fn periods(coupon: &CouponRow) -> Option<Vec<Period>> {
    let names: Vec<String> = serde_json::from_str(coupon.periods.as_deref()?).unwrap_or_default();
    Some(names.iter().filter_map(|name| Period::of(name)).collect())
}
