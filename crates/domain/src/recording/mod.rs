//! Recordings of terminals: made, kept, checked, played and watched (specs/bastion.md §10).
//!
//! A terminal's task appends events to a [`Recorder`]. Closed records go to a writing thread, which compresses, seals and
//! writes them; a periodic task closes records by age and puts chain values into the audit trail. Nothing is held in memory
//! but the open record and what waits for the disk, so an idle recording costs a kilobyte.

#[cfg(test)]
mod codec_test;
mod echo;
mod format;
mod line;
mod note;
mod play;
mod reader;
mod recorder;
mod recover;
mod retain;
mod start;
mod tail;
mod track;
#[cfg(test)]
mod track_test;
mod verify;
mod watch;
mod writer;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use gatehouse_model::{Millis, Origin};
use gatehouse_store::recording as rows;
use tokio::sync::Notify;
use uuid::Uuid;

pub use play::{Playback, Purpose, play};
pub use recorder::{Pace, Recorder, Summary};
pub use recover::recover;
pub(crate) use recover::try_recover;
pub use retain::retain;
pub use start::{NewRecording, check, start};
pub use track::Failed;
pub(crate) use verify::verify_row;
pub use verify::{Verdict, verify};
pub use watch::{Watch, Watched, Watcher, watch};

use crate::{Actor, App, Ctx, Error, Result};
use reader::{Fault, Reader};
use track::{Track, lock};

/// What a recording is worth. The stored names are published: additions only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Being made.
    Open,
    /// Whole.
    Complete,
    /// The process vanished: it plays to its last record.
    Interrupted,
    /// It could not be made, or not to its end.
    Failed,
    /// Its file was deleted by age or size.
    Deleted,
}

impl State {
    /// The stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Complete => "complete",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
            Self::Deleted => "deleted",
        }
    }
}

/// The recordings that this process is making.
#[derive(Default)]
pub(crate) struct Recordings {
    writers: writer::Writers,
    tracks: Mutex<HashMap<Uuid, Arc<Track>>>,
    /// Rung when there is a first recording.
    began: Notify,
}

impl Recordings {
    fn all(&self) -> Vec<Arc<Track>> {
        lock(&self.tracks).values().cloned().collect()
    }

    fn find(&self, visit: Uuid) -> Option<Arc<Track>> {
        lock(&self.tracks).get(&visit).cloned()
    }

    fn insert(&self, track: &Arc<Track>) {
        lock(&self.tracks).insert(track.visit, track.clone());
        self.began.notify_one();
    }

    fn remove(&self, visit: Uuid) {
        lock(&self.tracks).remove(&visit);
    }

    fn is_idle(&self) -> bool {
        lock(&self.tracks).is_empty()
    }
}

/// How often records are closed by age: one is at most this much older than its second.
const SWEEP: Duration = Duration::from_millis(250);
/// How often it is looked whether chain values are due.
const NOTE: Duration = Duration::from_secs(1);
/// How long recordings may take to end when the process stops.
const DRAIN: Duration = Duration::from_secs(15);

/// Closes records by age for as long as the process lives.
pub(crate) async fn run_sweep(app: App) {
    let mut left = DRAIN;
    loop {
        let recordings = app.recordings();
        if recordings.is_idle() {
            tokio::select! {
                () = app.shutdown().cancelled() => return,
                () = recordings.began.notified() => {}
            }
        }
        if app.shutdown().is_cancelled() {
            left = left.saturating_sub(SWEEP);
            if left.is_zero() {
                return;
            }
        }
        tokio::time::sleep(SWEEP).await;
        sweep(&app);
    }
}

/// Puts chain values into the audit trail and ends what was abandoned, for as long as the process lives.
pub(crate) async fn run_note(app: App) {
    while !app.pause(NOTE).await {
        note::work(&app).await;
    }
    // Terminals end in their own time; what their recorders left undone is done here.
    let mut left = DRAIN;
    while !app.recordings().is_idle() && !left.is_zero() {
        tokio::time::sleep(SWEEP).await;
        left = left.saturating_sub(SWEEP);
        note::work(&app).await;
    }
}

fn sweep(app: &App) {
    for track in app.recordings().all() {
        track.age(app.now());
    }
}

/// What the tasks of a running process do from time to time; for tests, which own time.
pub async fn tick(app: &App) {
    sweep(app);
    for track in app.recordings().all() {
        track.wait_until(Track::is_settled).await;
    }
    note::work(app).await;
}

/// Since when nothing was typed into a terminal of this process.
pub fn idle(app: &App, visit: Uuid) -> Option<Duration> {
    let typed = app.recordings().find(visit)?.typed_at();
    Some(Duration::from_millis(u64::try_from(app.now().0.saturating_sub(typed.0)).unwrap_or(0)))
}

/// The time stamp of the last record of a visit's recording; none when it has none or it cannot be read.
pub async fn last_moment(app: &App, visit: Uuid) -> Result<Option<Millis>> {
    let Some(row) = rows::find(&mut app.db().read(), &visit.to_string()).await? else { return Ok(None) };
    let Ok(path) = file_of(app, &row) else { return Ok(None) };
    let (keys, found) = (app.clone(), app.now());
    let read = blocking(move || {
        let mut reader = Reader::open(&path, visit, keys.keys())?;
        let (_, last) = reader.last_event()?;
        Ok::<_, Fault>(Millis(reader.created().saturating_add(last)).min(found))
    });
    Ok(read.await?.ok())
}

/// How many recordings are sealed under which key of the ring; without these keys they do not play.
pub(crate) async fn count_by_key(app: &App) -> Result<HashMap<String, i64>> {
    let (mut counts, mut after) = (HashMap::new(), 0);
    loop {
        let page = rows::list_after(&mut app.db().read(), after, 500).await?;
        let Some(last) = page.last() else { return Ok(counts) };
        after = last.visit_id;
        let paths: Vec<_> = page.iter().filter_map(|row| file_of(app, row).ok()).collect();
        // One that cannot be read is doctor's business.
        let keys = blocking(move || paths.iter().filter_map(|path| reader::key_of(path).ok()).collect::<Vec<_>>());
        for key in keys.await? {
            *counts.entry(key).or_default() += 1;
        }
    }
}

/// The file of a recording. Errors: `NotFound` when it has none.
fn file_of(app: &App, row: &rows::RecordingRow) -> Result<PathBuf> {
    if row.path.is_empty() || row.state == State::Deleted.as_str() {
        return Err(Error::NotFound { what: "recording" });
    }
    Ok(folder(app)?.join(&row.path))
}

/// The folder of recordings. Errors: `Invalid` when there is none.
fn folder(app: &App) -> Result<PathBuf> {
    let folder = app.settings().recordings.dir.clone();
    folder.ok_or_else(|| Error::invalid("recordings.dir", "is not set: name the folder of recordings"))
}

/// Who writes what no person asked for.
fn system(app: &App) -> Ctx {
    app.ctx(Actor::System("recording"), Origin::System)
}

/// Runs what blocks on the pool for that.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)
}

/// A number of bytes or records as the database has it.
fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
