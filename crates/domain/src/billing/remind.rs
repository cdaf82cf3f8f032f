//! Tells subscribers by push, a day before, that a service ends for want of money (specs/billing.md §12).

use std::time::Duration;

use gatehouse_store::{
    billing_reminder::{self as rows, EndingRow},
    subscriber,
};

use super::{need, price};
use crate::{App, Ctx, Result, ledger, push};

/// How long before.
const DAY: Duration = Duration::from_hours(24);
/// The same in milliseconds; who renews more often than daily is not told each time.
const DAY_MILLIS: i64 = 86_400_000;
/// Subscriptions looked for at once.
const BATCH: i64 = 256;

/// Whether any subscription is to be looked at. Where nothing is pushed, nobody looks.
pub(crate) async fn is_due(app: &App) -> Result<bool> {
    if app.settings().billing.push.credentials_file.is_none() {
        return Ok(false);
    }
    let span = (app.now(), app.now().plus(DAY));
    Ok(!rows::list(&mut app.db().read(), span, DAY_MILLIS, 1).await?.is_empty())
}

/// Looks once at each period that ends within a day: the periodic task `billing.remind`.
pub(crate) async fn run(app: &App) -> Result<()> {
    let ctx = super::kernel(app);
    loop {
        let span = (ctx.now(), ctx.now().plus(DAY));
        let ending = rows::list(&mut ctx.read(), span, DAY_MILLIS, BATCH).await?;
        if ending.is_empty() || app.shutdown().is_cancelled() {
            return Ok(());
        }
        for row in ending {
            look(&ctx, &row).await?;
        }
    }
}

/// Tells its subscriber unless his money will do for everything that is due until then.
async fn look(ctx: &Ctx, row: &EndingRow) -> Result<()> {
    let mut tx = ctx.begin().await?;
    let currency = &ctx.app.settings().billing.pay.currency;
    let wallet = ledger::wallet(ctx, &mut tx, row.account_id, currency).await?;
    let terms = subscriber::lock_terms(&mut tx, row.account_id).await?;
    if rows::update(&mut tx, row.id, row.end_at).await? == 1
        && let Some(terms) = terms
    {
        let needed = need::until(ctx, &mut tx, row.account_id, &terms, row.end_at).await?;
        if !price::is_affordable(&terms, wallet.balance, needed) {
            let event = push::Event::ServiceEnding { id: row.id, title: &row.title, until: row.end_at };
            push::queue(ctx, &mut tx, row.account_id, &event).await?;
        }
    }
    Ok(tx.commit().await?)
}
