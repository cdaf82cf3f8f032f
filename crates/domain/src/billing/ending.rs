//! Tells subscribers a day before a period ends that there is no money for the next one (specs/billing.md §12).

use std::time::Duration;

use gatehouse_model::{AccountId, BillingSubscriptionId};
use gatehouse_store::{Tx, billing_service as services, billing_subscription as rows};

use super::{
    Failure,
    begin::{self, Plan},
    kernel,
    owned::{self, Owned},
    price,
    service::Service,
};
use crate::{App, Ctx, Result, ledger, push};

/// How long before the end.
const BEFORE: Duration = Duration::from_hours(24);
/// How many are looked at in one transaction.
const BATCH: i64 = 32;

/// Whether anybody is to be looked at: nobody where nothing is sent.
pub(crate) async fn is_due(app: &App) -> Result<bool> {
    let is_sent = app.settings().billing.push.credentials_file.is_some();
    Ok(is_sent && !list(app, 1).await?.is_empty())
}

async fn list(app: &App, limit: i64) -> Result<Vec<(BillingSubscriptionId, AccountId)>> {
    let now = app.now();
    Ok(rows::list_ending(&mut app.db().read(), (now, now.plus(BEFORE)), limit).await?)
}

/// Looks at every period that ends within a day, once.
pub(crate) async fn run(app: &App) -> Result<()> {
    let ctx = kernel(app);
    while is_due(app).await? && !app.shutdown().is_cancelled() {
        let mut ending = list(app, BATCH).await?;
        // Wallets are locked smallest account first.
        ending.sort_unstable_by_key(|(id, account)| (*account, *id));
        let mut tx = ctx.begin().await?;
        for (id, account) in ending {
            foresee(&ctx, &mut tx, id, account).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

async fn foresee(ctx: &Ctx, tx: &mut Tx, id: BillingSubscriptionId, account: AccountId) -> Result<()> {
    let found = match owned::lock(ctx, tx, account, id).await {
        Ok(found) => found,
        // Ended meanwhile, or nobody is left, whom its end will find missing.
        Err(Failure::Refused(_)) => {
            if let Some(end) = rows::lock(tx, id).await?.and_then(|row| row.end_at) {
                rows::update_foreseen(tx, id, end).await?;
            }
            return Ok(());
        }
        Err(Failure::Error(error)) => return Err(error),
    };
    let Owned { subscription, terms } = found;
    let Some(end) = subscription.end_at else { return Ok(()) };
    let wanted = subscription.ordered_service_id.or(subscription.next_service_id);
    if rows::update_foreseen(tx, id, end).await? == 0 {
        return Ok(());
    }
    let Some(wanted) = wanted else { return Ok(()) };
    let Some(Ok(service)) = services::find(tx, wanted).await?.map(Service::try_from) else { return Ok(()) };
    let before = Some((subscription.start_at, subscription.anchor_at));
    let plan = Plan::new(&begin::zone(&ctx.app), &service, &terms, end, before)?;
    let balance = ledger::balance(tx, account, &ctx.app.settings().billing.pay.currency).await?;
    if price::is_affordable(&terms, balance, plan.price) {
        return Ok(());
    }
    let event = push::Event::ServiceEnding { id, title: &service.title, until: end };
    push::queue(ctx, tx, account, &event).await
}
