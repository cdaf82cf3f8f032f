//! Chain values in the audit trail, so that a file that is cut or swapped afterwards is found; the end of recordings.

use std::{
    collections::BTreeSet,
    fs::File,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use gatehouse_store::{Tx, recording as rows, recording::Extent};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    State, Summary, blocking, count,
    start::folder_of,
    system,
    track::{Failed, Track, Written, lock},
};
use crate::{
    App, Error, Result,
    audit::{self, Object, Stream},
};

/// A chain value is written this long after the one before: with the second between two looks, within a minute.
const EVERY: Duration = Duration::from_secs(55);
/// Recordings noted in one transaction.
const BATCH: usize = 64;

/// The detail of an audit row `recording.chain`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) records: u64,
    /// Bytes of the file.
    pub(super) bytes: u64,
    /// Milliseconds from the beginning to the last event.
    pub(super) duration: i64,
    /// cᵢ in hex.
    pub(super) chain: String,
    /// Whether the recording ended with it.
    pub(super) end: bool,
}

/// Notes recordings whose minute is over, reports failures, ends what was abandoned. What fails is tried again.
pub(super) async fn work(app: &App) {
    let tracks = app.recordings().all();
    let (abandoned, running): (Vec<_>, Vec<_>) =
        tracks.into_iter().partition(|track| track.is_abandoned.load(Ordering::Relaxed));
    let due: Vec<_> = running.iter().filter(|track| is_due(app, track)).cloned().collect();
    for batch in due.chunks(BATCH) {
        report(app, "recording.note_failed", note(app, batch).await);
    }
    for track in running.iter().filter(|track| track.failed().is_some()) {
        report(app, "recording.note_failed", tell_failure(app, track).await);
    }
    for track in abandoned {
        report(app, "recording.end_failed", close(app, &track).await.map(drop));
    }
}

fn report(app: &App, event: &'static str, result: Result<()>) {
    if let Err(error) = result
        && app.once_per(Duration::from_mins(1), event)
    {
        tracing::warn!(event, error = error.chain(), "recordings could not be noted in the database; trying again");
    }
}

fn is_due(app: &App, track: &Track) -> bool {
    let Some(sink) = track.sink.as_ref().filter(|_| track.failed().is_none()) else { return false };
    let (records, at) = *lock(&sink.noted);
    app.now() >= at.plus(EVERY) && sink.written().chain.records > records
}

/// Puts what is in some files now on the disk and into the audit trail.
async fn note(app: &App, tracks: &[Arc<Track>]) -> Result<()> {
    let written: Vec<(Arc<Track>, Written)> =
        tracks.iter().filter_map(|track| Some((track.clone(), track.sink.as_ref()?.written()))).collect();
    let synced = written.clone();
    blocking(move || sync(synced.iter().map(|(track, _)| track))).await?;
    let mut tx = app.db().begin().await?;
    for (track, written) in &written {
        if track.failed().is_none() {
            enter(app, &mut tx, track, *written, State::Open).await?;
        }
    }
    tx.commit().await?;
    for (track, written) in &written {
        if let Some(sink) = &track.sink {
            *lock(&sink.noted) = (written.chain.records, app.now());
        }
    }
    Ok(())
}

/// Forces files and the folders that name them to the disk. One that cannot be is a failed recording.
fn sync<'a>(tracks: impl Iterator<Item = &'a Arc<Track>>) {
    let mut folders: BTreeSet<PathBuf> = BTreeSet::new();
    for track in tracks {
        let Some(sink) = &track.sink else { continue };
        if let Err(error) = sink.file.sync_data() {
            track.fail(Failed::Disk(error.to_string()));
            continue;
        }
        let folder = folder_of(&sink.path);
        if lock(&sink.noted).0 == 0
            && folders.insert(folder.clone())
            && let Err(error) = File::open(&folder).and_then(|folder| folder.sync_all())
        {
            track.fail(Failed::Disk(error.to_string()));
        }
    }
}

/// Writes a chain value into row and audit trail.
async fn enter(app: &App, tx: &mut Tx, track: &Track, written: Written, state: State) -> Result<()> {
    let chain = &written.chain;
    let (records, bytes) = (count(chain.records), count(written.bytes));
    let extent = Extent { records, bytes, duration: written.last_at, chain: &chain.value };
    if rows::update_open(tx, track.visit_id, state.as_str(), extent, app.now()).await? == 0 {
        return Ok(());
    }
    let entry = Entry {
        records: chain.records,
        bytes: written.bytes,
        duration: written.last_at,
        chain: hex::encode(chain.value),
        end: state != State::Open,
    };
    let detail = serde_json::to_string(&entry).map_err(Error::internal)?;
    let visit = track.visit.to_string();
    let object = Object::new("recording", track.visit_id, &visit);
    audit::record(tx, &system(app), Stream::Access, "recording.chain", object, state.as_str(), Some(detail)).await
}

/// Puts a failure into the audit trail, once.
async fn tell_failure(app: &App, track: &Track) -> Result<()> {
    let Some(failed) = track.failed() else { return Ok(()) };
    if track.is_reported.load(Ordering::Relaxed) {
        return Ok(());
    }
    let (visit, why) = (track.visit.to_string(), failed.to_string());
    let mut tx = app.db().begin().await?;
    let object = Object::new("recording", track.visit_id, &visit);
    let detail = Some(why.clone());
    audit::record(&mut tx, &system(app), Stream::Alert, "recording.failed", object, "failed", detail).await?;
    tx.commit().await?;
    if !track.is_reported.swap(true, Ordering::Relaxed) {
        alarm(track.visit, &why);
    }
    Ok(())
}

/// Raises metric and log line of a failed recording.
pub(super) fn alarm(visit: Uuid, why: &str) {
    metrics::counter!("gatehouse_alerts_total", "kind" => "recording.failed").increment(1);
    tracing::error!(event = "recording.failed", visit = %visit, why, "recording of visit {visit} failed: {why}");
}

/// Ends a recording: nothing is waited for twice, so it may be called again when the database could not be told.
pub(super) async fn close(app: &App, track: &Arc<Track>) -> Result<Summary> {
    track.end(app.now());
    track.wait_until(Track::is_settled).await;
    let Some(sink) = &track.sink else {
        app.recordings().remove(track.visit);
        return Ok(Summary { records: 0, bytes: 0, duration: Duration::ZERO, is_complete: false });
    };
    let synced = track.clone();
    blocking(move || sync(std::iter::once(&synced))).await?;
    tell_failure(app, track).await?;
    let is_complete = track.failed().is_none();
    let written = sink.written();
    let mut tx = app.db().begin().await?;
    let state = if is_complete { State::Complete } else { State::Failed };
    enter(app, &mut tx, track, written, state).await?;
    tx.commit().await?;
    app.recordings().remove(track.visit);
    let duration = Duration::from_millis(u64::try_from(written.last_at).unwrap_or(0));
    Ok(Summary { records: written.chain.records, bytes: written.bytes, duration, is_complete })
}
