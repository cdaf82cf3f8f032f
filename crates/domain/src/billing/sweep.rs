//! The sweep over debt blocks (specs/billing.md §7): every posting recalculates the block it concerns, so that it finds nothing
//! unless something else wrote to the database. It walks on by a slice each time.

use std::sync::atomic::{AtomicI64, Ordering};

use gatehouse_store::subscriber as rows;

use crate::{App, Result, ledger};

/// Subscribers looked at in one turn.
const SLICE: i64 = 5_000;

/// Where the next turn begins; each process that runs the task has its own place.
#[derive(Debug, Default)]
pub(crate) struct Sweep(AtomicI64);

/// Whether there are subscribers.
pub(crate) async fn is_wanted(app: &App) -> Result<bool> {
    Ok(rows::find_slice_end(&mut app.db().read(), 0, 1).await?.is_some())
}

/// Looks at the next slice of subscribers, and puts right what is not: the periodic task `billing.debt_sweep`.
pub(crate) async fn run(app: &App) -> Result<()> {
    let (ctx, sweep) = (super::kernel(app), app.sweep());
    let currency = &app.settings().billing.pay.currency;
    let after = sweep.0.load(Ordering::Relaxed);
    let slice = rows::find_slice_end(&mut ctx.read(), after, SLICE).await?;
    let Some(end) = slice else {
        sweep.0.store(0, Ordering::Relaxed);
        return Ok(());
    };
    for account in rows::list_misjudged(&mut ctx.read(), currency, (after, end)).await? {
        let mut tx = ctx.begin().await?;
        let wallet = ledger::wallet(&ctx, &mut tx, account, currency).await?;
        if ledger::recalculate_debt(&ctx, &mut tx, account, wallet.balance).await? {
            tracing::warn!(event = "billing.debt_swept", %account, "a debt block was not as it must be; is somebody else writing?");
        }
        tx.commit().await?;
    }
    sweep.0.store(end, Ordering::Relaxed);
    Ok(())
}
