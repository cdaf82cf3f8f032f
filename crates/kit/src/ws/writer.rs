//! What goes to the client.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    task::{Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncWrite, WriteHalf};

use crate::Connection;
use gatehouse_websocket::{self as frame, CONTROL_LIMIT, Kind};

/// Up to here a payload is copied behind its head: one piece is cheaper than two.
const COPIED: usize = 2 << 10;

/// Pieces given to one system call.
const PIECES: usize = 8;

/// The writing half. It holds what was given to it and not yet taken by the socket, and never more: who sends looks at
/// [`Writer::is_empty`] first.
pub struct Writer {
    io: WriteHalf<Connection>,
    pending: VecDeque<Bytes>,
    needs_flush: bool,
}

impl Writer {
    pub(super) fn new(io: WriteHalf<Connection>) -> Self {
        Self { io, pending: VecDeque::new(), needs_flush: false }
    }

    /// Whether the socket has taken everything.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty() && !self.needs_flush
    }

    /// Adds one message or control frame to what is to be sent.
    pub fn push(&mut self, kind: Kind, payload: Bytes) {
        if payload.len() <= COPIED {
            self.pending.push_back(frame::whole(kind, &payload));
        } else {
            self.pending.push_back(frame::head(kind, payload.len()));
            self.pending.push_back(payload);
        }
    }

    /// Adds the good-bye.
    pub fn close(&mut self, code: u16, reason: &str) {
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend(reason.bytes().take(CONTROL_LIMIT - 2));
        self.push(Kind::Close, payload.into());
    }

    /// Gives all that is pending to the socket. Cancel-safe: the rest stays pending.
    pub async fn flush(&mut self) -> io::Result<()> {
        std::future::poll_fn(|cx| {
            while !self.pending.is_empty() {
                let mut slices = [IoSlice::new(&[]); PIECES];
                let mut count = 0;
                for (slice, piece) in slices.iter_mut().zip(&self.pending) {
                    *slice = IoSlice::new(piece);
                    count += 1;
                }
                let slices = slices.get(..count).unwrap_or_default();
                self.needs_flush = true;
                let written = ready!(std::pin::Pin::new(&mut self.io).poll_write_vectored(cx, slices))?;
                if written == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.advance(written);
            }
            ready!(std::pin::Pin::new(&mut self.io).poll_flush(cx))?;
            self.needs_flush = false;
            Poll::Ready(Ok(()))
        })
        .await
    }

    fn advance(&mut self, mut written: usize) {
        while let Some(first) = self.pending.front_mut() {
            if written < first.len() {
                first.advance(written);
                return;
            }
            written -= first.len();
            self.pending.pop_front();
        }
    }
}
