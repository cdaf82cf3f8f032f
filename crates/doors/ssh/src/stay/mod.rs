//! An open stay at a target: shell, command, file transfer or forwarded connection.
//!
//! Whoever opened it holds the two halves, [`Output`] and [`Input`]. An overseer task keeps the times, answers for the
//! target's being alive, and ends the stay even when nobody reads it; it also closes what was opened, whatever happens.

pub(crate) mod decode;
mod input;
mod open;
mod output;
mod overseer;
pub(crate) mod registry;

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use gatehouse_domain::{
    Ctx,
    bastion::terminal::{Admitted, Ended},
};
use gatehouse_model::EndedWhy;
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

pub(crate) use input::{Input, signal_of};
pub(crate) use open::{Pty, Start, Stay, open};
pub(crate) use output::{Output, Piece, name_of};

use crate::{
    ledger::{Failed, Recorder},
    target::wire::Gate,
};

/// What the halves, the overseer and the registry share.
pub(crate) struct Shared {
    pub(crate) ctx: Ctx,
    pub(crate) admitted: Admitted,
    pub(crate) began: Instant,
    gate: Arc<Gate>,
    ended: OnceLock<Ended>,
    over: CancellationToken,
    /// Rung when times change.
    changed: Notify,
    recorder: Mutex<Option<Box<dyn Recorder>>>,
    times: Mutex<Times>,
    /// Milliseconds since the beginning.
    last_input: AtomicU64,
    /// Milliseconds since the beginning, plus one; 0: not blocked.
    blocked_since: AtomicU64,
    latency: AtomicU64,
    up: AtomicU64,
    down: AtomicU64,
    exit: Mutex<Exit>,
}

/// What the target said about the end of shell or command.
#[derive(Debug, Clone, Default)]
struct Exit {
    code: Option<u32>,
    signal: Option<String>,
}

/// How long a stay may be silent, and how long it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Times {
    idle: Duration,
    max_duration: Duration,
}

impl Shared {
    fn new(ctx: Ctx, admitted: Admitted, gate: Arc<Gate>, recorder: Option<Box<dyn Recorder>>) -> Arc<Self> {
        let times = Times { idle: admitted.terms.idle, max_duration: admitted.terms.max_duration };
        Arc::new(Self {
            ctx,
            admitted,
            began: Instant::now(),
            gate,
            ended: OnceLock::new(),
            over: CancellationToken::new(),
            changed: Notify::new(),
            recorder: Mutex::new(recorder),
            times: Mutex::new(times),
            last_input: AtomicU64::new(0),
            blocked_since: AtomicU64::new(0),
            latency: AtomicU64::new(0),
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
            exit: Mutex::default(),
        })
    }

    /// Ends the stay; the first reason counts.
    pub(crate) fn end(&self, ended: Ended) {
        // A second reason comes too late.
        let _ = self.ended.set(ended);
        self.over.cancel();
    }

    /// Ends it for a reason of ours.
    pub(crate) fn end_because(&self, why: EndedWhy) {
        self.end(Ended { why, by: None, exit_code: None, exit_signal: None });
    }

    /// Ends it as the target, or whoever held it, did.
    pub(crate) fn end_by_itself(&self) {
        let exit = lock(&self.exit).clone();
        self.end(Ended { why: EndedWhy::Closed, by: None, exit_code: exit.code, exit_signal: exit.signal });
    }

    /// Cancelled when the stay is over.
    pub(crate) fn over(&self) -> &CancellationToken {
        &self.over
    }

    /// Changes times of a stay that is open.
    pub(crate) fn retime(&self, idle: Duration, max_duration: Duration) {
        *lock(&self.times) = Times { idle, max_duration };
        self.changed.notify_one();
    }

    /// How long nothing was typed.
    pub(crate) fn idle(&self) -> Duration {
        self.since(&self.last_input)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn since(&self, moment: &AtomicU64) -> Duration {
        Duration::from_millis(self.now().saturating_sub(moment.load(Ordering::Relaxed)))
    }

    fn typed(&self, bytes: usize) {
        self.last_input.store(self.now(), Ordering::Relaxed);
        self.up.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn set_blocked(&self, is_blocked: bool) {
        let mark = if is_blocked { self.now() + 1 } else { 0 };
        let before = self.blocked_since.swap(mark, Ordering::Relaxed);
        if before != 0 && !is_blocked {
            // Who could not see output is not reproached with silence.
            let lost = (self.now() + 1).saturating_sub(before);
            self.last_input.fetch_add(lost, Ordering::Relaxed);
        }
        self.changed.notify_one();
    }

    fn blocked_for(&self) -> Option<Duration> {
        let since = self.blocked_since.load(Ordering::Relaxed);
        (since != 0).then(|| Duration::from_millis((self.now() + 1).saturating_sub(since)))
    }

    /// Does something with the recording; a failure ends the stay.
    fn recorded(&self, work: impl FnOnce(&mut dyn Recorder) -> Result<(), Failed>) -> bool {
        let done = match lock(&self.recorder).as_mut() {
            Some(recorder) => work(recorder.as_mut()),
            None => Ok(()),
        };
        if done.is_err() {
            self.end_because(EndedWhy::RecordingFailed);
        }
        done.is_ok()
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
