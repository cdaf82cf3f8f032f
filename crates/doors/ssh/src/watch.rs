//! What may end open stays from outside: a wish in their rows, or a change of what they rest on.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use gatehouse_domain::{
    App,
    bastion::terminal::{self, Ended, Ground, Stay},
};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{Inner, line::Line};

/// How often wishes are looked for.
const TICK: Duration = Duration::from_millis(500);
/// How often rows say that their stays live.
const SEEN: Duration = Duration::from_secs(10);
/// Pause after the database did not answer.
const RETRY: Duration = Duration::from_millis(250);
/// Stays that are asked about at the same time: half the connections to PostgreSQL that a process has by default.
const AT_ONCE: usize = 8;

/// Ends stays whose rows ask for it, and keeps the rows alive, until the stop.
pub(crate) async fn wishes(app: App, inner: Arc<Inner>, stop: CancellationToken) {
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = Instant::now();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        if inner.stays.len() == 0 {
            continue;
        }
        match terminal::to_end(&app).await {
            Ok(asked) => {
                for end in asked {
                    inner.stays.cut(end.visit, end.why, end.by);
                }
            }
            Err(error) => tracing::debug!(event = "ssh.wishes.read_failed", error = error.chain(), "tried again"),
        }
        if seen.elapsed() >= SEEN {
            seen = Instant::now();
            if let Err(error) = terminal::seen(&app).await {
                tracing::debug!(event = "ssh.seen.write_failed", error = error.chain(), "tried again");
            }
        }
    }
}

/// Asks anew about a stay once it is open, and about every one whenever something changed that stays rest on, until the stop.
/// Several are asked about at the same time, and the next change does not wait until all answers to the last one are there.
pub(crate) async fn ground(app: App, inner: Arc<Inner>, stop: CancellationToken) {
    let mut changes = app.live().access_changes();
    let mut line = Line::new(AT_ONCE);
    let mut asking = FuturesUnordered::new();
    loop {
        while let Some(visit) = line.next() {
            asking.push(ask(&app, &inner, visit));
        }
        tokio::select! {
            () = stop.cancelled() => return,
            fresh = inner.stays.opened() => line.add(fresh),
            changed = changes.changed() => match changed {
                Ok(()) => line.add(inner.stays.visits()),
                Err(_) => return,
            },
            Some(visit) = asking.next() => line.answered(visit),
        }
    }
}

/// Asks about one stay until there is an answer, and acts on it. A stay is not ended because the database is away, and not
/// forgotten either.
async fn ask(app: &App, inner: &Inner, visit: Uuid) -> Uuid {
    let mut is_told = false;
    // It may end while nobody answers.
    while let Some(shared) = inner.stays.find(visit) {
        match terminal::recheck(app, &Stay::of(&shared.admitted)).await {
            Ok(Ground::Gone(why)) => shared.end(Ended { why, by: None, exit_code: None, exit_signal: None }),
            Ok(Ground::Holds(Some(terms))) => shared.retime(terms.idle, terms.max_duration),
            Ok(Ground::Holds(None)) => {}
            Err(error) => {
                if !std::mem::replace(&mut is_told, true) {
                    tracing::warn!(event = "ssh.recheck_failed", %visit, error = error.chain(), "tried again");
                }
                sleep(RETRY).await;
                continue;
            }
        }
        break;
    }
    visit
}
