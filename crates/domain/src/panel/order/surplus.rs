//! What is left of a subscription when its holder changes to another plan (specs/panel.md §3.2).

use gatehouse_model::{Millis, Money, PanelOrderId};
use gatehouse_store::{Query, panel_order as rows, proxy_plan::HolderRow};

use super::{OrderRow, kind, open::worth};
use crate::{
    Ctx, Result,
    panel::{calendar, plan::Period},
};

/// A rest value and the orders it came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Surplus {
    /// Hundredths.
    pub(super) credit: Money,
    /// These become discounted when the change is opened.
    pub(super) orders: Vec<PanelOrderId>,
}

/// Works it out for a pass that the caller holds.
pub(super) async fn of(ctx: &Ctx, q: &mut impl Query, pass: &HolderRow) -> Result<Surplus> {
    let orders = rows::list_completed(q, pass.account_id).await?;
    let Some(end) = pass.expires_at else { return Ok(of_onetime(pass, &orders)) };
    // A lapsed subscription never counts: the chain begins with the last order that began anew.
    let first = orders.iter().rposition(|order| matches!(order.kind, kind::NEW | kind::CHANGE)).unwrap_or(0);
    let months = |order: &OrderRow| Period::of(&order.period).and_then(Period::months);
    let chain: Vec<&OrderRow> = orders.iter().skip(first).filter(|order| months(order).is_some()).collect();
    let Some(begun) = chain.first().and_then(|order| order.opened_at) else { return Ok(Surplus::default()) };
    let paid = chain.iter().fold(Money::ZERO, |sum, order| sum.plus(worth(order)));
    let all_months: i64 = chain.iter().filter_map(|order| months(order)).sum();
    let zone = calendar::zone(&ctx.app);
    let until = calendar::months_after(&zone, begun, all_months, calendar::day_of(&zone, begun)?)?;
    let mut credit = share(paid, left(ctx.now(), end), left(begun, until));
    if ctx.app.live().panel().change_order_event_id == 1 {
        let quota = pass.quota.unwrap_or(0);
        credit = credit.min(share(paid, unused(pass, quota), quota.saturating_mul(all_months)));
    }
    Ok(Surplus { credit, orders: chain.iter().map(|order| order.id).collect() })
}

/// By traffic that was not used; takes every order with it.
fn of_onetime(pass: &HolderRow, orders: &[OrderRow]) -> Surplus {
    let onetime = orders.iter().rfind(|order| Period::of(&order.period) == Some(Period::Onetime));
    let Some(last) = onetime else { return Surplus::default() };
    let paid = last.total.plus(last.balance.unwrap_or(Money::ZERO));
    let quota = pass.quota.unwrap_or(0);
    let credit = share(paid, unused(pass, quota), quota);
    Surplus { credit, orders: orders.iter().map(|order| order.id).collect() }
}

/// Bytes that were not used.
fn unused(pass: &HolderRow, quota: i64) -> i64 {
    quota.saturating_sub(pass.up.saturating_add(pass.down) / 100).max(0)
}

fn left(from: Millis, until: Millis) -> i64 {
    until.0.saturating_sub(from.0).max(0)
}

/// A part of a sum, cut off; between nothing and the whole.
fn share(sum: Money, part: i64, whole: i64) -> Money {
    if whole <= 0 || sum <= Money::ZERO {
        return Money::ZERO;
    }
    let product = i128::from(sum.0) * i128::from(part.clamp(0, whole));
    Money(i64::try_from(product / i128::from(whole)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_cut_off_and_never_more_than_the_whole() {
        assert_eq!(share(Money(1_000), 1, 3), Money(333));
        assert_eq!(share(Money(1_000), 4, 3), Money(1_000));
        assert_eq!(share(Money(1_000), -4, 3), Money::ZERO);
        assert_eq!(share(Money(-1), 1, 1), Money::ZERO);
        assert_eq!(share(Money(1_000), 1, 0), Money::ZERO);
        assert_eq!(share(Money(i64::MAX), 1 << 30, 1 << 30), Money(i64::MAX));
    }
}
