//! One recording that is being made: what the terminal's task, the writing thread, watchers and the periodic work share.

use std::{
    fs::File,
    io::Write as _,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use chacha20poly1305::XChaCha20Poly1305;
use gatehouse_model::Millis;
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use super::{
    format::{Chain, Packer},
    line::{self, Event},
    watch::{Watcher, Watching},
    writer::{Job, Writer},
};
use crate::{Random, bastion::terminal::Size};

/// A record closes with so many bytes of lines …
const CLOSE_AT: usize = 64 << 10;
/// … or so long after its first event.
const CLOSE_AFTER: Duration = Duration::from_secs(1);
/// Text of one event: what is longer becomes several, so that a record stays small whatever has to be escaped.
const EVENT: usize = 16 << 10;
/// What may wait for the disk before the terminal is asked to pause: of one recording, of all of one writing thread.
const PAUSE_AT: (usize, usize) = (256 << 10, 32 << 20);
/// What may wait at all. Nobody gets there who pauses when asked to.
const FAIL_AT: (usize, usize) = (1 << 20, 64 << 20);
/// A disk that takes nothing for so long has failed.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Why a recording stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// The disk refused.
    #[error("the recording cannot be written: {0}")]
    Disk(String),
    /// The disk does not keep up.
    #[error("the disk of the recordings does not keep up")]
    Slow,
}

/// Where the lines go.
pub(super) struct Sink {
    pub(super) file: File,
    pub(super) path: PathBuf,
    pub(super) cipher: XChaCha20Poly1305,
    pub(super) written: Mutex<Written>,
    /// Records, and when, as of the last row in the audit trail.
    pub(super) noted: Mutex<(u64, Millis)>,
}

/// What is in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written {
    pub(super) chain: Chain,
    pub(super) bytes: u64,
    /// Time of the last event, milliseconds from the beginning.
    pub(super) last_at: i64,
}

impl Sink {
    pub(super) fn written(&self) -> Written {
        *lock(&self.written)
    }

    /// Packs lines and appends the record. A record that does not fit is taken back, so that the file stays whole.
    pub(super) fn append(
        &self,
        packer: &mut Packer,
        random: &Random,
        visit: Uuid,
        lines: &[u8],
        last_at: i64,
    ) -> std::io::Result<()> {
        let written = self.written();
        let (record, chain) = packer.pack(&self.cipher, visit, &written.chain, random.bytes(), lines)?;
        if let Err(error) = (&self.file).write_all(record) {
            // The reason to stop is the first error; a torn record at the end is read over.
            let _ = self.file.set_len(written.bytes);
            return Err(error);
        }
        *lock(&self.written) = Written { chain, bytes: written.bytes + record.len() as u64, last_at };
        Ok(())
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the terminal's task appends to.
#[derive(Default)]
struct Live {
    /// Lines of the record that is open.
    lines: Vec<u8>,
    /// When its first event was.
    first_at: Option<Millis>,
    /// Time of the last event, milliseconds from the beginning.
    last_at: i64,
    /// Records handed over to the writing thread, the first one made at the start included.
    closed: u64,
    /// The record before was closed by size: the next one will be as large.
    is_busy: bool,
    is_over: bool,
    size: Option<Size>,
    watching: Vec<Watching>,
    watchers_made: u64,
}

/// A recording that is being made; without a sink nothing is kept and it can only be watched.
pub(super) struct Track {
    pub(super) visit: Uuid,
    pub(super) visit_id: i64,
    pub(super) began: Millis,
    /// The header line of the asciicast.
    pub(super) header: String,
    pub(super) sink: Option<Sink>,
    pub(super) writer: Arc<Writer>,
    /// Whoever waits for the disk or for the failure listens here.
    pub(super) changed: Notify,
    /// Who watches, for the person watched.
    pub(super) watchers: watch::Sender<Vec<Watcher>>,
    /// Its recorder was dropped without an end: the periodic work ends it.
    pub(super) is_abandoned: AtomicBool,
    live: Mutex<Live>,
    pending: AtomicUsize,
    /// Since when the disk owes progress.
    waiting_since: AtomicI64,
    failed: OnceLock<Failed>,
    typed_at: AtomicI64,
    /// Whether the failure is in the audit trail.
    pub(super) is_reported: AtomicBool,
}

impl Track {
    pub(super) fn new(
        visit: (Uuid, i64),
        began: Millis,
        header: String,
        sink: Option<Sink>,
        writer: Arc<Writer>,
    ) -> Self {
        Self {
            visit: visit.0,
            visit_id: visit.1,
            began,
            header,
            live: Mutex::new(Live { closed: 1, ..Live::default() }),
            sink,
            writer,
            changed: Notify::new(),
            watchers: watch::Sender::default(),
            is_abandoned: AtomicBool::new(false),
            pending: AtomicUsize::new(0),
            waiting_since: AtomicI64::new(0),
            failed: OnceLock::new(),
            typed_at: AtomicI64::new(began.0),
            is_reported: AtomicBool::new(false),
        }
    }

    /// When something was typed last; at first the beginning.
    pub(super) fn typed_at(&self) -> Millis {
        Millis(self.typed_at.load(Ordering::Relaxed))
    }

    /// Notes that something was typed.
    pub(super) fn note_typed(&self, now: Millis) {
        self.typed_at.store(now.0, Ordering::Relaxed);
    }

    /// The failure, if there was one.
    pub(super) fn failed(&self) -> Option<&Failed> {
        self.failed.get()
    }

    /// Stops the recording; the first cause stays.
    pub(super) fn fail(&self, why: Failed) {
        // Set already: something else failed first.
        let _ = self.failed.set(why);
        self.changed.notify_waiters();
    }

    /// Appends an event, in several lines when it is long.
    pub(super) fn push(self: &Arc<Self>, now: Millis, event: Event, text: &str) {
        let mut live = lock(&self.live);
        if live.is_over {
            return;
        }
        let is_kept = self.sink.is_some() && self.failed().is_none();
        if !is_kept {
            live.lines = Vec::new();
            if live.watching.is_empty() {
                return;
            }
        }
        // A clock that was set back does not turn the recording back.
        live.last_at = live.last_at.max(now.0 - self.began.0);
        let at = live.last_at;
        if live.lines.capacity() == 0 && live.is_busy {
            live.lines.reserve_exact(CLOSE_AT + (8 << 10));
        }
        let mut rest = text;
        loop {
            let (piece, after) = rest.split_at(rest.floor_char_boundary(EVENT));
            let from = live.lines.len();
            line::push(&mut live.lines, at, event, piece);
            self.show(&mut live, from);
            if is_kept {
                live.first_at.get_or_insert(now);
                if live.lines.len() >= CLOSE_AT {
                    live.is_busy = true;
                    self.hand_over(&mut live, now);
                }
            } else {
                live.lines.clear();
            }
            rest = after;
            if rest.is_empty() {
                return;
            }
        }
    }

    /// Notes the size of the terminal, which watchers are told when they come.
    pub(super) fn note_size(&self, size: Size) {
        lock(&self.live).size = Some(size);
    }

    /// Gives the line that begins at an offset to whoever watches.
    fn show(&self, live: &mut Live, from: usize) {
        if live.watching.is_empty() {
            return;
        }
        let line = live.lines.get(from..).and_then(|line| line.strip_suffix(b"\n")).unwrap_or_default();
        let line = Bytes::copy_from_slice(line);
        let before = live.watching.len();
        live.watching.retain_mut(|watching| watching.offer(&line));
        if live.watching.len() < before {
            self.tell_watchers(live);
        }
    }

    fn tell_watchers(&self, live: &Live) {
        self.watchers.send_replace(live.watching.iter().map(|watching| watching.who.clone()).collect());
    }

    /// Closes the open record and gives it to the writing thread.
    fn hand_over(self: &Arc<Self>, live: &mut Live, now: Millis) {
        let lines = std::mem::take(&mut live.lines);
        live.first_at = None;
        if lines.is_empty() || self.failed().is_some() {
            return;
        }
        live.closed += 1;
        let size = lines.len();
        let mine = self.pending.fetch_add(size, Ordering::Relaxed);
        if mine == 0 {
            self.waiting_since.store(now.0, Ordering::Relaxed);
        }
        let all = self.writer.pending.fetch_add(size, Ordering::Relaxed);
        let job = Job { track: self.clone(), lines, last_at: live.last_at };
        if mine + size > FAIL_AT.0 || all + size > FAIL_AT.1 {
            self.fail(Failed::Slow);
            self.settled(size, None);
        } else if !self.writer.send(job) {
            self.fail(Failed::Disk("the writing thread has ended".to_owned()));
            self.settled(size, None);
        }
    }

    /// Called by the writing thread when lines are on their way to the disk, or given up.
    pub(super) fn settled(&self, size: usize, now: Option<Millis>) {
        self.pending.fetch_sub(size, Ordering::Relaxed);
        self.writer.pending.fetch_sub(size, Ordering::Relaxed);
        if let Some(now) = now {
            self.waiting_since.store(now.0, Ordering::Relaxed);
        }
        self.changed.notify_waiters();
    }

    /// Whether the terminal should pause until the disk has caught up.
    pub(super) fn is_behind(&self) -> bool {
        let mine = self.pending.load(Ordering::Relaxed);
        mine > PAUSE_AT.0 || (mine > 0 && self.writer.pending.load(Ordering::Relaxed) > PAUSE_AT.1)
    }

    /// Whether everything handed over was written or given up.
    pub(super) fn is_settled(&self) -> bool {
        self.pending.load(Ordering::Relaxed) == 0
    }

    /// Waits until a condition holds, or the disk has taken nothing for too long, which is then the failure.
    pub(super) async fn wait_until(&self, holds: impl Fn(&Self) -> bool) {
        loop {
            // Made before the look, so that no change is missed.
            let changed = self.changed.notified();
            if holds(self) || self.failed().is_some() {
                return;
            }
            if tokio::time::timeout(PATIENCE, changed).await.is_err() {
                self.fail(Failed::Slow);
            }
        }
    }

    /// What time asks for: closes a record that is old enough, notices a disk that hangs.
    pub(super) fn age(self: &Arc<Self>, now: Millis) {
        let mut live = lock(&self.live);
        if live.first_at.is_some_and(|first| now >= first.plus(CLOSE_AFTER)) {
            live.is_busy = false;
            self.hand_over(&mut live, now);
        }
        drop(live);
        let since = Millis(self.waiting_since.load(Ordering::Relaxed));
        if !self.is_settled() && now > since.plus(PATIENCE) {
            self.fail(Failed::Slow);
        }
    }

    /// Takes no more events and hands the open record over; watchers are told that it is over.
    pub(super) fn end(self: &Arc<Self>, now: Millis) {
        let mut live = lock(&self.live);
        self.hand_over(&mut live, now);
        live.is_over = true;
        for watching in live.watching.drain(..) {
            watching.end();
        }
        self.tell_watchers(&live);
    }

    /// Lets somebody watch from now on. Gives the records that were closed, the lines since then, and the present size.
    pub(super) fn join(&self, watching: impl FnOnce(u64) -> Watching) -> Option<Joined> {
        let mut live = lock(&self.live);
        if live.is_over {
            return None;
        }
        live.watchers_made += 1;
        let id = live.watchers_made;
        live.watching.push(watching(id));
        self.tell_watchers(&live);
        Some(Joined { id, closed: live.closed, lines: live.lines.clone(), size: live.size, at: live.last_at })
    }

    /// Somebody stopped watching.
    pub(super) fn leave(&self, id: u64) -> bool {
        let mut live = lock(&self.live);
        let before = live.watching.len();
        live.watching.retain(|watching| watching.id != id);
        let has_left = live.watching.len() < before;
        if has_left {
            self.tell_watchers(&live);
        }
        has_left
    }
}

#[cfg(test)]
impl Track {
    /// Bytes of memory that the open record holds.
    pub(super) fn lines_held(&self) -> usize {
        lock(&self.live).lines.capacity()
    }
}

/// What a watcher finds when it comes.
pub(super) struct Joined {
    pub(super) id: u64,
    /// Records that are in the file or on their way there.
    pub(super) closed: u64,
    /// Lines of the open record.
    pub(super) lines: Vec<u8>,
    pub(super) size: Option<Size>,
    /// Time of the last event.
    pub(super) at: i64,
}
