//! A stream of bytes inside the binary messages of a WebSocket, the server's side (specs/proxy.md §5.6).
//!
//! Where messages begin and end means nothing. What is written becomes one frame per call, head and payload in one
//! TLS record; a quiet connection holds no buffer.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use gatehouse_websocket::{Head, Kind, head, unmask, whole};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

use super::tls::Tunnel;

/// 1000, normal closure.
const GOODBYE: [u8; 2] = 1_000_u16.to_be_bytes();

/// A WebSocket whose handshake is over.
pub(crate) struct WebSocket<S> {
    inner: S,
    /// What came: first `ready` bytes of payload without their mask, then bytes as they came.
    raw: Vec<u8>,
    start: usize,
    ready: usize,
    /// The rest of the frame that is being read, and the mask for its next byte.
    left: u64,
    mask: [u8; 4],
    is_ended: bool,
    /// Heads and control frames on their way out.
    out: Vec<u8>,
    /// Payload that the head of the last frame promised and that is still to be written.
    owed: usize,
    /// The answer to the last ping.
    pong: Option<Vec<u8>>,
    is_closed: bool,
}

impl<S> WebSocket<S> {
    /// `read`: bytes that came after the handshake.
    pub(crate) fn new(inner: S, read: Vec<u8>) -> Self {
        Self {
            inner,
            raw: read,
            start: 0,
            ready: 0,
            left: 0,
            mask: [0; 4],
            is_ended: false,
            out: Vec::new(),
            owed: 0,
            pong: None,
            is_closed: false,
        }
    }

    /// Goes through what came until there is payload. `false`: more bytes are needed, or the end came.
    fn decode(&mut self) -> io::Result<bool> {
        let broken = || io::Error::from(io::ErrorKind::InvalidData);
        while self.ready == 0 && !self.is_ended {
            let bytes = self.raw.get_mut(self.start..).unwrap_or_default();
            if self.left > 0 {
                let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
                let Some(payload) = bytes.get_mut(..length).filter(|payload| !payload.is_empty()) else {
                    return Ok(false);
                };
                unmask(payload, self.mask);
                self.mask.rotate_left(length % 4);
                self.left -= length as u64;
                self.ready = length;
                continue;
            }
            let Some(frame) = Head::parse(bytes).map_err(|_| broken())? else { return Ok(false) };
            match frame.kind {
                Kind::Binary | Kind::Continuation => {
                    (self.left, self.mask) = (frame.payload, frame.mask);
                    self.start += frame.length;
                }
                Kind::Ping | Kind::Pong | Kind::Close => {
                    let end = frame.length + usize::try_from(frame.payload).map_err(|_| broken())?;
                    let Some(payload) = bytes.get_mut(frame.length..end) else { return Ok(false) };
                    unmask(payload, frame.mask);
                    match frame.kind {
                        Kind::Ping => self.pong = Some(whole(Kind::Pong, payload).to_vec()),
                        Kind::Close => self.is_ended = true,
                        _ => {}
                    }
                    self.start += end;
                }
                Kind::Text => return Err(broken()),
            }
        }
        Ok(self.ready > 0)
    }
}

impl<S: Tunnel> WebSocket<S> {
    /// Sends heads and control frames that are complete in themselves.
    fn poll_control(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.owed == 0
            && let Some(pong) = self.pong.take()
        {
            self.out.extend_from_slice(&pong);
        }
        while self.owed == 0 && !self.out.is_empty() {
            let written = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.out))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: Tunnel> AsyncBufRead for WebSocket<S> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        while !this.decode()? {
            if this.pong.is_some()
                && let Poll::Ready(sent) = this.poll_control(cx)
            {
                sent?;
            }
            if this.is_ended {
                return Poll::Ready(Ok(&[]));
            }
            this.raw.drain(..this.start);
            this.start = 0;
            if this.raw.is_empty() {
                this.raw = Vec::new();
            }
            let more = ready!(Pin::new(&mut this.inner).poll_fill_buf(cx))?;
            if more.is_empty() {
                let is_whole = this.raw.is_empty() && this.left == 0;
                this.is_ended = true;
                return Poll::Ready(if is_whole { Ok(&[]) } else { Err(io::ErrorKind::UnexpectedEof.into()) });
            }
            let length = more.len();
            this.raw.extend_from_slice(more);
            Pin::new(&mut this.inner).consume(length);
        }
        Poll::Ready(Ok(this.raw.get(this.start..this.start + this.ready).unwrap_or_default()))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let this = self.get_mut();
        let amount = amount.min(this.ready);
        this.start += amount;
        this.ready -= amount;
    }
}

impl<S: Tunnel> AsyncRead for WebSocket<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let available = ready!(self.as_mut().poll_fill_buf(cx))?;
        let length = available.len().min(into.remaining());
        into.put_slice(available.get(..length).unwrap_or_default());
        self.consume(length);
        Poll::Ready(Ok(()))
    }
}

impl<S: Tunnel> AsyncWrite for WebSocket<S> {
    /// After `Pending` the next call has to bring at least the same bytes: their frame has begun.
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if this.is_closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if this.owed == 0 {
            ready!(this.poll_control(cx))?;
            this.out.extend_from_slice(&head(Kind::Binary, bytes.len()));
            this.owed = bytes.len();
        }
        let payload = bytes.get(..this.owed).unwrap_or(bytes);
        loop {
            let slices = [IoSlice::new(&this.out), IoSlice::new(payload)];
            let written = ready!(Pin::new(&mut this.inner).poll_write_vectored(cx, &slices))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let of_head = written.min(this.out.len());
            this.out.drain(..of_head);
            if written > of_head {
                this.owed -= written - of_head;
                return Poll::Ready(Ok(written - of_head));
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_control(cx))?;
        Pin::new(&mut this.inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !std::mem::replace(&mut this.is_closed, true) && this.owed == 0 {
            this.out.extend_from_slice(&whole(Kind::Close, &GOODBYE));
        }
        ready!(this.poll_control(cx))?;
        Pin::new(&mut this.inner).poll_shutdown(cx)
    }
}

impl<S: Tunnel> Tunnel for WebSocket<S> {
    fn abort(&self) {
        self.inner.abort();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};

    use super::*;

    impl Tunnel for BufReader<DuplexStream> {
        fn abort(&self) {}
    }

    const MASK: [u8; 4] = [7, 0, 255, 33];

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first];
        match u8::try_from(payload.len()) {
            Ok(short) if short < 126 => bytes.push(0x80 | short),
            _ => {
                bytes.push(0xfe);
                bytes.extend_from_slice(&u16::try_from(payload.len()).unwrap().to_be_bytes());
            }
        }
        bytes.extend_from_slice(&MASK);
        bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        bytes
    }

    fn pair(buffer: usize, read: &[u8]) -> (DuplexStream, WebSocket<BufReader<DuplexStream>>) {
        let (client, server) = duplex(buffer);
        (client, WebSocket::new(BufReader::new(server), read.to_vec()))
    }

    /// Everything a server sends: the payload of its data frames, and its control frames.
    fn open(mut bytes: &[u8]) -> (Vec<u8>, Vec<(u8, Vec<u8>)>) {
        let (mut payload, mut control) = (Vec::new(), Vec::new());
        while let [first, second, rest @ ..] = bytes {
            let (length, rest) = match second {
                126 => (usize::from(u16::from_be_bytes([rest[0], rest[1]])), &rest[2..]),
                127 => (usize::try_from(u64::from_be_bytes(rest[..8].try_into().unwrap())).unwrap(), &rest[8..]),
                length => (usize::from(*length), rest),
            };
            match first {
                0x82 => payload.extend_from_slice(&rest[..length]),
                other => control.push((*other, rest[..length].to_vec())),
            }
            bytes = &rest[length..];
        }
        assert!(bytes.is_empty(), "half a frame");
        (payload, control)
    }

    #[tokio::test]
    async fn messages_are_read_as_one_stream_and_pings_are_answered() {
        let long = vec![3; 5_000];
        let sent = [
            frame(0x02, b"he"),
            frame(0x89, b"there?"),
            frame(0x80, b"llo"),
            frame(0x82, b""),
            frame(0x8a, b""),
            frame(0x82, &long),
            frame(0x88, &GOODBYE),
            b"what follows the end".to_vec(),
        ]
        .concat();
        for split in [0, 1, 3, 9, sent.len()] {
            let (mut client, mut socket) = pair(100_000, &sent[..split]);
            client.write_all(&sent[split..]).await.unwrap();
            let mut read = Vec::new();
            socket.read_to_end(&mut read).await.unwrap();
            assert!(read == [b"hello", &long[..]].concat(), "{split}");
            socket.write_all(b"answer").await.unwrap();
            socket.shutdown().await.unwrap();
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).await.unwrap();
            let (payload, control) = open(&answer);
            assert_eq!(payload, b"answer");
            assert_eq!(control, [(0x8a, b"there?".to_vec()), (0x88, GOODBYE.to_vec())]);
        }
    }

    #[tokio::test]
    async fn an_end_within_a_frame_and_text_are_errors() {
        for sent in [&frame(0x82, b"hello")[..8], &[0x82], &frame(0x81, b"text"), &[0xff; 20]] {
            let (mut client, mut socket) = pair(1_000, b"");
            client.write_all(sent).await.unwrap();
            drop(client);
            assert!(socket.read_to_end(&mut Vec::new()).await.is_err(), "{sent:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_arrives_whatever_the_buffers(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..70_000), 1..4),
            buffer in 1usize..80_000,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let (payload, control) = runtime.block_on(async {
                let (mut client, mut socket) = pair(buffer, b"");
                let mut received = Vec::new();
                let write = async {
                    for part in &parts {
                        socket.write_all(part).await.unwrap();
                    }
                    socket.shutdown().await.unwrap();
                };
                tokio::join!(write, async { client.read_to_end(&mut received).await.unwrap() });
                open(&received)
            });
            prop_assert!(payload == parts.concat());
            prop_assert_eq!(control.len(), 1);
        }

        #[test]
        fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let (mut client, mut socket) = pair(1_000, b"");
                client.write_all(&bytes).await.unwrap();
                drop(client);
                let mut read = Vec::new();
                let _ = socket.read_to_end(&mut read).await;
                assert!(read.len() <= bytes.len());
            });
        }
    }
}
