//! Keeps the times of a stay, sees whether its target is alive, and closes what was opened.

use std::{pin::Pin, sync::Arc, sync::atomic::Ordering, time::Duration};

use gatehouse_domain::{
    bastion::terminal::{Boxed, Ended, Event, Moved},
    recording::Watcher,
};
use gatehouse_model::{AccountId, EndedWhy};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until, timeout},
};

use super::{Shared, lock};
use crate::{
    Inner,
    ledger::{FINISH, Failed},
    place::Place,
    target::{Link, leave},
};

/// Keep-alives without answer after which a target counts as gone.
const MISSED: u32 = 3;

type Watchers = watch::Receiver<Vec<Watcher>>;

/// How watchers are shown to who is watched.
const VIEWER: &str = "viewer";

/// What the overseer holds.
pub(super) struct Oversight {
    pub(super) inner: Arc<Inner>,
    pub(super) shared: Arc<Shared>,
    pub(super) link: Link,
    /// Given back when the row is closed.
    pub(super) place: Place<AccountId>,
    pub(super) notices: mpsc::Sender<Event>,
    pub(super) watch: Option<(Boxed<'static, Failed>, Watchers)>,
}

/// The state of keep-alives.
struct Pulse {
    every: Duration,
    next: Instant,
    /// Bytes received when the last one was looked at.
    received: u64,
    missed: u32,
    running: Option<Boxed<'static, Duration>>,
}

impl Oversight {
    pub(super) async fn run(mut self) {
        let ended = self.watch_over().await;
        leave(&self.link.handle, &self.link.gate).await;
        let recorder = lock(&self.shared.recorder).take();
        if let Some(recorder) = recorder {
            // A disk that hangs does not keep the row open; the recording is ended by its own caretaker.
            let _ = timeout(FINISH, recorder.finish()).await;
        }
        let shared = &self.shared;
        let moved = Moved { up: shared.up.load(Ordering::Relaxed), down: shared.down.load(Ordering::Relaxed) };
        self.inner.ledger.closed(&shared.ctx, &shared.admitted, &ended, moved).await;
        self.inner.stays.remove(shared.admitted.visit);
        drop(self.place);
    }

    async fn watch_over(&mut self) -> Ended {
        let shared = self.shared.clone();
        let (mut failed, mut watchers) = match self.watch.take() {
            Some((failed, watchers)) => (failed, Some(watchers)),
            None => (Box::pin(std::future::pending()) as Boxed<'static, Failed>, None),
        };
        let every = shared.ctx.app.settings().terminal.ssh_keepalive.0;
        // The first one measures the way.
        let mut pulse = Pulse { every, next: Instant::now(), received: 0, missed: 0, running: None };
        let mut warned_at = None;
        let tells = shared.ctx.app.settings().terminal.watch_notice;
        loop {
            let next = self.judge(&mut warned_at).min(pulse.next);
            tokio::select! {
                biased;
                () = shared.over.cancelled() => break,
                _ = &mut failed => shared.end_because(EndedWhy::RecordingFailed),
                () = shared.changed.notified() => {}
                taken = running(&mut pulse.running) => {
                    let micros = u64::try_from(taken.as_micros()).unwrap_or(u64::MAX);
                    shared.latency.store(micros.max(1), Ordering::Relaxed);
                    pulse.running = None;
                    pulse.missed = 0;
                }
                present = next_watchers(&mut watchers), if tells => self.tell(Event::Participants(present)),
                () = sleep_until(next) => if Instant::now() >= pulse.next {
                    self.beat(&mut pulse);
                }
            }
        }
        shared.ended.get().cloned().unwrap_or(Ended {
            why: EndedWhy::Closed,
            by: None,
            exit_code: None,
            exit_signal: None,
        })
    }

    /// Looks at the clocks; says when to look again.
    fn judge(&self, warned_at: &mut Option<u64>) -> Instant {
        let shared = &self.shared;
        let settings = &shared.ctx.app.settings().terminal;
        let times = *lock(&shared.times);
        let now = Instant::now();
        let end = shared.began + times.max_duration;
        if now >= end {
            shared.end_because(EndedWhy::MaxDuration);
            return now;
        }
        if let Some(blocked) = shared.blocked_for() {
            let limit = settings.stall_limit.0;
            if blocked >= limit {
                // Nobody is there to read: the same as having left.
                shared.end_because(EndedWhy::Stale);
                return now;
            }
            return end.min(now + limit.saturating_sub(blocked));
        }
        let idle = shared.idle();
        if idle >= times.idle {
            shared.end_because(EndedWhy::Idle);
            return now;
        }
        let left = times.idle.saturating_sub(idle);
        let warning = settings.idle_warning.0.min(times.idle / 2);
        if left > warning {
            return end.min(now + left.saturating_sub(warning));
        }
        let last_input = shared.last_input.load(Ordering::Relaxed);
        if *warned_at != Some(last_input) {
            *warned_at = Some(last_input);
            shared.recorded(|recorder| recorder.marker("idle warning"));
            // Rounded up: a warning that says 0 would come too late.
            self.tell(Event::IdleWarning(u64::try_from(left.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX)));
        }
        end.min(now + left)
    }

    /// A notice for whoever reads; one who reads none of eight will do without the ninth.
    fn tell(&self, event: Event) {
        let _ = self.notices.try_send(event);
    }

    /// Sends a keep-alive, unless one is on its way; counts those that got no answer.
    fn beat(&self, pulse: &mut Pulse) {
        pulse.next = Instant::now() + pulse.every;
        let received = self.link.gate.received();
        // Silence is our own doing while the gate is closed.
        let is_alive = received != pulse.received || self.link.gate.is_closed();
        pulse.received = received;
        if pulse.running.is_none() {
            let handle = self.link.handle.clone();
            pulse.missed = 0;
            pulse.running = Some(Box::pin(async move {
                let began = Instant::now();
                if handle.send_ping().await.is_err() {
                    return std::future::pending().await;
                }
                began.elapsed()
            }));
        } else if is_alive {
            pulse.missed = 0;
        } else {
            pulse.missed += 1;
            if pulse.missed >= MISSED {
                self.shared.end_because(EndedWhy::Closed);
            }
        }
    }
}

async fn running(pulse: &mut Option<Boxed<'static, Duration>>) -> Duration {
    match pulse {
        Some(ping) => Pin::new(ping).await,
        None => std::future::pending().await,
    }
}

async fn next_watchers(watchers: &mut Option<Watchers>) -> Vec<(String, &'static str)> {
    if let Some(watchers) = watchers
        && watchers.changed().await.is_ok()
    {
        return watchers.borrow_and_update().iter().map(|watcher| (watcher.name.clone(), VIEWER)).collect();
    }
    std::future::pending().await
}
