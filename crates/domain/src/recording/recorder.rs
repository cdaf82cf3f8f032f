//! What the task of a terminal holds: events go in, a recording comes out.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::sync::watch;

use super::{
    Watcher,
    echo::Echo,
    line::Event,
    note,
    track::{Failed, Track},
};
use crate::{App, Result, bastion::terminal::Size};

/// Labels of markers are cut to this many bytes.
const LABEL: usize = 1 << 10;

/// The recording of one terminal. Dropped without [`Recorder::finish`] it is ended in the background.
pub struct Recorder {
    app: App,
    track: Arc<Track>,
    is_strict: bool,
    echo: Option<Echo>,
    is_finished: bool,
}

/// A finished recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Records; 0 when nothing was kept.
    pub records: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// From its beginning to its last event.
    pub duration: Duration,
    /// Whether it is whole.
    pub is_complete: bool,
}

impl Recorder {
    pub(super) fn new(app: App, track: Arc<Track>, is_strict: bool, keeps_input: bool) -> Self {
        Self { app, track, is_strict, echo: keeps_input.then(Echo::default), is_finished: false }
    }

    /// Whether anything is kept.
    pub fn is_recording(&self) -> bool {
        self.track.sink.is_some() && self.track.failed().is_none()
    }

    /// Records output, as the decoder gave it; what is no UTF-8 is replaced.
    ///
    /// Errors: the recording failed and the terminal may not go on without.
    pub fn output(&mut self, text: &[u8]) -> Result<(), Failed> {
        let now = self.app.now();
        let text = String::from_utf8_lossy(text);
        if let Some(typed) = self.echo.as_mut().and_then(|echo| echo.seen(&text)) {
            self.track.push(now, Event::Input, &typed);
        }
        if !text.is_empty() {
            self.track.push(now, Event::Output, &text);
        }
        self.verdict()
    }

    /// Takes input: notes that the person is not idle, and records it if input is recorded and as soon as the terminal echoes it: passwords are not.
    ///
    /// Errors: as of [`Recorder::output`].
    pub fn input(&mut self, text: &[u8]) -> Result<(), Failed> {
        self.track.note_typed(self.app.now());
        if let Some(echo) = &mut self.echo {
            echo.typed(&String::from_utf8_lossy(text));
        }
        self.verdict()
    }

    /// Records a change of size.
    ///
    /// Errors: as of [`Recorder::output`].
    pub fn resize(&mut self, size: Size) -> Result<(), Failed> {
        self.track.note_size(size);
        self.track.push(self.app.now(), Event::Resize, &format!("{}x{}", size.cols, size.rows));
        self.verdict()
    }

    /// Records a marker.
    ///
    /// Errors: as of [`Recorder::output`].
    pub fn marker(&mut self, label: &str) -> Result<(), Failed> {
        let label = label.get(..label.floor_char_boundary(LABEL)).unwrap_or_default();
        self.track.push(self.app.now(), Event::Marker, label);
        self.verdict()
    }

    fn verdict(&self) -> Result<(), Failed> {
        verdict(&self.track, self.is_strict)
    }

    /// Waits while the disk is behind: to be called before more is read from the target. Usually returns at once.
    ///
    /// Errors: as of [`Recorder::output`]; also when the disk takes nothing for ten seconds.
    pub async fn room(&mut self) -> Result<(), Failed> {
        self.pace().room().await
    }

    /// Waits until the recording fails and the terminal may not go on without; for ever when it may. Cancel-safe.
    pub async fn failed(&self) -> Failed {
        self.pace().failed().await
    }

    /// The state of the disk, for who waits while another records.
    pub fn pace(&self) -> Pace {
        Pace { track: self.track.clone(), is_strict: self.is_strict }
    }

    /// Who watches from this process, as it changes.
    pub fn watchers(&self) -> watch::Receiver<Vec<Watcher>> {
        self.track.watchers.subscribe()
    }

    /// Ends the recording: everything is on the disk and the last chain value in the audit trail when this returns.
    ///
    /// Errors: `Unavailable` when the database cannot be told; the periodic work then goes on trying.
    pub async fn finish(mut self) -> Result<Summary> {
        let summary = note::close(&self.app, &self.track).await?;
        self.is_finished = true;
        Ok(summary)
    }
}

fn verdict(track: &Track, is_strict: bool) -> Result<(), Failed> {
    match track.failed() {
        Some(failed) if is_strict => Err(failed.clone()),
        _ => Ok(()),
    }
}

/// How the disk of a recording does. Cheap to clone.
#[derive(Clone)]
pub struct Pace {
    track: Arc<Track>,
    is_strict: bool,
}

impl Pace {
    /// Whether the disk is behind: then nothing more is to be read from the target.
    pub fn is_behind(&self) -> bool {
        self.track.is_behind()
    }

    /// As [`Recorder::room`].
    pub async fn room(&self) -> Result<(), Failed> {
        if self.track.is_behind() {
            self.track.wait_until(|track| !track.is_behind()).await;
        }
        verdict(&self.track, self.is_strict)
    }

    /// As [`Recorder::failed`].
    pub async fn failed(&self) -> Failed {
        loop {
            let changed = self.track.changed.notified();
            if let Err(failed) = verdict(&self.track, self.is_strict) {
                return failed;
            }
            changed.await;
        }
    }
}

impl std::fmt::Debug for Pace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pace").field("visit", &self.track.visit).finish_non_exhaustive()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if !self.is_finished {
            self.track.end(self.app.now());
            self.track.is_abandoned.store(true, Ordering::Relaxed);
        }
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("visit", &self.track.visit).finish_non_exhaustive()
    }
}
