//! Asks providers about orders whose notices do not come (specs/billing.md §11.4).

use std::time::Duration;

use gatehouse_model::{Millis, Origin, PaymentAttemptId};
use gatehouse_store::{
    job::{self as jobs, JobRow},
    payment as rows,
};

use super::{
    provider::Trouble,
    settle::{self, Source},
};
use crate::{Actor, App, Error, Result, ledger, ledger::Author};

/// The job; its key is the order's number.
pub(crate) const KIND: &str = "payment.poll";
/// Longest pause.
const LONGEST: Duration = Duration::from_hours(6);
/// How long after its end an order is asked for whose provider is away.
const PATIENCE: Duration = Duration::from_hours(24);

/// Asks about one order; an order that is over and was not paid has failed.
pub(crate) async fn run(app: &App, job: &JobRow) -> Result<()> {
    let ctx = app.ctx(Actor::System("payment"), Origin::Billing);
    let id = job.key.as_deref().and_then(|key| key.parse().ok());
    let id = id.ok_or_else(|| Error::internal(format!("job {} names no order", job.id)))?;
    let order = rows::find(&mut ctx.read(), PaymentAttemptId(id)).await?;
    let Some(order) = order.filter(|order| is_open(&order.state)) else {
        let mut tx = ctx.begin().await?;
        jobs::finish(&mut tx, job.id, job.attempts).await?;
        return Ok(tx.commit().await?);
    };
    // Asked after its end, it can no longer be paid.
    let is_over = ctx.now() >= order.expires_at;
    let provider = app.payments().and_then(|all| all.find(&order.channel));
    let asked = match provider {
        Some(provider) => provider.status(order.order_ref.clone()).await.map(|report| (provider, report)),
        None => Err(Trouble::Unreachable("no credentials".to_owned())),
    };
    let is_answered = match asked {
        Ok((provider, report)) => {
            let said = (Source::Asked, &Author::provider(&ctx));
            if let Err(mismatch) = settle::apply(&ctx, provider.as_ref(), &order, &report, said).await? {
                settle::alert(&ctx, &order, &report, mismatch).await?;
            }
            true
        }
        Err(Trouble::UnknownOrder) => true,
        Err(trouble) => {
            let channel = order.channel.clone();
            metrics::counter!("gatehouse_payment_failures_total", "channel" => channel, "call" => "status")
                .increment(1);
            tracing::info!(
                event = "payment.poll_failed",
                channel = order.channel,
                order = order.order_ref,
                "{trouble}"
            );
            ctx.now() >= order.expires_at.plus(PATIENCE)
        }
    };
    let mut tx = ctx.begin().await?;
    ledger::wallet(&ctx, &mut tx, order.account_id, &order.currency).await?;
    let now = rows::find(&mut tx, order.id).await?.filter(|order| is_open(&order.state));
    match now {
        Some(order) if is_over && is_answered => {
            settle::expire(&ctx, &mut tx, &order).await?;
            jobs::finish(&mut tx, job.id, job.attempts).await?;
        }
        Some(order) => {
            let pause = pause(app.settings().billing.pay.poll_after.0, job.attempts);
            let next = next_at(ctx.now(), pause, order.expires_at);
            jobs::retry(&mut tx, job.id, job.attempts, next, "not paid yet").await?;
        }
        None => {
            jobs::finish(&mut tx, job.id, job.attempts).await?;
        }
    }
    Ok(tx.commit().await?)
}

fn is_open(state: &str) -> bool {
    matches!(state, "new" | "waiting")
}

/// After so many questions; doubles up to six hours.
fn pause(first: Duration, asked: i64) -> Duration {
    let doublings = u32::try_from(asked.max(0)).unwrap_or(u32::MAX).min(20);
    first.saturating_mul(1 << doublings).min(LONGEST)
}

/// The last question before the end is asked at the end.
fn next_at(now: Millis, pause: Duration, end: Millis) -> Millis {
    let next = now.plus(pause);
    if now < end { next.min(end) } else { next }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_the_end_is_not_missed() {
        let minutes: Vec<u64> = (1..=7).map(|n| pause(Duration::from_mins(10), n).as_secs() / 60).collect();
        assert_eq!(minutes, [20, 40, 80, 160, 320, 360, 360]);
        assert_eq!(next_at(Millis(0), Duration::from_secs(5), Millis(3_000)), Millis(3_000));
        assert_eq!(next_at(Millis(0), Duration::from_secs(2), Millis(3_000)), Millis(2_000));
        assert_eq!(next_at(Millis(3_000), Duration::from_secs(2), Millis(3_000)), Millis(5_000));
    }
}
