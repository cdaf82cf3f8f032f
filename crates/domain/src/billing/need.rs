//! What a subscriber's services will cost until a moment: what a temporary payment is for (specs/billing.md §9).

use gatehouse_model::{AccountId, Millis, Money};
use gatehouse_store::{
    Tx, billing_service as services,
    billing_subscription::{self as rows, SubscriptionRow},
    subscriber::TermsRow,
};
use jiff::tz::TimeZone;

use super::{
    begin::{self, Plan},
    service::Service,
};
use crate::{Ctx, Result};

/// Periods of one service that are foreseen at most: shorter ones than a quarter of an hour are nobody's for three days.
const FORESEEN: usize = 300;

/// Adds up what renewals that come due until a moment cost, and what services cost that stopped for want of money.
pub(super) async fn until(
    ctx: &Ctx,
    tx: &mut Tx,
    account: AccountId,
    terms: &TermsRow,
    until: Millis,
) -> Result<Money> {
    let zone = begin::zone(&ctx.app);
    let mut sum = Money::ZERO;
    for subscription in rows::list_of(tx, account).await? {
        sum = sum.plus(of(ctx, tx, (&zone, terms), &subscription, until).await?);
    }
    Ok(sum)
}

async fn of(
    ctx: &Ctx,
    tx: &mut Tx,
    (zone, terms): (&TimeZone, &TermsRow),
    subscription: &SubscriptionRow,
    until: Millis,
) -> Result<Money> {
    // What waits for money wants it now: a stopped one, and one that another stands in for.
    let is_waiting = subscription.state == "stopped" || subscription.ordered_service_id.is_some();
    let mut wanted = subscription.ordered_service_id.or(subscription.next_service_id);
    let (mut start, mut before) = match subscription.end_at.filter(|_| !is_waiting) {
        _ if subscription.frozen_left.is_some() => return Ok(Money::ZERO),
        None if is_waiting => (ctx.now(), None),
        None => return Ok(Money::ZERO),
        Some(end) => (end, Some((subscription.start_at, subscription.anchor_at))),
    };
    let mut sum = Money::ZERO;
    for _ in 0..FORESEEN {
        let Some(id) = wanted.filter(|_| start <= until) else { break };
        let Some(Ok(service)) = services::find(tx, id).await?.map(Service::try_from) else { break };
        let plan = Plan::new(zone, &service, terms, start, before)?;
        sum = sum.plus(plan.price);
        let Some(end) = plan.period.end.filter(|_| !plan.is_once()) else { break };
        (start, before) = (end, Some((plan.period.start, plan.period.anchor)));
        if id != subscription.billing_service_id {
            wanted = service.follower();
        }
    }
    Ok(sum.max(Money::ZERO))
}
