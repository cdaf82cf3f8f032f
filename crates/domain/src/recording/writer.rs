//! The threads that compress, seal and write, so that a terminal's task never waits for a disk.

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicUsize, Ordering},
    mpsc,
};

use super::{
    format::Packer,
    track::{Failed, Track},
};
use crate::{Clock, Error, Random, Result};

/// A closed record of a recording.
pub(super) struct Job {
    pub(super) track: Arc<Track>,
    pub(super) lines: Vec<u8>,
    /// Time of its last event.
    pub(super) last_at: i64,
}

/// One thread and what waits for it. The queue is bounded by the bytes its users count.
pub(super) struct Writer {
    queue: mpsc::Sender<Job>,
    pub(super) pending: AtomicUsize,
}

impl Writer {
    /// Starts a thread; it ends when nobody holds its writer any more.
    fn start(clock: Clock, random: Random) -> Result<Self> {
        let (queue, jobs) = mpsc::channel::<Job>();
        let mut packer = Packer::new().map_err(Error::internal)?;
        let work = move || {
            for job in jobs {
                work(&mut packer, &random, &job);
                job.track.settled(job.lines.len(), Some(clock.now()));
            }
        };
        std::thread::Builder::new().name("recorder".to_owned()).spawn(work).map_err(Error::internal)?;
        Ok(Self { queue, pending: AtomicUsize::new(0) })
    }

    #[cfg(test)]
    pub(super) fn over(queue: mpsc::Sender<Job>) -> Self {
        Self { queue, pending: AtomicUsize::new(0) }
    }

    /// Whether at least so many bytes wait, or none for 0.
    #[cfg(test)]
    pub(super) fn waits_for(&self, bytes: usize) -> bool {
        let waiting = self.pending.load(Ordering::Relaxed);
        if bytes == 0 { waiting == 0 } else { waiting >= bytes }
    }

    /// Hands a record over; false when the thread is gone.
    pub(super) fn send(&self, job: Job) -> bool {
        self.queue.send(job).is_ok()
    }
}

fn work(packer: &mut Packer, random: &Random, job: &Job) {
    let (track, Some(sink)) = (&job.track, &job.track.sink) else { return };
    if track.failed().is_some() {
        return;
    }
    if let Err(error) = sink.append(packer, random, track.visit, &job.lines, job.last_at) {
        track.fail(Failed::Disk(error.to_string()));
    }
}

/// The writing threads of a process: a quarter of the processors, one to four. They start with the first recording.
#[derive(Default)]
pub(super) struct Writers {
    writers: RwLock<Vec<Arc<Writer>>>,
    next: AtomicUsize,
}

impl Writers {
    /// The writer of the next recording.
    pub(super) fn next(&self, clock: &Clock, random: &Random) -> Result<Arc<Writer>> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        if let Some(writer) = pick(&self.writers.read().unwrap_or_else(PoisonError::into_inner), index) {
            return Ok(writer);
        }
        let mut writers = self.writers.write().unwrap_or_else(PoisonError::into_inner);
        let wanted = std::thread::available_parallelism().map_or(1, |n| (n.get() / 4).clamp(1, 4));
        while writers.len() < wanted {
            writers.push(Arc::new(Writer::start(clock.clone(), random.clone())?));
        }
        pick(&writers, index).ok_or_else(|| Error::internal("no writing thread"))
    }
}

fn pick(writers: &[Arc<Writer>], index: usize) -> Option<Arc<Writer>> {
    writers.get(index.checked_rem(writers.len())?).cloned()
}
