//! The beginning of a recording: its file with a first record, so that an impossible recording is found before anybody is let in.

use std::{
    fs::{DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use gatehouse_model::Millis;
use gatehouse_store::recording as rows;
use uuid::Uuid;

use super::{
    State, blocking, folder,
    format::{Chain, Header, Packer},
    line, note,
    recorder::Recorder,
    system,
    track::{Sink, Track, Written},
};
use crate::{
    App, Error, Result,
    audit::{self, Object, Stream},
    bastion::terminal::Size,
    settings::RecordingMode,
};

/// Below this no recording begins: those that run need room to end.
const MIN_FREE: u64 = 64 << 20;
/// The alert about refused terminals is not repeated within this time.
const QUIET: Duration = Duration::from_mins(1);

/// What a recording is of.
#[derive(Debug, Clone)]
pub struct NewRecording {
    /// Public name of the visit, whose row exists.
    pub visit: Uuid,
    /// Size of the terminal.
    pub size: Size,
    /// TERM.
    pub term: String,
    /// Shown by players.
    pub title: String,
    /// What the terminal owes it.
    pub mode: RecordingMode,
    /// Whether input is recorded, as far as it is echoed.
    pub input: bool,
}

/// Whether a terminal could be recorded now: the check before anything is dialled.
///
/// Errors: `Upstream` when it must be recorded and cannot be.
pub async fn check(app: &App, mode: RecordingMode) -> Result<()> {
    if mode != RecordingMode::Strict {
        return Ok(());
    }
    let app = app.clone();
    blocking(move || {
        let folder = folder(&app)?;
        make_folder(&folder).and_then(|()| has_room(&folder)).map_err(|error| impossible(&error))
    })
    .await?
}

/// Begins the recording of a visit.
///
/// Where the mode is `off`, or `best_effort` and nothing can be written, the recorder keeps nothing and can only be watched.
/// Errors: `NotFound` without the visit; `Upstream` when it must be recorded and cannot be: the terminal is refused.
pub async fn start(app: &App, new: NewRecording) -> Result<Recorder> {
    let began = app.now();
    let header = line::header(new.size, began.0, &new.term, &new.title);
    let made = match new.mode {
        RecordingMode::Off => None,
        RecordingMode::Strict | RecordingMode::BestEffort => Some(create(app, new.visit, began, &header).await),
    };
    let (sink, failure) = match made {
        None => (None, None),
        Some(Ok(sink)) => (Some(sink), None),
        Some(Err(error)) => (None, Some(error)),
    };
    let visit_id = match insert(app, &new, began, sink.as_ref().map(|(_, path)| path.as_str()), failure.as_ref()).await
    {
        Ok(id) => id,
        Err(error) => {
            if let Some((sink, _)) = sink {
                // What stays behind is an empty recording that no row names; doctor does not look at such.
                let _ = std::fs::remove_file(&sink.path);
            }
            return Err(error);
        }
    };
    if let (Some(error), RecordingMode::Strict) = (failure, new.mode) {
        return Err(error);
    }
    let writer = app.recordings().writers.next(app.clock(), app.random())?;
    let is_kept = sink.is_some();
    let track = Arc::new(Track::new((new.visit, visit_id), began, header, sink.map(|(sink, _)| sink), writer));
    track.is_reported.store(!is_kept, Ordering::Relaxed);
    track.note_size(new.size);
    app.recordings().insert(&track);
    Ok(Recorder::new(app.clone(), track, new.mode == RecordingMode::Strict, new.input))
}

/// Writes the row of a recording, or of the failure to begin one.
async fn insert(
    app: &App,
    new: &NewRecording,
    began: Millis,
    path: Option<&str>,
    failure: Option<&Error>,
) -> Result<i64> {
    let mut tx = app.db().begin().await?;
    let visit = new.visit.to_string();
    let state = if failure.is_some() { State::Failed } else { State::Open };
    let missing = Error::NotFound { what: "visit" };
    let id = if new.mode == RecordingMode::Off {
        gatehouse_store::recording::find_visit(&mut tx, &visit).await?.ok_or(missing)?
    } else {
        rows::insert(&mut tx, &visit, path.unwrap_or_default(), state.as_str(), began).await?.ok_or(missing)?
    };
    if let Some(error) = failure
        && app.once_per(QUIET, "recording.failed")
    {
        let object = Object::new("recording", id, &visit);
        let detail = Some(error.chain());
        audit::record(&mut tx, &system(app), Stream::Alert, "recording.failed", object, "failed", detail).await?;
        note::alarm(new.visit, &error.chain());
    }
    tx.commit().await?;
    Ok(id)
}

/// Makes the file with its first record, the header line; gives it with its path below the folder.
async fn create(app: &App, visit: Uuid, began: Millis, header: &str) -> Result<(Sink, String)> {
    let below = below(visit, began);
    let (key, cipher) = app.keys().recording();
    let head = Header { session: visit.to_string(), key, created: began.0, compression: "zstd".to_owned() };
    let path = folder(app)?.join(&below);
    let (head, cipher, random, line) = (head.encode()?, cipher, app.random().clone(), format!("{header}\n"));
    let made = blocking(move || {
        make_folder(path.parent().unwrap_or(&path))?;
        has_room(path.parent().unwrap_or(&path))?;
        let mut file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(&head)?;
        let written = Written { chain: Chain::begin(&head), bytes: head.len() as u64, last_at: 0 };
        let sink = Sink { file, path, cipher, written: Mutex::new(written), noted: Mutex::new((0, began)) };
        sink.append(&mut Packer::new()?, &random, visit, line.as_bytes(), 0)?;
        Ok(sink)
    });
    Ok((made.await?.map_err(|error: io::Error| impossible(&error))?, below))
}

/// `<yyyy>/<mm>/<uuid>.gwr` by the beginning, in UTC.
fn below(visit: Uuid, began: Millis) -> String {
    let began = jiff::Timestamp::from_millisecond(began.0).unwrap_or_default();
    format!("{}/{visit}.gwr", began.strftime("%Y/%m"))
}

fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Refuses when the disk is nearly full, or may not be written to.
fn has_room(folder: &Path) -> io::Result<()> {
    let at = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", folder.display()));
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).map_err(|error| at(error.into()))?;
    let disk = rustix::fs::statvfs(folder).map_err(|error| at(error.into()))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free < MIN_FREE {
        return Err(at(io::Error::other(format!("only {} MiB are free, {} are needed", free >> 20, MIN_FREE >> 20))));
    }
    Ok(())
}

fn impossible(error: &io::Error) -> Error {
    Error::Upstream { which: "recording", why: error.to_string() }
}

/// The folder that holds a file.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    path.parent().map_or_else(|| path.to_path_buf(), Path::to_path_buf)
}
