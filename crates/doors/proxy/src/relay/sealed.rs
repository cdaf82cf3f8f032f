//! A [`Wire`] of AEAD frames straight on the client's TCP connection: Shadowsocks.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    ops::Range,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, tcp::WriteHalf},
};

use super::{
    buffer::{Buffer, Pool, Size},
    tcp::{Frame, Wire, abort},
};
use crate::aead::Forged;

/// Slices written at once.
const SLICES: usize = 8;

/// How frames are opened and sealed; knows nothing of connections.
pub(crate) trait Codec: Unpin + Send {
    /// Opens the frame at the start of `raw` in place: its whole length and where the payload lies.
    /// `None`: it is not complete; called again with the same bytes in front.
    fn open(&mut self, raw: &mut [u8]) -> Result<Option<Opened>, Forged>;

    /// The shape of the next frame to the client and of those after it.
    fn frames(&self) -> (Frame, Frame);

    /// Seals the payload between head and tail in place.
    fn seal(&mut self, frame: &mut [u8]);
}

/// An opened frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) length: usize,
    pub(crate) payload: Range<usize>,
}

/// A connection and its codec.
pub(crate) struct Sealed<C> {
    tcp: TcpStream,
    codec: C,
    raw: Option<Buffer>,
    /// The part of `raw` not yet opened.
    start: usize,
    end: usize,
    /// Opened payload, in order.
    plain: VecDeque<Range<usize>>,
    size: Size,
    is_ended: bool,
}

impl<C: Codec> Sealed<C> {
    /// Starts with the bytes `raw[start..end]` already read.
    pub(crate) fn new(tcp: TcpStream, codec: C, raw: Buffer, read: Range<usize>) -> Self {
        let (start, end) = (read.start, read.end);
        Self { tcp, codec, raw: Some(raw), start, end, plain: VecDeque::new(), size: Size::Small, is_ended: false }
    }

    /// Opens complete frames. Returns whether there is payload.
    fn open(&mut self) -> Result<bool, Forged> {
        let Some(raw) = &mut self.raw else { return Ok(false) };
        while self.plain.len() < SLICES {
            let Some(bytes) = raw.get_mut(self.start..self.end) else { break };
            let Some(frame) = self.codec.open(bytes)? else { break };
            if !frame.payload.is_empty() {
                self.plain.push_back(self.start + frame.payload.start..self.start + frame.payload.end);
            }
            self.start += frame.length;
        }
        Ok(!self.plain.is_empty())
    }

    fn consume(&mut self, mut bytes: usize) {
        while let Some(first) = self.plain.front_mut() {
            let taken = bytes.min(first.len());
            first.start += taken;
            bytes -= taken;
            if first.start < first.end {
                break;
            }
            self.plain.pop_front();
        }
    }

    /// Returns the buffer to the pool if nothing is in it.
    fn release(&mut self, pool: &Pool) {
        if self.plain.is_empty()
            && self.start == self.end
            && let Some(raw) = self.raw.take()
        {
            (self.start, self.end) = (0, 0);
            pool.put(raw);
        }
    }

    /// Reads more raw bytes; nothing opened waits in the buffer.
    fn poll_fill(&mut self, cx: &mut Context<'_>, pool: &Pool) -> Poll<io::Result<()>> {
        self.release(pool);
        let mut raw = match self.raw.take() {
            Some(raw) => self.make_room(raw, pool),
            None => pool.take(self.size),
        };
        let mut into = ReadBuf::new(raw.get_mut(self.end..).unwrap_or_default());
        let result = Pin::new(&mut self.tcp).poll_read(cx, &mut into);
        let (read, is_full) = (into.filled().len(), into.remaining() == 0);
        self.raw = Some(raw);
        self.end += read;
        if !result.is_ready() || read == 0 {
            self.release(pool);
        }
        ready!(result)?;
        self.size = if is_full { Size::Large } else { self.size };
        self.is_ended = read == 0;
        Poll::Ready(Ok(()))
    }

    /// Moves an incomplete frame to the front, into a larger buffer if it fills this one.
    fn make_room(&mut self, mut raw: Buffer, pool: &Pool) -> Buffer {
        let waiting = self.start..self.end;
        if waiting.len() * 2 > raw.len() && raw.len() < Size::Large.bytes() {
            self.size = Size::Large;
        }
        if raw.len() < self.size.bytes() {
            let mut larger = pool.take(self.size);
            if let (Some(to), Some(from)) = (larger.get_mut(..waiting.len()), raw.get(waiting.clone())) {
                to.copy_from_slice(from);
            }
            pool.put(std::mem::replace(&mut raw, larger));
        } else if waiting.start > 0 {
            raw.copy_within(waiting.clone(), 0);
        }
        (self.start, self.end) = (0, waiting.len());
        raw
    }
}

impl<C: Codec> Wire for Sealed<C> {
    fn poll_up(&mut self, cx: &mut Context<'_>, target: &mut WriteHalf<'_>, pool: &Pool) -> Poll<io::Result<usize>> {
        loop {
            if !self.plain.is_empty() || self.open()? {
                let written = ready!(self.poll_deliver(cx, target))?;
                self.consume(written);
                self.release(pool);
                return Poll::Ready(Ok(written));
            }
            if self.is_ended {
                let is_whole = self.start == self.end;
                return Poll::Ready(if is_whole { Ok(0) } else { Err(io::ErrorKind::UnexpectedEof.into()) });
            }
            ready!(self.poll_fill(cx, pool))?;
        }
    }

    fn frames(&self) -> (Frame, Frame) {
        self.codec.frames()
    }

    fn seal(&mut self, frame: &mut [u8]) {
        self.codec.seal(frame);
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, bytes)
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }

    fn abort(&mut self) {
        abort(&self.tcp);
    }
}

impl<C: Codec> Sealed<C> {
    fn poll_deliver(&mut self, cx: &mut Context<'_>, target: &mut WriteHalf<'_>) -> Poll<io::Result<usize>> {
        let raw = self.raw.as_deref().unwrap_or_default();
        let mut slices = [IoSlice::new(&[]); SLICES];
        for (slice, range) in slices.iter_mut().zip(&self.plain) {
            *slice = IoSlice::new(raw.get(range.clone()).unwrap_or_default());
        }
        let used = self.plain.len().min(SLICES);
        let written = ready!(Pin::new(target).poll_write_vectored(cx, slices.split_at(used).0))?;
        Poll::Ready(if written == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(written) })
    }
}
