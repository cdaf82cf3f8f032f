//! File transfer: requests are parsed, permitted one by one, and kept (specs/bastion.md §9.4).

mod file;
mod packet;
mod track;

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use gatehouse_domain::bastion::terminal::{Ended, TerminalInput as _, Transfer};
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, server::Msg};

use super::{
    bridge,
    channel::{self, Session},
    text,
};
use crate::{
    ledger::Ledger,
    stay::{Input, Output, Piece, Shared, Stay},
    target::wire::Gate,
};
use packet::Frames;
use track::{Track, Verdict};

/// Bridges until the end, and tells it.
pub(super) async fn run(mut session: Session, stay: Stay) {
    let Stay { mut output, mut input, .. } = stay;
    let shared = output.shared().clone();
    let gate = session.gate.clone();
    let ledger = session.service.inner.ledger.clone();
    let track = Mutex::new(Track::new(&shared.admitted));
    let ended = {
        let down = downward(&session.write, &mut output, &track, ledger.as_ref());
        let up = upward(&mut session.read, &session.write, &gate, &mut input, &track);
        bridge::until_over(down, up, &gate, &shared).await
    };
    let left = with(&track, Track::finish);
    keep(ledger.as_ref(), &shared, left).await;
    if let Some(told) = text::ended(&ended) {
        session.tell(&told).await;
    }
    session.finish(ended.exit_code, ended.exit_signal).await;
}

fn with<T>(track: &Mutex<Track>, work: impl FnOnce(&mut Track) -> T) -> T {
    work(&mut track.lock().unwrap_or_else(PoisonError::into_inner))
}

async fn keep(ledger: &dyn Ledger, shared: &Shared, done: Vec<Transfer>) {
    for transfer in done {
        ledger.transferred(&shared.ctx, &shared.admitted, &transfer).await;
    }
}

/// Requests of the client; what is forbidden is answered here and never reaches the target.
async fn upward(
    read: &mut ChannelReadHalf,
    write: &ChannelWriteHalf<Msg>,
    gate: &Gate,
    input: &mut Input,
    track: &Mutex<Track>,
) {
    let mut frames = Frames::default();
    'reading: while let Some(message) = channel::next(read, gate).await {
        let data = match message {
            ChannelMsg::Data { data } => data,
            ChannelMsg::Eof => {
                if input.eof().await {
                    continue;
                }
                break;
            }
            ChannelMsg::Close => break,
            _ => continue,
        };
        frames.push(&data);
        loop {
            let frame = match frames.next() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(packet::Malformed) => break 'reading,
            };
            let goes_on = match with(track, |track| track.request(&frame)) {
                Verdict::Pass => input.write(frame).await,
                Verdict::Answer(answer) => write.data_bytes(answer).await.is_ok(),
                Verdict::End => false,
            };
            if !goes_on {
                break 'reading;
            }
        }
    }
    input.close();
}

/// Replies of the target.
async fn downward(
    write: &ChannelWriteHalf<Msg>,
    output: &mut Output,
    track: &Mutex<Track>,
    ledger: &dyn Ledger,
) -> Ended {
    let mut frames = Frames::default();
    loop {
        let bytes = match output.next_piece().await {
            Piece::Data { is_error: false, bytes, .. } => bytes,
            // A target's complaint is no part of the protocol.
            Piece::Data { bytes, .. } => {
                bridge::give(write, output, true, bytes).await;
                continue;
            }
            Piece::Eof | Piece::Notice(_) => continue,
            Piece::Ended(ended) => return ended,
        };
        frames.push(&bytes);
        while let Ok(Some(frame)) = frames.next() {
            let (reply, done): (Bytes, _) = with(track, |track| track.reply(frame));
            bridge::give(write, output, false, reply).await;
            let shared = output.shared().clone();
            keep(ledger, &shared, done).await;
        }
        if frames.is_broken() {
            output.shared().end_by_itself();
        }
    }
}
