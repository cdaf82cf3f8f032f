//! The TCP connection to a target, with a gate: while output waits for whoever reads it nothing more is read, but input, window
//! changes and keep-alives go out all the same.
//!
//! The session of russh awaits a full channel and does nothing else meanwhile; it never has to, because the gate closes first.

use std::{
    io::{self, ErrorKind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::task::AtomicWaker;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};
use tokio_util::sync::CancellationToken;

/// Read from the socket at once: a packet of a pty is about 4.4 KiB, and would cost two reads.
const BUFFER: usize = 16 << 10;
/// What a message costs beside its bytes, so that many small ones close the gate, too.
const MESSAGE: i64 = 128;
/// What is read of a closed gate because it is urgent comes in its own time: after less than this there is a pause, a longer one
/// each time, as a peer without a window sends next to nothing, but that again and again.
const LITTLE: usize = 1 << 10;
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// What reader, writer and overseer of one connection share.
#[derive(Debug)]
pub(crate) struct Gate {
    /// What was handed over and not yet taken.
    waiting: AtomicI64,
    /// With so much of it nothing more is read …
    limit: i64,
    /// … unless it is urgent, and with so much never.
    last_limit: i64,
    /// How many wait for something that only reading brings, and how many ever did.
    urgent: AtomicUsize,
    urged: AtomicUsize,
    is_cut: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
    received: AtomicU64,
    gone: CancellationToken,
}

impl Gate {
    /// A gate that closes when so many bytes wait, and is shut when there are twice as many.
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Self::with(limit, limit.saturating_mul(2))
    }

    /// A gate that is shut only with `last_limit` bytes.
    pub(crate) fn with(limit: usize, last_limit: usize) -> Arc<Self> {
        let bytes = |limit| i64::try_from(limit).unwrap_or(i64::MAX);
        Arc::new(Self {
            waiting: AtomicI64::new(0),
            limit: bytes(limit),
            last_limit: bytes(last_limit),
            urgent: AtomicUsize::new(0),
            urged: AtomicUsize::new(0),
            is_cut: AtomicBool::new(false),
            reader: AtomicWaker::new(),
            writer: AtomicWaker::new(),
            received: AtomicU64::new(0),
            gone: CancellationToken::new(),
        })
    }

    /// Messages that can wait before the gate closes, with room for those that carry no data.
    pub(crate) fn messages(&self) -> usize {
        usize::try_from(self.limit / MESSAGE).unwrap_or_default() + 64
    }

    /// Output was handed over.
    pub(crate) fn add(&self, bytes: usize) {
        self.waiting.fetch_add(cost(bytes), Ordering::AcqRel);
    }

    /// Output was taken.
    pub(crate) fn take(&self, bytes: usize) {
        let cost = cost(bytes);
        let before = self.waiting.fetch_sub(cost, Ordering::AcqRel);
        if before >= self.limit {
            self.reader.wake();
        }
    }

    /// Whether nothing is read, because too much waits.
    pub(crate) fn is_closed(&self) -> bool {
        self.waiting() >= self.last_limit || (self.is_full() && self.urgent.load(Ordering::Acquire) == 0)
    }

    /// Whether so much waits that only urgent things are read.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting() >= self.limit
    }

    /// Roughly the bytes that wait.
    pub(crate) fn waiting(&self) -> i64 {
        self.waiting.load(Ordering::Acquire)
    }

    /// Reads on for as long as the guard lives: somebody waits for a window, and its change may stand behind data.
    pub(crate) fn urge(self: &Arc<Self>) -> Urgent {
        self.urgent.fetch_add(1, Ordering::AcqRel);
        self.urged.fetch_add(1, Ordering::AcqRel);
        self.reader.wake();
        Urgent(self.clone())
    }

    /// Bytes received so far.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Breaks the connection: everything that reads or writes fails at once.
    pub(crate) fn cut(&self) {
        self.is_cut.store(true, Ordering::Release);
        self.reader.wake();
        self.writer.wake();
    }

    /// Cancelled when the connection is closed on our side, whoever began it.
    pub(crate) fn gone(&self) -> &CancellationToken {
        &self.gone
    }

    fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Acquire)
    }
}

/// Holds a gate open.
#[derive(Debug)]
pub(crate) struct Urgent(Arc<Gate>);

impl Drop for Urgent {
    fn drop(&mut self) {
        self.0.urgent.fetch_sub(1, Ordering::AcqRel);
    }
}

fn cost(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX).saturating_add(MESSAGE)
}

/// The connection.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    gate: Arc<Gate>,
    /// Read and not taken: made when something arrives, gone when it is used up, so that an idle connection has none.
    buffer: Vec<u8>,
    taken: usize,
    pause: Pause,
}

/// Between readings of a full gate.
#[derive(Debug)]
struct Pause {
    now: Option<Pin<Box<Sleep>>>,
    next: Duration,
    /// For whom it is: [`Gate::urge`] is counted.
    urged: usize,
}

impl Pause {
    /// Waits until something may be read.
    fn poll(&mut self, gate: &Gate, cx: &mut Context<'_>) -> Poll<()> {
        let urged = gate.urged.load(Ordering::Acquire);
        if !gate.is_full() || urged != self.urged {
            *self = Self { now: None, next: PAUSES.0, urged };
        }
        if let Some(now) = &mut self.now {
            ready!(now.as_mut().poll(cx));
            self.now = None;
        }
        Poll::Ready(())
    }

    /// So much was read.
    fn after(&mut self, gate: &Gate, bytes: usize) {
        if gate.is_full() && bytes < LITTLE {
            self.now = Some(Box::pin(sleep(self.next)));
            self.next = (self.next * 2).min(PAUSES.1);
        }
    }
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, gate: Arc<Gate>) -> Self {
        Self::after(Vec::new(), stream, gate)
    }

    /// A connection of which something was read already.
    pub(crate) fn after(read: Vec<u8>, stream: TcpStream, gate: Arc<Gate>) -> Self {
        gate.received.fetch_add(read.len() as u64, Ordering::Relaxed);
        let pause = Pause { now: None, next: PAUSES.0, urged: 0 };
        Self { stream, gate, buffer: read, taken: 0, pause }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.gate.gone.cancel();
    }
}

fn broken() -> io::Error {
    io::Error::from(ErrorKind::ConnectionAborted)
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.gate.reader.register(cx.waker());
        if this.gate.is_cut() {
            return Poll::Ready(Err(broken()));
        }
        if this.gate.is_closed() {
            return Poll::Pending;
        }
        if this.taken >= this.buffer.len() {
            ready!(this.pause.poll(&this.gate, cx));
            if into.remaining() >= BUFFER {
                let before = into.filled().len();
                ready!(Pin::new(&mut this.stream).poll_read(cx, into))?;
                let read = into.filled().len() - before;
                this.gate.received.fetch_add(read as u64, Ordering::Relaxed);
                this.pause.after(&this.gate, read);
                return Poll::Ready(Ok(()));
            }
            // Nobody waits with a buffer in hand.
            ready!(this.stream.poll_read_ready(cx))?;
            let mut fresh = Vec::with_capacity(BUFFER);
            match this.stream.try_read_buf(&mut fresh) {
                Ok(0) => return Poll::Ready(Ok(())),
                Ok(n) => {
                    this.gate.received.fetch_add(n as u64, Ordering::Relaxed);
                    this.pause.after(&this.gate, n);
                    (this.buffer, this.taken) = (fresh, 0);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    // Readiness was stale and is cleared now; being polled again registers for the next.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        let rest = this.buffer.get(this.taken..).unwrap_or_default();
        let part = rest.get(..rest.len().min(into.remaining())).unwrap_or_default();
        into.put_slice(part);
        this.taken += part.len();
        if this.taken >= this.buffer.len() {
            (this.buffer, this.taken) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.gate.writer.register(cx.waker());
        if self.gate.is_cut() {
            return Poll::Ready(Err(broken()));
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
        task::yield_now,
        time::Instant,
    };

    use super::*;

    async fn pair(limit: usize) -> (Wire, TcpStream, Arc<Gate>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (peer, _) = listener.accept().await.unwrap();
        let gate = Gate::new(limit);
        (Wire::new(stream, gate.clone()), peer, gate)
    }

    #[tokio::test]
    async fn small_and_large_reads_see_every_byte() {
        let (mut wire, mut peer, gate) = pair(1 << 20).await;
        let sent: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
        let expected = sent.clone();
        let writer = async move { peer.write_all(&sent).await.unwrap() };
        let reader = async {
            let mut found = Vec::new();
            for size in [1, 16, 5_000, 16 << 10, 100_000, 178_599] {
                let mut part = vec![0; size];
                wire.read_exact(&mut part).await.unwrap();
                found.extend(part);
            }
            found
        };
        let ((), found) = tokio::join!(writer, reader);
        assert!(found == expected[..found.len()] && found.len() == 300_000);
        assert_eq!(gate.received(), 300_000);
    }

    #[tokio::test]
    async fn a_closed_gate_holds_what_was_read_already_and_lets_writes_through() {
        let (mut wire, mut peer, gate) = pair(1_000).await;
        peer.write_all(b"abcdef").await.unwrap();
        assert_eq!(wire.read_u8().await.unwrap(), b'a');
        gate.add(1_000);
        let mut read = Box::pin(wire.read_u8());
        for _ in 0..10 {
            assert!(futures_util::poll!(&mut read).is_pending());
            yield_now().await;
        }
        drop(read);
        wire.write_all(b"input").await.unwrap();
        peer.read_exact(&mut [0; 5]).await.unwrap();
        let waiting = async {
            yield_now().await;
            gate.take(1_000);
        };
        assert_eq!(tokio::join!(wire.read_u8(), waiting).0.unwrap(), b'b');
    }

    #[tokio::test]
    async fn what_is_urgent_opens_a_closed_gate_but_not_a_shut_one() {
        let (mut wire, mut peer, gate) = pair(1_000).await;
        peer.write_all(b"abcdef").await.unwrap();
        gate.add(1_000);
        {
            let mut read = Box::pin(wire.read_u8());
            assert!(futures_util::poll!(&mut read).is_pending());
            let _urgent = gate.urge();
            assert_eq!(read.await.unwrap(), b'a');
        }
        assert!(gate.is_closed());
        gate.add(1_000);
        let _urgent = gate.urge();
        assert!(gate.is_closed());
    }

    #[tokio::test]
    async fn little_of_a_full_gate_is_read_more_and_more_seldom_until_it_is_urgent_anew() {
        let (mut wire, mut peer, gate) = pair(1_000).await;
        gate.add(1_000);
        let urgent = gate.urge();
        let start = Instant::now();
        for _ in 0..4 {
            peer.write_all(b"x").await.unwrap();
            wire.read_u8().await.unwrap();
        }
        assert!(start.elapsed() >= PAUSES.0 * 7, "{:?}", start.elapsed());
        peer.write_all(b"x").await.unwrap();
        assert!(futures_util::poll!(Box::pin(wire.read_u8())).is_pending(), "the longest pause yet");
        drop(urgent);
        let _urgent = gate.urge();
        peer.writable().await.unwrap();
        let start = Instant::now();
        wire.read_u8().await.unwrap();
        assert!(start.elapsed() < PAUSES.0 * 8, "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn a_cut_wakes_whoever_reads() {
        let (mut wire, _peer, gate) = pair(1_000).await;
        let cutting = async {
            yield_now().await;
            gate.cut();
        };
        assert!(tokio::join!(wire.read_u8(), cutting).0.is_err());
        assert!(wire.write_u8(1).await.is_err());
    }
}
