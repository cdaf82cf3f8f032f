//! The outbox of mail at work.

use std::time::Duration;

use gatehouse_model::Origin;
use gatehouse_store::{
    job::{self as jobs, JobRow},
    mail as rows,
};

use super::{Delivery, Sealed, Written, place, transport};
use crate::{Actor, App, Result};

/// Pause after the first failure; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// Sends one mail.
pub(crate) async fn run(app: &App, job: &JobRow) -> Result<()> {
    let ctx = app.ctx(Actor::System("mail"), Origin::System);
    let Some(written) = read(app, job) else {
        // Its key was taken from the ring, or the row is no mail of ours: nobody can ever send it.
        let mut tx = ctx.begin().await?;
        jobs::finish(&mut tx, job.id, job.attempts).await?;
        tx.commit().await?;
        tracing::error!(event = "mail.unreadable", job = job.id.0, "a queued mail cannot be read and is given up");
        return Ok(());
    };
    let is_late = ctx.now() > written.until;
    let delivery = match (transport(&app.live().panel()), app.mailer()) {
        (Some(transport), Some(mailer)) if !is_late => mailer.send(transport, written.message.clone()).await,
        (Some(_), Some(_)) => Delivery::Dropped("it could not be sent in time".to_owned()),
        _ => Delivery::Dropped("no mail server is set: email_host and email_from_address".to_owned()),
    };
    let error = match &delivery {
        Delivery::Sent => None,
        Delivery::Dropped(why) | Delivery::Later(why) => Some(why.clone()),
    };
    let mut tx = ctx.begin().await?;
    match &delivery {
        Delivery::Later(why) => {
            jobs::retry(&mut tx, job.id, job.attempts, ctx.now().plus(pause(job.attempts)), why).await?;
        }
        Delivery::Sent | Delivery::Dropped(_) => {
            jobs::finish(&mut tx, job.id, job.attempts).await?;
        }
    }
    // Of a mail that is tried again and again the first failure is noted, and what it came to.
    if !matches!(delivery, Delivery::Later(_)) || job.attempts == 1 {
        let note = rows::MailLogRow {
            email: written.message.to.clone(),
            subject: written.message.subject.clone(),
            template: written.template.clone(),
            error,
            at: ctx.now(),
        };
        rows::insert_log(&mut tx, &note).await?;
    }
    tx.commit().await?;
    let outcome = match &delivery {
        Delivery::Sent => "sent",
        Delivery::Dropped(why) => {
            tracing::warn!(event = "mail.dropped", template = written.template, why, "a mail was given up: {why}");
            "dropped"
        }
        Delivery::Later(why) => {
            if job.attempts == 1 {
                tracing::warn!(event = "mail.later", template = written.template, why, "a mail waits: {why}");
            }
            "later"
        }
    };
    metrics::counter!("gatehouse_mail_total", "outcome" => outcome).increment(1);
    Ok(())
}

fn read(app: &App, job: &JobRow) -> Option<Written> {
    let sealed: Sealed = serde_json::from_str(job.payload.as_deref()?).ok()?;
    let text = app.keys().open_text(place(&sealed.seal_ref), &sealed.mail).ok()?;
    serde_json::from_str(text.expose()).ok()
}

/// 10 s doubling to an hour.
fn pause(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(12);
    FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
}
