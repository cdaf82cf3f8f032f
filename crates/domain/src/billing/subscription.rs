//! What subscribers have, for showing (specs/billing.md §5.2, §5.9).

use gatehouse_model::{BillingServiceId, Millis, Money};
use gatehouse_store::{
    Query,
    billing_subscription::{self as rows, ShownRow},
};
use jiff::tz::TimeZone;

use super::{
    Refusal, begin,
    period::{self, PeriodMode},
    price,
};
use crate::{App, Result};

/// A service that is connected.
#[derive(Debug, Clone)]
pub struct Subscribed {
    /// The subscription with its service and what follows it.
    pub row: ShownRow,
    /// Milliseconds to the end of the period, of a frozen one those that are left of it; none: endless.
    pub left: Option<i64>,
    /// What the next period costs; none: nothing follows.
    pub next_cost: Option<Money>,
    /// Why the subscriber may not order what follows; none: he may.
    pub why_not_change: Option<Refusal>,
}

impl Subscribed {
    fn new(zone: &TimeZone, row: ShownRow, now: Millis) -> Result<Self> {
        let left = match (row.frozen_left, row.end_at) {
            (_, None) => None,
            (Some(left), Some(_)) => Some(left),
            (None, Some(end)) => Some(end.0.saturating_sub(now.0).max(0)),
        };
        let next_cost = next_cost(zone, &row, now)?;
        let why_not_change = row.no_ordering_id.map(|_| Refusal::OrderingBlocked);
        Ok(Self { row, left, next_cost, why_not_change })
    }

    /// What follows the period.
    pub const fn next_service(&self) -> Option<BillingServiceId> {
        self.row.following_service_id
    }

    /// Whether it is frozen.
    pub const fn is_frozen(&self) -> bool {
        self.row.frozen_left.is_some()
    }

    /// Whether it stopped for want of money. Lists of what is connected leave it out.
    pub fn is_stopped(&self) -> bool {
        self.row.state == "stopped"
    }

    /// When money for what follows is needed; none: not as things stand. What waits for money needs it now.
    fn needed_at(&self, now: Millis) -> Option<Millis> {
        if self.is_frozen() {
            None
        } else if self.row.ordered_service_id.is_some() {
            Some(now)
        } else {
            self.row.end_at
        }
    }
}

/// What the period after this one costs, which begins at its end, or now where it waits for money.
fn next_cost(zone: &TimeZone, row: &ShownRow, now: Millis) -> Result<Option<Money>> {
    let (Some(price), Some(mode), Some(seconds)) =
        (row.next_price, row.next_period_mode.as_deref(), row.next_period_seconds)
    else {
        return Ok(None);
    };
    let start = match (&row.ordered_service_id, row.end_at) {
        (None, Some(end)) => end,
        _ => now,
    };
    let part = match PeriodMode::parse(mode, seconds) {
        Some(PeriodMode::MonthEnd) => period::begin(zone, PeriodMode::MonthEnd, start, None)?.part,
        _ => period::WHOLE,
    };
    let discount = if row.next_is_discountable == Some(true) { row.discount } else { 0 };
    Ok(Some(price::of(price, part, discount)))
}

/// What a subscriber has, those services that stopped for want of money included.
///
/// Shape: his number → subscriptions in the order of their numbers, none where there is no such subscriber. The caller has checked
/// that it may be shown. Source: specs/billing.md §5.2.
pub async fn list(app: &App, q: &mut impl Query, uid: i64) -> Result<Vec<Subscribed>> {
    list_between(app, q, uid.saturating_sub(1), uid).await
}

/// As [`list`] of every subscriber with a number above `after`, up to and with `to`, in the order of their numbers: one statement
/// for lists of many.
pub async fn list_between(app: &App, q: &mut impl Query, after: i64, to: i64) -> Result<Vec<Subscribed>> {
    of(app, rows::list_shown(q, after, to).await?)
}

/// What some rows mean now.
pub(super) fn of(app: &App, shown: Vec<ShownRow>) -> Result<Vec<Subscribed>> {
    let (zone, now) = (begin::zone(app), app.now());
    shown.into_iter().map(|row| Subscribed::new(&zone, row, now)).collect()
}

/// What the next periods of these cost together, those that need money up to a moment; none: all of them.
///
/// Source: specs/billing.md §5.2 (`recommended_pay`), §9 (what a temporary payment covers).
pub fn needed(all: &[Subscribed], now: Millis, until: Option<Millis>) -> Money {
    let counts = |one: &&Subscribed| match until {
        None => true,
        Some(until) => one.needed_at(now).is_some_and(|at| at <= until),
    };
    let costs = all.iter().filter(counts).filter_map(|one| one.next_cost);
    costs.fold(Money::ZERO, Money::plus)
}
