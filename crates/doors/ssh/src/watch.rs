//! What may end open stays from outside: a wish in their rows, or a change of what they rest on.

use std::{sync::Arc, time::Duration};

use gatehouse_domain::{
    App,
    bastion::terminal::{self, Ended, Ground, Stay},
};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::Inner;

/// How often wishes are looked for.
const TICK: Duration = Duration::from_millis(500);
/// How often rows say that their stays live.
const SEEN: Duration = Duration::from_secs(10);
/// Pause after the database did not answer.
const RETRY: Duration = Duration::from_millis(250);

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
pub(crate) async fn ground(app: App, inner: Arc<Inner>, stop: CancellationToken) {
    let mut changes = app.live().access_changes();
    loop {
        let due = tokio::select! {
            () = stop.cancelled() => return,
            fresh = inner.stays.opened() => fresh,
            changed = changes.changed() => match changed {
                Ok(()) => inner.stays.all(),
                Err(_) => return,
            },
        };
        for shared in due {
            let stay = Stay::of(&shared.admitted);
            // A stay is not ended because the database is away, and not forgotten either.
            let ground = loop {
                match terminal::recheck(&app, &stay).await {
                    Ok(ground) => break ground,
                    Err(error) => {
                        tracing::warn!(event = "ssh.recheck_failed", error = error.chain(), "tried again");
                        if stop.run_until_cancelled(tokio::time::sleep(RETRY)).await.is_none() {
                            return;
                        }
                    }
                }
            };
            match ground {
                Ground::Gone(why) => shared.end(Ended { why, by: None, exit_code: None, exit_signal: None }),
                Ground::Holds(Some(terms)) => shared.retime(terms.idle, terms.max_duration),
                Ground::Holds(None) => {}
            }
        }
    }
}
