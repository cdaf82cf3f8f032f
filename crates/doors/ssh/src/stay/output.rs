//! What comes from the target.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use gatehouse_domain::bastion::terminal::{self, Boxed, Ended, Event, TerminalOutput};
use russh::{ChannelMsg, ChannelReadHalf, Sig};
use tokio::sync::mpsc;

use super::{Shared, decode::Decoder, lock};
use std::sync::atomic::Ordering;

/// Pieces that wait together are given as one up to this size.
const TOGETHER: usize = 32 << 10;

/// What happens at a stay, streams told apart.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Output, and the text that was recorded of it.
    Data { is_error: bool, bytes: Bytes, text: Bytes },
    /// The target writes no more.
    Eof,
    /// Something of the product, not of the target.
    Notice(Event),
    /// It is over.
    Ended(Ended),
}

/// The reading half. Dropping it ends the stay.
pub(crate) struct Output {
    shared: Arc<Shared>,
    read: ChannelReadHalf,
    notices: mpsc::Receiver<Event>,
    /// Standard output and standard error.
    decoders: [Decoder; 2],
    /// Taken from the channel, does not go with what was before it.
    held: Option<ChannelMsg>,
    is_blocked: bool,
    is_drained: bool,
    is_over: bool,
}

impl Output {
    pub(super) fn new(shared: Arc<Shared>, read: ChannelReadHalf, notices: mpsc::Receiver<Event>) -> Self {
        let encoding = shared.admitted.terms.encoding;
        Self {
            shared,
            read,
            notices,
            decoders: [Decoder::new(encoding), Decoder::new(encoding)],
            held: None,
            is_blocked: false,
            is_drained: false,
            is_over: false,
        }
    }

    /// Waits for what happens next. Cancel-safe: nothing is awaited after a message was taken.
    pub(crate) async fn next_piece(&mut self) -> Piece {
        loop {
            if self.is_over {
                return std::future::pending().await;
            }
            if self.is_drained {
                self.shared.end_by_itself();
            }
            let room = lock(&self.shared.recorder).as_ref().and_then(|recorder| recorder.room());
            let may_read = !self.is_blocked && room.is_none() && !self.is_drained;
            let message = tokio::select! {
                biased;
                () = self.shared.over.cancelled() => return self.ended(),
                Some(notice) = self.notices.recv() => return Piece::Notice(notice),
                () = wait(room), if !self.is_blocked => continue,
                message = next_message(&mut self.held, &mut self.read, &self.shared), if may_read => message,
            };
            if let Some(piece) = self.take(message) {
                return piece;
            }
        }
    }

    fn ended(&mut self) -> Piece {
        self.is_over = true;
        let closed = || Ended { why: gatehouse_model::EndedWhy::Closed, by: None, exit_code: None, exit_signal: None };
        Piece::Ended(self.shared.ended.get().cloned().unwrap_or_else(closed))
    }

    fn take(&mut self, message: Option<ChannelMsg>) -> Option<Piece> {
        match message {
            Some(ChannelMsg::Data { data }) => self.output(false, data),
            Some(ChannelMsg::ExtendedData { data, ext: 1 }) => self.output(true, data),
            Some(ChannelMsg::Eof) => Some(Piece::Eof),
            Some(ChannelMsg::ExitStatus { exit_status }) => {
                lock(&self.shared.exit).code = Some(exit_status);
                None
            }
            Some(ChannelMsg::ExitSignal { signal_name, .. }) => {
                lock(&self.shared.exit).signal = Some(name_of(&signal_name));
                None
            }
            Some(ChannelMsg::Close) | None => {
                self.is_drained = true;
                self.rest()
            }
            Some(_) => None,
        }
    }

    /// A piece of output with all that waits behind it, as far as it is of the same stream.
    fn output(&mut self, is_error: bool, first: Bytes) -> Option<Piece> {
        let mut bytes = first;
        let mut joined: Option<BytesMut> = None;
        loop {
            let length = joined.as_ref().map_or(bytes.len(), BytesMut::len);
            if length >= TOGETHER {
                break;
            }
            let waiting = next_message(&mut self.held, &mut self.read, &self.shared).now_or_never();
            let Some(Some(next)) = waiting else {
                if let Some(None) = waiting {
                    self.held = Some(ChannelMsg::Close);
                }
                break;
            };
            match next {
                ChannelMsg::Data { data } if !is_error && length + data.len() <= TOGETHER => {
                    joined.get_or_insert_with(|| BytesMut::from(bytes.as_ref())).extend_from_slice(&data);
                }
                ChannelMsg::ExtendedData { data, ext: 1 } if is_error && length + data.len() <= TOGETHER => {
                    joined.get_or_insert_with(|| BytesMut::from(bytes.as_ref())).extend_from_slice(&data);
                }
                ChannelMsg::WindowAdjusted { .. } => {}
                other => {
                    self.held = Some(other);
                    break;
                }
            }
        }
        if let Some(joined) = joined {
            bytes = joined.freeze();
        }
        self.shared.down.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let [out, error] = &mut self.decoders;
        let text = if is_error { error } else { out }.decode(&bytes);
        let is_kept = text.is_empty() || self.shared.recorded(|recorder| recorder.output(&text));
        // What cannot be recorded is not shown.
        is_kept.then_some(Piece::Data { is_error, bytes, text })
    }

    /// What was an unfinished character and stays one.
    fn rest(&mut self) -> Option<Piece> {
        let [out, error] = &mut self.decoders;
        let (out, error) = (out.finish(), error.finish());
        let is_error = out.is_empty();
        let text = if is_error { error } else { out };
        if text.is_empty() {
            return None;
        }
        let is_kept = self.shared.recorded(|recorder| recorder.output(&text));
        is_kept.then(|| Piece::Data { is_error, bytes: Bytes::new(), text })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn block(&mut self, is_blocked: bool) {
        if self.is_blocked != is_blocked {
            self.is_blocked = is_blocked;
            self.shared.set_blocked(is_blocked);
        }
    }
}

/// The next message, and its place in the queue for another.
async fn next_message(
    held: &mut Option<ChannelMsg>,
    read: &mut ChannelReadHalf,
    shared: &Shared,
) -> Option<ChannelMsg> {
    if let Some(message) = held.take() {
        return Some(message);
    }
    let message = read.wait().await;
    if let Some(ChannelMsg::Data { data } | ChannelMsg::ExtendedData { data, .. }) = &message {
        shared.gate.take(data.len());
    }
    message
}

async fn wait(room: Option<Boxed<'static, Result<(), crate::ledger::Failed>>>) {
    match room {
        // A failure is found by whoever records next.
        Some(room) => drop(room.await),
        None => std::future::pending().await,
    }
}

impl TerminalOutput for Output {
    fn next(&mut self) -> Boxed<'_, Event> {
        Box::pin(async {
            loop {
                match self.next_piece().await {
                    Piece::Data { bytes, text, .. } => return Event::Output(terminal::Output { bytes, text }),
                    Piece::Eof => {}
                    Piece::Notice(event) => return event,
                    Piece::Ended(ended) => return Event::Ended(ended),
                }
            }
        })
    }

    fn set_blocked(&mut self, is_blocked: bool) {
        self.block(is_blocked);
    }

    fn latency(&self) -> Option<Duration> {
        let micros = self.shared.latency.load(Ordering::Relaxed);
        (micros != 0).then(|| Duration::from_micros(micros))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.shared.end_by_itself();
    }
}

/// A signal's name without `SIG`.
pub(crate) fn name_of(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => name.chars().filter(char::is_ascii_graphic).take(32).collect(),
        known => format!("{known:?}"),
    }
}
