//! Renews services whose period has ended, and has those that stopped for want of money go on (specs/billing.md §8.2).
//!
//! A period begins where the one before ended, however late that is seen. Its charge is an event of its own in the ledger and its row
//! has the start in its key, so that however many schedulers run, and wherever one is killed, it is charged once.

use std::{collections::HashMap, sync::Arc, time::Duration};

use gatehouse_model::{AccountId, BillingServiceId, BillingSubscriptionId, Millis, Money, Origin};
use gatehouse_store::{
    Query, Tx, billing_service as services,
    billing_subscription::{self as rows, SubscriptionRow},
    subscriber::{self, TermsRow},
};
use jiff::tz::TimeZone;
use tokio::task::JoinSet;

use super::{
    begin::{self, Plan},
    price,
    service::{Faulty, OnNoMoney, Service},
};
use crate::{
    Actor, App, Ctx, Error, Result,
    audit::{self, Object},
    ledger, push,
};

/// Subscriptions looked for at once.
const ROUND: i64 = 512;
/// Subscriptions renewed by one transaction: enough to share its commit among, few enough that nobody waits long for it.
const CHUNK: usize = 16;
/// Transactions under way at once. On SQLite they share commits, on PostgreSQL they run side by side.
const PARALLEL: usize = 4;
/// Periods that one transaction catches up with; the rest follows in the next one.
const CATCH_UP: usize = 32;

/// The services as they were when a round began.
struct Catalogue(HashMap<BillingServiceId, Result<Service, Faulty>>);

impl Catalogue {
    async fn read(q: &mut impl Query) -> Result<Self> {
        let all = services::list(q).await?;
        Ok(Self(all.into_iter().map(|row| (row.id, Service::try_from(row))).collect()))
    }

    fn get(&self, id: BillingServiceId) -> Result<&Service> {
        match self.0.get(&id) {
            Some(Ok(service)) => Ok(service),
            Some(Err(faulty)) => Err(Error::internal(faulty.clone())),
            None => Err(Error::internal(format!("service {id} is not in the catalogue"))),
        }
    }
}

/// Whether any period has ended, or has after a rest.
pub(crate) async fn is_due(app: &App) -> Result<bool> {
    Ok(!rows::list_due(&mut app.db().read(), app.now(), 1).await?.is_empty())
}

/// Renews everything that is due; gives how many subscriptions were worked on. Run by the periodic task `billing.renew`.
///
/// Source: specs/billing.md §8.2.
pub async fn run(app: &App) -> Result<u64> {
    let ctx = app.ctx(Actor::System("billing.renew"), Origin::System);
    let mut worked = 0;
    loop {
        let mut due = rows::list_due(&mut app.db().read(), app.now(), ROUND).await?;
        if due.is_empty() || app.shutdown().is_cancelled() {
            return Ok(worked);
        }
        worked += due.len() as u64;
        // Wallets are locked smallest account first, as transfers do.
        due.sort_unstable_by_key(|(id, account)| (*account, *id));
        let catalogue = Arc::new(Catalogue::read(&mut app.db().read()).await?);
        let mut running = JoinSet::new();
        for chunk in due.chunks(CHUNK) {
            if running.len() >= PARALLEL {
                joined(running.join_next().await)?;
            }
            let (ctx, catalogue, chunk) = (ctx.clone(), Arc::clone(&catalogue), chunk.to_vec());
            running.spawn(async move { renew_chunk(&ctx, &catalogue, &chunk).await });
        }
        while let Some(done) = running.join_next().await {
            joined(Some(done))?;
        }
    }
}

fn joined(done: Option<std::result::Result<Result<()>, tokio::task::JoinError>>) -> Result<()> {
    match done {
        Some(Ok(result)) => result,
        Some(Err(error)) => Err(Error::internal(error)),
        None => Ok(()),
    }
}

/// Renews some subscriptions together, or, if that fails, one by one; whichever fails alone rests.
async fn renew_chunk(ctx: &Ctx, catalogue: &Catalogue, chunk: &[(BillingSubscriptionId, AccountId)]) -> Result<()> {
    let Err(error) = renew_together(ctx, catalogue, chunk).await else { return Ok(()) };
    tracing::debug!(event = "billing.renew_apart", error = error.chain(), "renewing one by one");
    for one in chunk {
        let Err(error) = renew_together(ctx, catalogue, std::slice::from_ref(one)).await else { continue };
        // Never none: it would be due again at once, for ever.
        let rest = ctx.app.settings().billing.renew.error_rest.0.max(Duration::from_secs(1));
        tracing::warn!(
            event = "billing.renew_failed",
            subscription = %one.0,
            error = error.chain(),
            "a service cannot be renewed, it is tried again in {} s",
            rest.as_secs()
        );
        metrics::counter!("gatehouse_billing_renew_failures_total").increment(1);
        let mut tx = ctx.begin().await?;
        rows::update_rest(&mut tx, one.0, ctx.now().plus(rest)).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn renew_together(ctx: &Ctx, catalogue: &Catalogue, chunk: &[(BillingSubscriptionId, AccountId)]) -> Result<()> {
    let zone = begin::zone(&ctx.app);
    let mut tx = ctx.begin().await?;
    for (id, account) in chunk {
        renew_one(ctx, &mut tx, (catalogue, &zone), *id, *account).await?;
    }
    Ok(tx.commit().await?)
}

/// Catches up with one subscription, unless somebody else has.
async fn renew_one(
    ctx: &Ctx,
    tx: &mut Tx,
    (catalogue, zone): (&Catalogue, &TimeZone),
    id: BillingSubscriptionId,
    account: AccountId,
) -> Result<()> {
    let wallet = ledger::wallet(ctx, tx, account, &ctx.app.settings().billing.pay.currency).await?;
    let terms = subscriber::lock_terms(tx, account).await?;
    let Some(mut subscription) = rows::lock(tx, id).await? else { return Ok(()) };
    let (mut balance, mut renewed) = (wallet.balance, None);
    for _ in 0..CATCH_UP {
        let is_running = subscription.state == "active" && subscription.frozen_left.is_none();
        let Some(end) = subscription.end_at.filter(|end| is_running && *end <= ctx.now()) else { break };
        let Some(terms) = &terms else {
            // Nobody is left to charge.
            return over(ctx, tx, &subscription, end).await;
        };
        let Some((title, price)) = turn(ctx, tx, (catalogue, zone), (terms, balance), &mut subscription, end).await?
        else {
            break;
        };
        balance = balance.minus(price);
        renewed = Some(title);
    }
    // However many periods were missed, he is told once.
    if let Some(title) = renewed {
        let event = push::Event::ServiceRenewed { id, title, until: subscription.end_at };
        push::queue(ctx, tx, account, &event).await?;
    }
    Ok(())
}

/// Begins what follows a period that ended; gives its title and what it cost, none: nothing follows.
async fn turn<'a>(
    ctx: &Ctx,
    tx: &mut Tx,
    (catalogue, zone): (&'a Catalogue, &TimeZone),
    (terms, balance): (&TermsRow, Money),
    subscription: &mut SubscriptionRow,
    end: Millis,
) -> Result<Option<(&'a str, Money)>> {
    let Some(wanted) = subscription.ordered_service_id.or(subscription.next_service_id) else {
        over(ctx, tx, subscription, end).await?;
        return Ok(None);
    };
    let service = catalogue.get(wanted)?;
    let before = Some((subscription.start_at, subscription.anchor_at));
    let follower = follower(subscription, service);
    let plan = Plan::new(zone, service, terms, end, before)?;
    let is_affordable = |plan: &Plan<'_>| price::is_affordable(terms, balance, plan.price);
    if is_affordable(&plan) || service.policy() == OnNoMoney::RenewIntoDebt {
        follow(ctx, tx, subscription, &plan, (follower, None)).await?;
        return Ok(Some((&plan.service.title, plan.price)));
    }
    let fallback = match (service.policy(), service.fallback) {
        (OnNoMoney::Fallback, Some(fallback)) => {
            let fallback = catalogue.get(fallback)?;
            Some(Plan::new(zone, fallback, terms, end, before)?)
        }
        _ => None,
    };
    let fits = |plan: &Plan<'_>| plan.service.module == service.module && !plan.is_once() && is_affordable(plan);
    if let Some(plan) = fallback.filter(fits) {
        follow(ctx, tx, subscription, &plan, (follower, Some(wanted))).await?;
        return Ok(Some((&plan.service.title, plan.price)));
    }
    rows::stop(tx, subscription.id, wanted, follower, ctx.now()).await?;
    begin::announce(ctx, tx, subscription.account_id).await?;
    let object = Object::new("billing_subscription", subscription.id.0, &service.title);
    audit::changed(tx, ctx, "billing.service.stop", object).await?;
    Ok(None)
}

/// What follows a service once it has begun: of one that was ordered as the next, itself if it does so.
fn follower(subscription: &SubscriptionRow, service: &Service) -> Option<BillingServiceId> {
    if subscription.ordered_service_id.is_some() || service.id == subscription.billing_service_id {
        subscription.next_service_id
    } else {
        service.follower()
    }
}

/// Begins a period, and says so where the service is another one.
async fn follow(
    ctx: &Ctx,
    tx: &mut Tx,
    subscription: &mut SubscriptionRow,
    plan: &Plan<'_>,
    follower: (Option<BillingServiceId>, Option<BillingServiceId>),
) -> Result<()> {
    let is_other = subscription.billing_service_id != plan.service.id;
    begin::again(ctx, tx, subscription, plan, follower, "billing.renew").await?;
    if is_other || plan.is_once() {
        begin::announce(ctx, tx, subscription.account_id).await?;
        let object = Object::new("billing_subscription", subscription.id.0, &plan.service.title);
        audit::changed(tx, ctx, "billing.service.follow", object).await?;
    }
    Ok(())
}

/// Ends a subscription that nothing follows.
async fn over(ctx: &Ctx, tx: &mut Tx, subscription: &SubscriptionRow, end: Millis) -> Result<()> {
    rows::end(tx, subscription.id, Some(end), ctx.now()).await?;
    begin::announce(ctx, tx, subscription.account_id).await?;
    let object = Object::new("billing_subscription", subscription.id.0, "");
    audit::changed(tx, ctx, "billing.service.end", object).await
}

/// Has a subscriber's services that stopped for want of money, or have another one stand in for them, go on from now, as far as
/// his money reaches, oldest first. To be called after every posting that raises a wallet and every change of a limit, in the same
/// transaction.
///
/// Source: specs/billing.md §8.2 (`billing.resume_on_payment`).
pub async fn resume(ctx: &Ctx, tx: &mut Tx, account: AccountId) -> Result<()> {
    if !ctx.app.settings().billing.resume_on_payment {
        return Ok(());
    }
    let waiting = rows::list_waiting(tx, account).await?;
    if waiting.is_empty() {
        return Ok(());
    }
    let mut balance = ledger::wallet(ctx, tx, account, &ctx.app.settings().billing.pay.currency).await?.balance;
    let Some(terms) = subscriber::lock_terms(tx, account).await? else { return Ok(()) };
    let zone = begin::zone(&ctx.app);
    for id in waiting {
        let Some(mut subscription) = rows::lock(tx, id).await? else { continue };
        // Somebody else may have seen to it before the wallet was ours.
        let is_waiting = subscription.state != "ended" && subscription.frozen_left.is_none();
        let Some(ordered) = subscription.ordered_service_id.filter(|_| is_waiting) else { continue };
        let Some(row) = services::find(tx, ordered).await? else { continue };
        // A payment does not fail because of a definition; whoever corrects it makes the next one count.
        let Ok(service) = Service::try_from(row) else { continue };
        // No two periods begin at once.
        let now = ctx.now().max(Millis(subscription.start_at.0.saturating_add(1)));
        let plan = Plan::new(&zone, &service, &terms, now, None)?;
        if !price::is_affordable(&terms, balance, plan.price) {
            continue;
        }
        let follower = subscription.next_service_id;
        begin::again(ctx, tx, &mut subscription, &plan, (follower, None), "billing.resume").await?;
        begin::announce(ctx, tx, account).await?;
        let object = Object::new("billing_subscription", id.0, &service.title);
        audit::changed(tx, ctx, "billing.service.resume", object).await?;
        let event = push::Event::ServiceRenewed { id, title: &service.title, until: subscription.end_at };
        push::queue(ctx, tx, account, &event).await?;
        balance = balance.minus(plan.price);
    }
    Ok(())
}
