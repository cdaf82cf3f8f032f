//! A [`Wire`] over TLS: Trojan, VLESS and the fallback.

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
    tcp::{Frame, Wire},
};

/// A TLS connection whose replies begin with a fixed head.
pub(crate) struct Tls {
    stream: TlsStream<TcpStream>,
    head: &'static [u8],
}

impl Tls {
    /// `head` goes out with the first bytes down, not counted.
    pub(crate) fn new(stream: TlsStream<TcpStream>, head: &'static [u8]) -> Self {
        Self { stream, head }
    }
}

impl Wire for Tls {
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

    fn socket(&self) -> &TcpStream {
        self.stream.get_ref().0
    }
}
