//! The outbox at work: stays are ended or changed at their NAS, again and again until that is certain (specs/radius.md §8).
//!
//! One run of a job is one round of the door. What came of it is written in the transaction that puts the job back or ends it, so
//! that a process which dies in between leaves a job whose lease runs out: the round is repeated, none is lost.

use std::{sync::Arc, time::Duration};

use gatehouse_model::{EndedWhy, Millis, Origin, PassKind};
use gatehouse_store::{
    Tx,
    job::{self as jobs, JobRow},
    radius_outbox::{self as rows, AttemptRow},
    visit_radius::{self as visits, SessionRow},
};

use tokio::sync::OwnedSemaphorePermit;

use super::{
    enforce::{Order, Outcome, Stay},
    grant::Decision,
    nas::{Disconnect, Nas},
    outbox, standing, subscriber,
};
use crate::{
    Actor, App, Ctx, Error, Result,
    audit::{self, Object, Stream},
    vpn::login,
};

/// How long after an acknowledgement its Stop may take.
const GRACE: Duration = Duration::from_secs(10);
/// Reports that were under way when the acknowledgement came.
const OVERTAKEN: Duration = Duration::from_secs(1);
/// Rounds in vain after which staff are told.
pub(crate) const ALARM_AFTER: usize = 3;
/// Attempts that are looked at: more than lead to the longest pause.
const LOOK_BACK: i64 = 20;
/// Pause after the first round in vain; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);
/// Pause of a job whose NAS has no turn for it.
const NO_TURN: Duration = Duration::from_secs(30);
/// How often staff are told of the same stay.
const ALARM_GRAIN: Duration = Duration::from_hours(1);
/// Rounds after which a change is given up: the next login brings it.
const MOST_CHANGES: usize = 8;

fn system(app: &App) -> Ctx {
    app.ctx(Actor::System("radius"), Origin::System)
}

fn uuid(job: &JobRow) -> Result<&str> {
    job.key.as_deref().ok_or_else(|| Error::internal(format!("job {} names no visit", job.id)))
}

/// Why the job was made.
fn why(job: &JobRow, session: &SessionRow) -> EndedWhy {
    let asked = session.end_asked_why.as_deref().and_then(EndedWhy::parse);
    let payload: Option<serde_json::Value> = job.payload.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let told = payload.as_ref().and_then(|payload| payload.get("why")?.as_str()).and_then(EndedWhy::parse);
    asked.or(told).unwrap_or(EndedWhy::Kicked)
}

/// What is to be done about a stay that shall end.
enum Next {
    /// Nothing: it is over, or the wish is.
    Nothing,
    /// The NAS has acknowledged and may take until then.
    Wait(Millis),
    /// The NAS acknowledged then, and nothing was heard since.
    Over(Millis),
    /// Another round; true: the NAS acknowledged one and goes on all the same.
    Send(bool),
}

fn next(session: &SessionRow, attempts: &[AttemptRow], why: EndedWhy, now: Millis) -> Next {
    if session.until_at.is_some() {
        return Next::Nothing;
    }
    match attempts.first() {
        Some(last) if last.outcome == "ack" => {
            if session.seen_at > last.at.plus(OVERTAKEN) {
                Next::Send(true)
            } else if now >= last.at.plus(GRACE) {
                Next::Over(last.at)
            } else {
                Next::Wait(last.at.plus(GRACE))
            }
        }
        // He may be in again meanwhile; what staff asked for stays asked for.
        Some(_) if standing::lapses(why) && standing::of_session(session, now).is_none() => Next::Nothing,
        _ => Next::Send(false),
    }
}

/// Ends a stay: one round, or the conclusion from the last one.
pub(crate) async fn disconnect(app: &App, job: &JobRow) -> Result<()> {
    let (ctx, uuid) = (system(app), uuid(job)?);
    let mut tx = ctx.begin().await?;
    let Some(session) = visits::find_by_uuid(&mut tx, uuid).await? else { return finish(tx, job).await };
    let attempts = rows::list_attempts(&mut tx, session.id, "disconnect", job.created_at, LOOK_BACK).await?;
    let why = why(job, &session);
    let nas = app.live().nas().entries.iter().find(|nas| nas.id == session.nas_id).cloned();
    match next(&session, &attempts, why, ctx.now()) {
        Next::Nothing => {
            if session.until_at.is_none() {
                rows::clear_end_asked(&mut tx, session.id).await?;
            }
            return finish(tx, job).await;
        }
        Next::Wait(until) => return put_back(tx, job, until, "acknowledged").await,
        Next::Over(at) => {
            visits::close(&mut tx, session.id, at, why.as_str()).await?;
            return finish(tx, job).await;
        }
        Next::Send(is_ignored) => {
            if is_ignored {
                alarm(&ctx, &mut tx, &session, &nas_name(nas.as_deref()), "acknowledged, but it goes on").await?;
            }
            tx.commit().await?;
        }
    }
    let turn = turn(app, nas.as_deref()).await;
    let outcome = match &turn {
        Some(_) => carry_out(app, nas.as_ref(), &session, Order::Disconnect).await,
        None => return put_back(ctx.begin().await?, job, ctx.now().plus(NO_TURN), "no turn").await,
    };
    drop(turn);
    let mut tx = ctx.begin().await?;
    // Its Stop may have come before the acknowledgement.
    let Some(session) = visits::find_by_uuid(&mut tx, uuid).await? else { return finish(tx, job).await };
    rows::insert_attempt(&mut tx, session.id, "disconnect", &outcome.text(), ctx.now()).await?;
    if session.until_at.is_some() {
        return finish(tx, job).await;
    }
    match outcome {
        Outcome::Ack => put_back(tx, job, ctx.now().plus(GRACE), "acknowledged").await,
        Outcome::Nak(503) => {
            visits::close(&mut tx, session.id, ctx.now(), why.as_str()).await?;
            finish(tx, job).await
        }
        Outcome::Impossible => {
            rows::clear_end_asked(&mut tx, session.id).await?;
            // Where the entry says so, nobody expects anything else.
            if nas.as_ref().is_none_or(|nas| nas.settings.disconnect != Disconnect::None) {
                alarm(&ctx, &mut tx, &session, &nas_name(nas.as_deref()), "there is no way to cut it").await?;
            }
            finish(tx, job).await
        }
        Outcome::Nak(_) | Outcome::Silent => {
            let failures = in_vain(&attempts) + 1;
            if failures == ALARM_AFTER {
                // From now on it is shown again, as it is.
                rows::clear_end_asked(&mut tx, session.id).await?;
                alarm(&ctx, &mut tx, &session, &nas_name(nas.as_deref()), &outcome.text()).await?;
            }
            put_back(tx, job, ctx.now().plus(pause(failures)), &outcome.text()).await
        }
    }
}

/// Sends a stay what its person now gets: one round.
pub(crate) async fn change(app: &App, job: &JobRow) -> Result<()> {
    let (ctx, uuid) = (system(app), uuid(job)?);
    let mut tx = ctx.begin().await?;
    let session = visits::find_by_uuid(&mut tx, uuid).await?;
    let open = session.filter(|session| session.until_at.is_none() && session.end_asked_at.is_none());
    let nas = open.as_ref().and_then(|session| {
        let live = app.live().nas();
        live.entries.iter().find(|nas| nas.id == session.nas_id).cloned()
    });
    let (Some(session), Some(nas)) = (open, nas) else { return finish(tx, job).await };
    let Some(account) = session.account_id else { return finish(tx, job).await };
    let is_subscriber = session.pass.as_deref() == Some(PassKind::Subscriber.as_str());
    if nas.settings.disconnect != Disconnect::Coa {
        // A VPN user keeps what he has until his next login; a subscriber pays for what he has, and comes in again by himself.
        if is_subscriber && nas.settings.disconnect != Disconnect::None {
            outbox::disconnect_visit(&mut tx, ctx.now(), uuid, EndedWhy::PolicyChanged, "radius").await?;
        }
        return finish(tx, job).await;
    }
    let attempts = rows::list_attempts(&mut tx, session.id, "change", job.created_at, LOOK_BACK).await?;
    tx.commit().await?;
    let stands = if is_subscriber {
        subscriber::standing(&ctx, account, &nas).await?
    } else {
        login::standing(&ctx, account, Some(&nas)).await?
    };
    let is_in_garden = matches!(&stands, Decision::Accept(grant) if grant.terms.is_denied);
    let outcome = match stands {
        Decision::Accept(grant) => match turn(app, Some(&nas)).await {
            Some(_turn) => carry_out(app, Some(&nas), &session, Order::Change(grant)).await,
            None => return put_back(ctx.begin().await?, job, ctx.now().plus(NO_TURN), "no turn").await,
        },
        // It ends for a cause of its own, if that has not been said yet.
        Decision::Reject(_) => {
            let mut tx = ctx.begin().await?;
            let refused = if is_subscriber {
                subscriber::refusal(&ctx, &mut tx, account).await?
            } else {
                standing::of_session(&session, ctx.now())
            };
            let why = refused.unwrap_or(EndedWhy::PolicyChanged);
            outbox::disconnect_visit(&mut tx, ctx.now(), uuid, why, "radius").await?;
            return finish(tx, job).await;
        }
    };
    let mut tx = ctx.begin().await?;
    let Some(session) = visits::find_by_uuid(&mut tx, uuid).await? else { return finish(tx, job).await };
    rows::insert_attempt(&mut tx, session.id, "change", &outcome.text(), ctx.now()).await?;
    if session.until_at.is_some() {
        return finish(tx, job).await;
    }
    if outcome == Outcome::Ack && is_in_garden != session.is_in_garden {
        visits::update_garden(&mut tx, session.id, is_in_garden).await?;
    }
    match outcome {
        Outcome::Ack | Outcome::Impossible => finish(tx, job).await,
        Outcome::Nak(503) => {
            visits::close(&mut tx, session.id, ctx.now(), EndedWhy::Lost.as_str()).await?;
            finish(tx, job).await
        }
        Outcome::Nak(401 | 402 | 404 | 405 | 407) if nas.settings.coa_fallback_disconnect => {
            outbox::disconnect_visit(&mut tx, ctx.now(), uuid, EndedWhy::PolicyChanged, "radius").await?;
            finish(tx, job).await
        }
        Outcome::Nak(_) | Outcome::Silent => {
            let failures = in_vain(&attempts) + 1;
            if failures == ALARM_AFTER {
                alarm(&ctx, &mut tx, &session, &nas.name, &format!("change: {}", outcome.text())).await?;
            }
            if failures >= MOST_CHANGES {
                return finish(tx, job).await;
            }
            put_back(tx, job, ctx.now().plus(pause(failures)), &outcome.text()).await
        }
    }
}

/// Waits for a turn at a NAS; where there is none to ask, nobody has to wait.
async fn turn(app: &App, nas: Option<&Nas>) -> Option<Option<OwnedSemaphorePermit>> {
    match nas {
        Some(nas) => app.nas_turns().wait(nas).await.map(Some),
        None => Some(None),
    }
}

async fn carry_out(app: &App, nas: Option<&Arc<Nas>>, session: &SessionRow, order: Order) -> Outcome {
    let address = session.nas_address.parse().ok();
    let nas = nas.filter(|nas| nas.settings.disconnect != Disconnect::None);
    let (Some(nas), Some(nas_address), Some(door)) = (nas, address, app.enforcer()) else { return Outcome::Impossible };
    let stay = Stay {
        nas: Arc::clone(nas),
        nas_address,
        login: session.login.clone(),
        user_name: session.user_name.clone(),
        session_id: session.session_id.clone(),
        framed_ip: session.framed_ip.clone(),
        calling_station: session.calling_station.clone(),
        nas_identifier: session.nas_identifier.clone(),
        is_in_garden: session.is_in_garden,
    };
    door.enforce(stay, order).await
}

async fn finish(mut tx: Tx, job: &JobRow) -> Result<()> {
    // Where the claim no longer holds, somebody asked anew meanwhile, and the job stays.
    jobs::finish(&mut tx, job.id, job.attempts).await?;
    Ok(tx.commit().await?)
}

async fn put_back(mut tx: Tx, job: &JobRow, run_at: Millis, outcome: &str) -> Result<()> {
    jobs::retry(&mut tx, job.id, job.attempts, run_at, outcome).await?;
    Ok(tx.commit().await?)
}

fn in_vain(attempts: &[AttemptRow]) -> usize {
    attempts.iter().take_while(|attempt| attempt.outcome != "ack").count()
}

/// 10 s doubling to 10 min.
pub(crate) fn pause(failures: usize) -> Duration {
    let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(u32::MAX).min(10);
    FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
}

fn nas_name(nas: Option<&Nas>) -> String {
    nas.map_or_else(|| "(removed)".to_owned(), |nas| nas.name.clone())
}

/// Tells staff that a stay is open that should not be; at most once an hour for each.
pub(crate) async fn alarm(ctx: &Ctx, tx: &mut Tx, session: &SessionRow, nas: &str, outcome: &str) -> Result<()> {
    metrics::counter!("gatehouse_radius_still_open_total", "nas" => nas.to_owned()).increment(1);
    if !ctx.app.once_per(ALARM_GRAIN, &format!("radius.still_open {}", session.uuid)) {
        return Ok(());
    }
    tracing::warn!(
        event = "radius.still_open",
        nas,
        visit = session.uuid,
        outcome,
        "a session at {nas} is still open: {outcome}"
    );
    let detail = serde_json::json!({ "nas": nas, "visit": session.uuid, "outcome": outcome }).to_string();
    let object = Object::new("visit", session.id.0, &session.login);
    audit::record(tx, ctx, Stream::Alert, "radius.session.still_open", object, "failed", Some(detail)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_from_ten_seconds_to_ten_minutes() {
        let pauses: Vec<u64> = (1..=9).map(|n| pause(n).as_secs()).collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 600, 600, 600]);
        assert_eq!(pause(usize::MAX), LONGEST_PAUSE);
    }
}
