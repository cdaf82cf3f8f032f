//! A [`Wire`] over a stream of a QUIC connection: Hysteria 2.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use quinn::{RecvStream, SendStream, VarInt};
use tokio::{io::AsyncWrite, net::tcp::WriteHalf};

use super::{
    buffer::{Buffer, Pool, Size},
    tcp::{Frame, Wire},
};

/// `H3_REQUEST_CANCELLED`.
const CANCELLED: VarInt = VarInt::from_u32(0x10c);

/// Both directions of a stream.
pub(crate) struct Quic {
    send: SendStream,
    recv: RecvStream,
    buffer: Option<Buffer>,
    /// The part of the buffer the target has not taken yet.
    start: usize,
    end: usize,
    size: Size,
}

impl Quic {
    pub(crate) fn new(send: SendStream, recv: RecvStream) -> Self {
        Self { send, recv, buffer: None, start: 0, end: 0, size: Size::Small }
    }

    /// Reads into a buffer that is held only while something is in it. `false`: the client will send no more.
    fn poll_fill(&mut self, cx: &mut Context<'_>, pool: &Pool) -> Poll<io::Result<bool>> {
        let mut buffer = pool.take(self.size);
        match self.recv.poll_read(cx, &mut buffer) {
            Poll::Ready(Ok(read)) if read > 0 => {
                self.size = if read == buffer.len() { Size::Large } else { Size::Small };
                (self.start, self.end) = (0, read);
                self.buffer = Some(buffer);
                Poll::Ready(Ok(true))
            }
            other => {
                pool.put(buffer);
                other.map_ok(|_| false).map_err(Into::into)
            }
        }
    }
}

impl Wire for Quic {
    fn poll_up(&mut self, cx: &mut Context<'_>, target: &mut WriteHalf<'_>, pool: &Pool) -> Poll<io::Result<usize>> {
        if self.buffer.is_none() && !ready!(self.poll_fill(cx, pool))? {
            return Poll::Ready(Ok(0));
        }
        let bytes = self.buffer.as_deref().and_then(|buffer| buffer.get(self.start..self.end)).unwrap_or_default();
        let written = ready!(Pin::new(target).poll_write(cx, bytes))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.start += written;
        if self.start == self.end
            && let Some(buffer) = self.buffer.take()
        {
            pool.put(buffer);
        }
        Poll::Ready(Ok(written))
    }

    fn frames(&self) -> (Frame, Frame) {
        let frame = Frame { head: 0, body: usize::MAX >> 1, tail: 0 };
        (frame, frame)
    }

    fn seal(&mut self, _: &mut [u8]) {}

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write(Pin::new(&mut self.send), cx, bytes)
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Fails for a stream the client gave up already.
        let _ = self.send.finish();
        Poll::Ready(Ok(()))
    }

    fn abort(&mut self) {
        // Both fail only for streams that are over.
        let _ = self.send.reset(CANCELLED);
        let _ = self.recv.stop(CANCELLED);
    }
}
