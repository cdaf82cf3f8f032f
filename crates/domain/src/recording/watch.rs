//! Watching a terminal while it runs (specs/bastion.md §10.3). A watcher never slows the session down.

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use gatehouse_store::recording as rows;
use tokio::{sync::mpsc, task::JoinHandle, time::Instant};
use uuid::Uuid;

use super::{
    State, blocking, file_of,
    line::{self, Event},
    reader::{Fault, Reader, Step},
    tail::Tail,
    track::{Joined, Track},
};
use crate::{
    App, Ctx, Error, Result,
    audit::{self, Object},
    bastion::terminal::Size,
};

/// Lines and bytes that may wait for a watcher before it is given up.
const QUEUE: (usize, usize) = (1_024, 256 << 10);
/// How often the file of a session in another process is looked at.
const POLL: Duration = Duration::from_millis(500);

/// Somebody who watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watcher {
    /// Display name, else login.
    pub name: String,
}

/// What a watcher gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    /// One line of the asciicast, without its end; the first one is the header.
    Line(Bytes),
    /// The session is over.
    Ended,
    /// The watcher did not keep up; nothing follows.
    Lagging,
}

/// The session's end of a watcher's queue.
pub(super) struct Watching {
    pub(super) id: u64,
    pub(super) who: Watcher,
    queue: mpsc::Sender<Bytes>,
    state: Arc<Waiting>,
}

#[derive(Default)]
struct Waiting {
    bytes: AtomicUsize,
    is_ended: AtomicBool,
}

impl Watching {
    /// Gives a line; false when the watcher does not keep up or is gone.
    pub(super) fn offer(&mut self, line: &Bytes) -> bool {
        let before = self.state.bytes.fetch_add(line.len(), Ordering::Relaxed);
        before + line.len() <= QUEUE.1 && self.queue.try_send(line.clone()).is_ok()
    }

    /// Says that nothing follows.
    pub(super) fn end(self) {
        self.state.is_ended.store(true, Ordering::Release);
    }
}

/// A watched session.
pub struct Watch {
    /// What is known already.
    first: VecDeque<Bytes>,
    source: Source,
}

enum Source {
    /// A session of this process.
    Here(Here),
    /// A session of another process, followed through its file.
    File(Box<Follow>),
}

struct Here {
    app: App,
    track: Arc<Track>,
    id: u64,
    who: Watcher,
    lines: mpsc::Receiver<Bytes>,
    state: Arc<Waiting>,
}

impl Drop for Here {
    fn drop(&mut self) {
        self.track.leave(self.id);
        self.track.push(self.app.now(), Event::Marker, &format!("leave: {}", self.who.name));
    }
}

/// Begins to watch a session: the header, the present size, at most 64 KiB of the past, then everything as it happens.
///
/// Errors: `Forbidden` without `audit.session.watch`; `NotFound` when no such session is open, or when it is in another process
/// and not recorded.
pub async fn watch(ctx: &Ctx, visit: &str) -> Result<Watch> {
    ctx.require("audit.session.watch")?;
    let missing = || Error::NotFound { what: "open session" };
    let visit = Uuid::parse_str(visit).map_err(|_| missing())?;
    let (visit_id, watch) = if let Some(track) = ctx.app.recordings().find(visit) {
        (track.visit_id, here(ctx, track).await?)
    } else {
        let row = rows::find(&mut ctx.read(), &visit.to_string()).await?.ok_or_else(missing)?;
        if row.state != State::Open.as_str() {
            return Err(missing());
        }
        (row.visit_id, follow(ctx, visit, file_of(&ctx.app, &row)?).await?)
    };
    let mut tx = ctx.begin().await?;
    let name = visit.to_string();
    audit::changed(&mut tx, ctx, "terminal.watch", Object::new("visit", visit_id, &name)).await?;
    tx.commit().await?;
    Ok(watch)
}

async fn here(ctx: &Ctx, track: Arc<Track>) -> Result<Watch> {
    let (_, _, login) = ctx.actor_name();
    let who = Watcher { name: ctx.actor_label().map_or(login, str::to_owned) };
    let (queue, lines) = mpsc::channel(QUEUE.0);
    let state = Arc::new(Waiting::default());
    let joined = track.join(|id| Watching { id, who: who.clone(), queue, state: state.clone() });
    let Some(joined) = joined else { return Err(Error::NotFound { what: "open session" }) };
    // From here on whatever fails lets the watcher leave again.
    let here = Here { app: ctx.app.clone(), track, id: joined.id, who, lines, state };
    let first = past(&here, joined).await?;
    here.track.push(ctx.now(), Event::Marker, &format!("join: {}", here.who.name));
    Ok(Watch { first, source: Source::Here(here) })
}

/// What happened before the watcher came: closed records from the file, the open one from memory.
async fn past(here: &Here, joined: Joined) -> Result<VecDeque<Bytes>> {
    let track = &here.track;
    let mut tail = Tail::new(&track.header);
    if let Some(sink) = &track.sink {
        track.wait_until(|track| track.sink.as_ref().is_none_or(|s| s.written().chain.records >= joined.closed)).await;
        let (path, visit, app) = (sink.path.clone(), track.visit, here.app.clone());
        let read = blocking(move || {
            let mut reader = Reader::open(&path, visit, app.keys())?;
            Tail::read(&mut reader, joined.closed)
        });
        // A failed recording does not hide the session.
        if let Ok(read) = read.await? {
            tail = read;
        }
    }
    tail.add(&joined.lines);
    tail.trim();
    let mut first = lines_of(&tail);
    if let Some(Size { cols, rows }) = joined.size {
        // The last word on the size, whatever was read.
        let mut resize = Vec::new();
        line::push(&mut resize, joined.at, Event::Resize, &format!("{cols}x{rows}"));
        resize.pop();
        first.insert(1.min(first.len()), resize.into());
    }
    Ok(first)
}

fn lines_of(tail: &Tail) -> VecDeque<Bytes> {
    let head = std::iter::once(tail.header.as_slice()).chain(tail.resize.as_deref());
    head.chain(tail.lines()).filter(|line| !line.is_empty()).map(Bytes::copy_from_slice).collect()
}

async fn follow(ctx: &Ctx, visit: Uuid, path: PathBuf) -> Result<Watch> {
    let app = ctx.app.clone();
    let read = blocking(move || {
        let mut reader = Reader::open(&path, visit, app.keys())?;
        let tail = Tail::read(&mut reader, u64::MAX)?;
        Ok::<_, Fault>((lines_of(&tail), reader))
    });
    let (first, reader) =
        read.await?.map_err(|fault| Error::Upstream { which: "recording", why: fault.to_string() })?;
    let app = ctx.app.clone();
    let follow = Follow { app, visit, reader: Some(reader), reading: None, look_at: Instant::now(), is_over: false };
    Ok(Watch { first, source: Source::File(Box::new(follow)) })
}

impl Watch {
    /// Waits for the next line or the end. Cancel-safe.
    pub async fn next(&mut self) -> Watched {
        if let Some(line) = self.first.pop_front() {
            return Watched::Line(line);
        }
        match &mut self.source {
            Source::Here(here) => here.next().await,
            Source::File(follow) => follow.next(&mut self.first).await,
        }
    }
}

impl Here {
    async fn next(&mut self) -> Watched {
        match self.lines.recv().await {
            Some(line) => {
                self.state.bytes.fetch_sub(line.len(), Ordering::Relaxed);
                Watched::Line(line)
            }
            None if self.state.is_ended.load(Ordering::Acquire) => Watched::Ended,
            None => Watched::Lagging,
        }
    }
}

/// The reader back, with the lines it found.
type ReadOn = (Reader, Result<Vec<Bytes>, Fault>);

/// Follows a file that another process writes.
struct Follow {
    app: App,
    visit: Uuid,
    reader: Option<Reader>,
    reading: Option<JoinHandle<ReadOn>>,
    look_at: Instant,
    /// The recording is closed: what is in the file is all.
    is_over: bool,
}

impl Follow {
    async fn next(&mut self, lines: &mut VecDeque<Bytes>) -> Watched {
        loop {
            if self.reading.is_none() {
                tokio::time::sleep_until(self.look_at).await;
                let is_open = self.is_open().await;
                let Some(mut reader) = self.reader.take() else { return Watched::Ended };
                // Asked before the file is read, so that nothing written before the end is missed.
                self.is_over = !is_open;
                self.reading = Some(tokio::task::spawn_blocking(move || {
                    let read = read_on(&mut reader);
                    (reader, read)
                }));
            }
            let Some(reading) = &mut self.reading else { return Watched::Ended };
            let done = reading.await;
            self.reading = None;
            let Ok((reader, Ok(read))) = done else { return Watched::Ended };
            // There may be more already; only an empty look is followed by a pause.
            self.look_at = Instant::now() + if read.is_empty() { POLL } else { Duration::ZERO };
            self.reader = Some(reader);
            lines.extend(read);
            if let Some(line) = lines.pop_front() {
                return Watched::Line(line);
            }
            if self.is_over {
                return Watched::Ended;
            }
        }
    }

    /// Whether the recording is still being made; a database that is away does not end the watching.
    async fn is_open(&self) -> bool {
        match rows::find(&mut self.app.db().read(), &self.visit.to_string()).await {
            Ok(row) => row.is_some_and(|row| row.state == State::Open.as_str()),
            Err(_) => true,
        }
    }
}

/// The lines of the records that were written since, of one record at most: what is not fetched waits in the file.
fn read_on(reader: &mut Reader) -> Result<Vec<Bytes>, Fault> {
    if reader.step()? != Step::Record {
        return Ok(Vec::new());
    }
    let lines = reader.lines()?.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    Ok(lines.map(Bytes::copy_from_slice).collect())
}
