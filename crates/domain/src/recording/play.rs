//! Recordings as asciicast, for whoever may see them (specs/bastion.md §10.2).

use std::{ops::Range, path::PathBuf, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, stream};
use gatehouse_store::recording as rows;
use uuid::Uuid;

use super::{
    blocking, file_of,
    reader::{Fault, Reader, Step},
};
use crate::{
    App, Ctx, Error, Result,
    audit::{self, Object},
};

/// What a recording is read for; each has its own code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be played.
    Replay,
    /// To be kept as a file.
    Download,
}

impl Purpose {
    /// The code that allows it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Replay => "audit.session.replay",
            Self::Download => "audit.session.download",
        }
    }

    /// What the audit trail calls it.
    const fn action(self) -> &'static str {
        match self {
            Self::Replay => "recording.replay",
            Self::Download => "recording.download",
        }
    }
}

/// A player asks for parts; one row a minute says that somebody watched.
const QUIET: Duration = Duration::from_mins(1);

/// A recording that may be read. It ends with the last whole record, also while the session goes on.
#[derive(Debug)]
pub struct Playback {
    app: App,
    visit: Uuid,
    path: PathBuf,
    reader: Reader,
}

/// Opens the recording of a visit.
///
/// Errors: `Forbidden` without the code of the purpose; `NotFound` for an unknown visit, or when nothing was recorded or it was
/// deleted; `Upstream` when the file is damaged or its key is missing.
pub async fn play(ctx: &Ctx, visit: &str, purpose: Purpose) -> Result<Playback> {
    ctx.require(purpose.code())?;
    let missing = Error::NotFound { what: "recording" };
    let Ok(visit) = Uuid::parse_str(visit) else { return Err(missing) };
    let name = visit.to_string();
    let row = rows::find(&mut ctx.read(), &name).await?.ok_or(missing)?;
    let path = file_of(&ctx.app, &row)?;
    let reader = open(&ctx.app, &path, visit).await?;
    let (_, _, actor) = ctx.actor_name();
    if ctx.app.once_per(QUIET, &format!("{} {name} {actor}", purpose.code())) {
        let mut tx = ctx.begin().await?;
        audit::changed(&mut tx, ctx, purpose.action(), Object::new("visit", row.visit_id, &name)).await?;
        tx.commit().await?;
    }
    Ok(Playback { app: ctx.app.clone(), visit, path, reader })
}

async fn open(app: &App, path: &std::path::Path, visit: Uuid) -> Result<Reader> {
    let (app, path) = (app.clone(), path.to_path_buf());
    blocking(move || Reader::open(&path, visit, app.keys())).await?.map_err(|fault| unreadable(&fault))
}

impl Playback {
    /// Bytes of the whole asciicast as of now; every record is opened for it.
    ///
    /// Errors: `Upstream` when the file is damaged.
    pub async fn length(&self) -> Result<u64> {
        let mut reader = open(&self.app, &self.path, self.visit).await?;
        let length = blocking(move || {
            let mut length = 0;
            while reader.step()? == Step::Record {
                length += reader.lines_length()? as u64;
            }
            Ok::<u64, Fault>(length)
        });
        length.await?.map_err(|fault| unreadable(&fault))
    }

    /// The bytes of a range, in pieces of a record each; nothing is read ahead of a slow client. A damaged record ends it with
    /// `Upstream`.
    pub fn stream(self, range: Range<u64>) -> impl Stream<Item = Result<Bytes>> + Send + 'static {
        let part = Part { reader: self.reader, skip: range.start, left: range.end.saturating_sub(range.start) };
        stream::unfold(Some(part), async |part| {
            let part = part?;
            let next =
                blocking(move || next_piece(part)).await.and_then(|piece| piece.map_err(|fault| unreadable(&fault)));
            match next {
                Ok(None) => None,
                Ok(Some((piece, part))) => Some((Ok(piece), Some(part))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }
}

struct Part {
    reader: Reader,
    skip: u64,
    left: u64,
}

/// The next piece of the range; none at its end.
fn next_piece(mut part: Part) -> Result<Option<(Bytes, Part)>, Fault> {
    while part.left > 0 && part.reader.step()? == Step::Record {
        let length = part.reader.lines_length()? as u64;
        if length <= part.skip {
            part.skip -= length;
            continue;
        }
        let from = usize::try_from(std::mem::take(&mut part.skip)).unwrap_or(usize::MAX);
        let lines = part.reader.lines()?.get(from..).unwrap_or_default();
        let wanted = usize::try_from(part.left).unwrap_or(usize::MAX).min(lines.len());
        let piece = Bytes::copy_from_slice(lines.get(..wanted).unwrap_or_default());
        part.left -= piece.len() as u64;
        return Ok(Some((piece, part)));
    }
    Ok(None)
}

fn unreadable(fault: &Fault) -> Error {
    match fault {
        Fault::Missing => Error::NotFound { what: "recording" },
        fault => Error::Upstream { which: "recording", why: fault.to_string() },
    }
}
