//! The outbox of push messages at work (specs/billing.md §12).

use std::time::Duration;

use gatehouse_model::Origin;
use gatehouse_store::{
    job::{self as jobs, JobRow},
    push_token as rows,
};

use super::{Delivery, Message};
use crate::{Actor, App, Error, Result};

/// After that long nobody wants to read it.
const LIFE: Duration = Duration::from_hours(24);
/// Pause after the first failure; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// Sends one message to one token.
pub(crate) async fn run(app: &App, job: &JobRow) -> Result<()> {
    let ctx = app.ctx(Actor::System("push"), Origin::Billing);
    let token = job.key.as_deref().and_then(|key| key.rsplit_once('#')).and_then(|(_, id)| id.parse().ok());
    let token: i64 = token.ok_or_else(|| Error::internal(format!("job {} names no token", job.id)))?;
    let row = rows::find(&mut ctx.read(), token).await?;
    let is_late = ctx.now() > job.created_at.plus(LIFE);
    let delivery = match (&row, app.push()) {
        (Some(row), Some(sender)) if !is_late => {
            let payload = job.payload.as_deref().unwrap_or_default();
            let message: Message = serde_json::from_str(payload).map_err(Error::internal)?;
            sender.send(row.token.clone(), message).await
        }
        (Some(_), _) => Delivery::Dropped("nobody could be reached for a day".to_owned()),
        (None, _) => Delivery::Unregistered,
    };
    let mut tx = ctx.begin().await?;
    match &delivery {
        Delivery::Later { after, why } => {
            let pause = pause(job.attempts).max(after.unwrap_or_default()).min(LIFE);
            jobs::retry(&mut tx, job.id, job.attempts, ctx.now().plus(pause), why).await?;
        }
        Delivery::Unregistered => {
            if let Some(row) = &row {
                rows::delete(&mut tx, row.id, &row.token).await?;
            }
            jobs::finish(&mut tx, job.id, job.attempts).await?;
        }
        Delivery::Sent | Delivery::Dropped(_) => {
            jobs::finish(&mut tx, job.id, job.attempts).await?;
        }
    }
    tx.commit().await?;
    let outcome = match &delivery {
        Delivery::Sent => "sent",
        Delivery::Unregistered => "unregistered",
        Delivery::Dropped(why) => {
            tracing::info!(event = "push.dropped", why, "a push message was given up");
            "dropped"
        }
        Delivery::Later { why, .. } => {
            if job.attempts == 1 {
                tracing::info!(event = "push.later", why, "a push message waits");
            }
            "later"
        }
    };
    metrics::counter!("gatehouse_push_total", "outcome" => outcome).increment(1);
    Ok(())
}

/// 10 s doubling to an hour.
fn pause(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(12);
    FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
}
