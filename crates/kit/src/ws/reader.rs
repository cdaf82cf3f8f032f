//! What comes from the client.

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, ReadHalf};

use crate::Connection;
use gatehouse_websocket::{self as frame, Head, Kind, Violation};

/// Room for the next bytes of a client that types.
const SMALL: usize = 1 << 10;

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A text message, not checked for being UTF-8.
    Text(Bytes),
    /// A binary message.
    Binary(Bytes),
    /// To be answered by a pong with the same bytes.
    Ping(Bytes),
    /// The answer to a ping.
    Pong(Bytes),
    /// The client says good-bye. Nothing follows.
    Close,
    /// A message beyond the limit: close with 1009. Nothing follows.
    TooLarge,
    /// Not the protocol: close with 1002. Nothing follows.
    Broken,
    /// The connection is gone. Nothing follows.
    Gone,
}

/// The reading half.
pub struct Reader {
    io: ReadHalf<Connection>,
    buffer: BytesMut,
    limit: usize,
    /// A message in parts: its kind, and what is there of it.
    message: Option<(Kind, BytesMut)>,
}

impl Reader {
    pub(super) fn new(io: ReadHalf<Connection>, first: &[u8], limit: usize) -> Self {
        Self { io, buffer: BytesMut::from(first), limit, message: None }
    }

    /// Waits for the next message or control frame. Cancel-safe.
    pub async fn next(&mut self) -> Incoming {
        loop {
            match self.parse() {
                Ok(Some(incoming)) => return incoming,
                Ok(None) => {}
                Err(Violation) => return Incoming::Broken,
            }
            if self.buffer.is_empty() && self.buffer.capacity() > SMALL {
                self.buffer = BytesMut::new();
            }
            self.buffer.reserve(SMALL);
            match self.io.read_buf(&mut self.buffer).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return Incoming::Gone,
            }
        }
    }

    /// The next whole message or control frame in the buffer. A frame's bytes stay there until it is whole.
    fn parse(&mut self) -> Result<Option<Incoming>, Violation> {
        loop {
            let Some(head) = Head::parse(&self.buffer)? else { return Ok(None) };
            let before = self.message.as_ref().map_or(0, |(_, parts)| parts.len());
            let Some(payload) = usize::try_from(head.payload)
                .ok()
                .filter(|payload| head.kind.is_control() || before.saturating_add(*payload) <= self.limit)
            else {
                return Ok(Some(Incoming::TooLarge));
            };
            let missing = (head.length + payload).saturating_sub(self.buffer.len());
            if missing > 0 {
                self.buffer.reserve(missing);
                return Ok(None);
            }
            self.buffer.advance(head.length);
            let mut payload = self.buffer.split_to(payload);
            frame::unmask(&mut payload, head.mask);
            if let Some(incoming) = self.take(head, payload)? {
                return Ok(Some(incoming));
            }
        }
    }

    /// A frame: a message of its own, the end of one, or only a part.
    fn take(&mut self, head: Head, payload: BytesMut) -> Result<Option<Incoming>, Violation> {
        let (kind, whole) = match (head.kind, self.message.take()) {
            (Kind::Close, _) => return Ok(Some(Incoming::Close)),
            (Kind::Ping, message) => {
                self.message = message;
                return Ok(Some(Incoming::Ping(payload.freeze())));
            }
            (Kind::Pong, message) => {
                self.message = message;
                return Ok(Some(Incoming::Pong(payload.freeze())));
            }
            (kind @ (Kind::Text | Kind::Binary), None) => (kind, payload),
            (Kind::Continuation, Some((kind, mut parts))) => {
                parts.unsplit(payload);
                (kind, parts)
            }
            (Kind::Continuation, None) | (Kind::Text | Kind::Binary, Some(_)) => return Err(Violation),
        };
        if !head.is_last {
            self.message = Some((kind, whole));
            return Ok(None);
        }
        let whole = whole.freeze();
        Ok(Some(if kind == Kind::Text { Incoming::Text(whole) } else { Incoming::Binary(whole) }))
    }

    /// Reads and forgets until the client has closed.
    pub(super) async fn drain(&mut self) {
        let mut room = BytesMut::with_capacity(4 * SMALL);
        while let Ok(1..) = self.io.read_buf(&mut room).await {
            room.clear();
        }
    }
}
