//! A [`Wire`] over TLS, with or without a WebSocket inside: Trojan, VLESS and the fallback.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncBufRead, AsyncWrite},
    net::{TcpStream, tcp::WriteHalf},
};
use tokio_rustls::server::TlsStream;

use super::{
    buffer::Pool,
    tcp::{Frame, Wire, abort},
};

/// A stream that gives plaintext: TLS, or what is inside it.
pub(crate) trait Tunnel: AsyncBufRead + AsyncWrite + Unpin + Send + 'static {
    /// Lets the connection below end with a reset.
    fn abort(&self);
}

impl Tunnel for TlsStream<TcpStream> {
    fn abort(&self) {
        abort(self.get_ref().0);
    }
}

/// A TLS connection whose replies begin with a fixed head.
pub(crate) struct Tls<S> {
    stream: S,
    head: &'static [u8],
}

impl<S> Tls<S> {
    /// `head` goes out with the first bytes down, not counted.
    pub(crate) fn new(stream: S, head: &'static [u8]) -> Self {
        Self { stream, head }
    }
}

impl<S: Tunnel> Wire for Tls<S> {
    fn poll_up(&mut self, cx: &mut Context<'_>, target: &mut WriteHalf<'_>, _: &Pool) -> Poll<io::Result<usize>> {
        let plain = match ready!(Pin::new(&mut self.stream).poll_fill_buf(cx)) {
            // Many clients close without saying so in TLS.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Poll::Ready(Ok(0)),
            result => result?,
        };
        if plain.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let written = ready!(Pin::new(target).poll_write(cx, plain))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        Pin::new(&mut self.stream).consume(written);
        Poll::Ready(Ok(written))
    }

    fn frames(&self) -> (Frame, Frame) {
        let rest = Frame { head: 0, body: usize::MAX >> 1, tail: 0 };
        (Frame { head: self.head.len(), ..rest }, rest)
    }

    fn seal(&mut self, frame: &mut [u8]) {
        if let Some(head) = frame.get_mut(..self.head.len()) {
            head.copy_from_slice(self.head);
        }
        self.head = &[];
    }

    fn owes_head(&self) -> bool {
        !self.head.is_empty()
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn abort(&mut self) {
        self.stream.abort();
    }
}
