//! One proxied TCP connection: both directions polled in one task, without a lock, sealing and opening in place.

use std::{
    future::poll_fn,
    io::{self, IoSliceMut},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    time::{Instant, Sleep, sleep_until},
};

use super::buffer::{Buffer, Pool, Size};
use crate::{addr::Address, user::Direction, visit::Flow};

/// After one side closed.
const HALF_CLOSED_IDLE: Duration = Duration::from_mins(1);
/// Frames sealed at once.
const FRAMES: usize = 4;
/// Smallest room for a further frame in the same buffer.
const WORTHWHILE: usize = 4 << 10;

/// Where the payload of the next frame to the client lies: `head`, at most `body` bytes, `tail`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) head: usize,
    pub(crate) body: usize,
    pub(crate) tail: usize,
}

/// The client's end of a flow: how payload is wrapped on its connection.
pub(crate) trait Wire: Unpin + Send {
    /// One step up: payload bytes the target took; 0 when the client will send no more.
    fn poll_up(&mut self, cx: &mut Context<'_>, target: &mut WriteHalf<'_>, pool: &Pool) -> Poll<io::Result<usize>>;

    /// The shape of the next frame down and of those after it.
    fn frames(&self) -> (Frame, Frame);

    /// Wraps the payload between head and tail in place.
    fn seal(&mut self, frame: &mut [u8]);

    /// Whether the client waits for a head even if no payload follows.
    fn owes_head(&self) -> bool {
        false
    }

    /// Writes wrapped bytes.
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Tells the client that nothing more comes.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Drops what is still on its way, and lets the client see that this is no orderly end.
    fn abort(&mut self);
}

/// How a relay came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Both sides closed.
    Closed,
    /// Nothing moved for too long.
    Idle,
    /// The flow was cut.
    Cut,
}

/// Relays until both sides closed, nothing moves any more, or the flow is cut. `early` are payload bytes already read.
pub(crate) async fn relay<W: Wire>(wire: &mut W, mut target: TcpStream, flow: &Flow, early: &[u8]) -> io::Result<End> {
    let idle = flow.door().settings.tcp_idle.0;
    let end = tokio::select! {
        () = flow.token().cancelled() => Ok(End::Cut),
        end = run(wire, &mut target, Some(flow), &flow.door().buffers, early, idle) => end,
    };
    if !matches!(end, Ok(End::Closed)) {
        // What the kernel still holds for a revoked user must not be delivered, and an error must not look like an end.
        wire.abort();
        abort(&target);
    }
    end
}

/// Connects to the target of a flow; `None`: it cannot be reached, or the flow was cut meanwhile.
pub(crate) async fn connect(flow: &Flow, target: &Address) -> Option<TcpStream> {
    let routes = flow.routes();
    let connect = flow.door().egress.connect(target, &routes);
    let result = flow.token().run_until_cancelled(connect).await?;
    result.inspect_err(|error| flow.unreachable(error)).ok()
}

/// Closes a connection with a reset when it is dropped.
pub(crate) fn abort(socket: &TcpStream) {
    // Fails only for a socket that is closed already.
    let _ = socket.set_zero_linger();
}

/// As [`relay`], without anybody to charge.
pub(crate) async fn run<W: Wire>(
    wire: &mut W,
    target: &mut TcpStream,
    flow: Option<&Flow>,
    pool: &Pool,
    early: &[u8],
    idle: Duration,
) -> io::Result<End> {
    let (mut read, mut write) = target.split();
    let mut relay = Relay {
        wire,
        flow,
        pool,
        up: Up { early, state: State::Open, pause: None },
        down: Down { out: None, size: Size::Small, state: State::Open, pause: None },
        last: Instant::now(),
    };
    let mut timer = std::pin::pin!(sleep_until(relay.last + idle));
    poll_fn(|cx| {
        match relay.poll(cx, &mut read, &mut write)? {
            Progress::Ended => return Poll::Ready(Ok(End::Closed)),
            Progress::Some => relay.last = Instant::now(),
            Progress::None => {}
        }
        let patience = if relay.is_half_closed() { idle.min(HALF_CLOSED_IDLE) } else { idle };
        relay.poll_idle(cx, timer.as_mut(), patience)
    })
    .await
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Progress {
    #[default]
    None,
    Some,
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// The source ended; its end is being passed on.
    Closing,
    Closed,
}

struct Relay<'a, W> {
    wire: &'a mut W,
    flow: Option<&'a Flow>,
    pool: &'a Pool,
    up: Up<'a>,
    down: Down,
    last: Instant,
}

struct Up<'a> {
    early: &'a [u8],
    state: State,
    pause: Option<Pin<Box<Sleep>>>,
}

struct Down {
    out: Option<Outgoing>,
    size: Size,
    state: State,
    pause: Option<Pin<Box<Sleep>>>,
}

/// Sealed frames on their way to the client.
struct Outgoing {
    buffer: Buffer,
    at: usize,
    end: usize,
    /// Bytes before the first payload byte.
    head: usize,
    payload: usize,
    counted: usize,
}

impl<W: Wire> Relay<'_, W> {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        read: &mut ReadHalf<'_>,
        write: &mut WriteHalf<'_>,
    ) -> io::Result<Progress> {
        let mut progress = Progress::None;
        if let Poll::Ready(result) = self.poll_up(cx, write, &mut progress) {
            result?;
        }
        if let Poll::Ready(result) = self.poll_down(cx, read, &mut progress) {
            result?;
        }
        let ended = self.up.state == State::Closed && self.down.state == State::Closed;
        Ok(if ended { Progress::Ended } else { progress })
    }

    fn is_half_closed(&self) -> bool {
        self.up.state != State::Open || self.down.state != State::Open
    }

    /// Stops a cut flow within the same poll; the token wakes whoever waits for it.
    fn poll_cut(&self) -> Poll<()> {
        if self.flow.is_some_and(|flow| flow.token().is_cancelled()) { Poll::Pending } else { Poll::Ready(()) }
    }

    fn poll_idle(&self, cx: &mut Context<'_>, mut timer: Pin<&mut Sleep>, patience: Duration) -> Poll<io::Result<End>> {
        let deadline = self.last + patience;
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if deadline <= Instant::now() {
                return Poll::Ready(Ok(End::Idle));
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }

    fn poll_up(
        &mut self,
        cx: &mut Context<'_>,
        target: &mut WriteHalf<'_>,
        progress: &mut Progress,
    ) -> Poll<io::Result<()>> {
        while self.up.state == State::Open {
            ready!(poll_pause(&mut self.up.pause, cx));
            let moved = if self.up.early.is_empty() {
                ready!(self.wire.poll_up(cx, target, self.pool))?
            } else {
                let written = ready!(Pin::new(&mut *target).poll_write(cx, self.up.early))?;
                self.up.early = self.up.early.get(written..).unwrap_or_default();
                written
            };
            if moved == 0 {
                self.up.state = State::Closing;
                break;
            }
            *progress = Progress::Some;
            self.up.pause = pause(self.flow, Direction::Up, moved);
            ready!(self.poll_cut());
        }
        if self.up.state == State::Closing {
            let result = ready!(Pin::new(target).poll_shutdown(cx));
            self.up.state = State::Closed;
            forgive(result)?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_down(
        &mut self,
        cx: &mut Context<'_>,
        target: &mut ReadHalf<'_>,
        progress: &mut Progress,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_send(cx, progress))?;
            ready!(self.poll_cut());
            match self.down.state {
                State::Open => {}
                State::Closing => {
                    let result = ready!(self.wire.poll_shutdown(cx));
                    self.down.state = State::Closed;
                    return Poll::Ready(forgive(result));
                }
                State::Closed => return Poll::Ready(Ok(())),
            }
            ready!(poll_pause(&mut self.down.pause, cx));
            match self.poll_receive(cx, target) {
                Poll::Ready(result) => result?,
                Poll::Pending => {
                    ready!(self.wire.poll_flush(cx))?;
                    return Poll::Pending;
                }
            }
        }
    }

    /// Sends what is sealed.
    fn poll_send(&mut self, cx: &mut Context<'_>, progress: &mut Progress) -> Poll<io::Result<()>> {
        while let Some(out) = &mut self.down.out {
            let bytes = out.buffer.get(out.at..out.end).unwrap_or_default();
            let written = ready!(self.wire.poll_write(cx, bytes))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *progress = Progress::Some;
            out.at += written;
            // Frames beyond the first shift this by a few bytes until the last byte is written; then it is exact.
            let sent = if out.at == out.end { out.payload } else { out.payload.min(out.at.saturating_sub(out.head)) };
            let wait = pause(self.flow, Direction::Down, sent - out.counted);
            out.counted = sent;
            if wait.is_some() {
                self.down.pause = wait;
            }
            if out.at == out.end
                && let Some(out) = self.down.out.take()
            {
                self.pool.put(out.buffer);
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads payload from the target to where its frames will be, and seals them.
    fn poll_receive(&mut self, cx: &mut Context<'_>, target: &mut ReadHalf<'_>) -> Poll<io::Result<()>> {
        let mut buffer = self.pool.take(self.down.size);
        let (first, rest) = self.wire.frames();
        let read = match poll_read_frames(cx, target, &mut buffer, first, rest) {
            Poll::Ready(Ok(read)) => read,
            other => {
                self.pool.put(buffer);
                return other.map_ok(|_| ());
            }
        };
        if read == 0 {
            self.down.state = State::Closing;
            if !self.wire.owes_head() {
                self.pool.put(buffer);
                return Poll::Ready(Ok(()));
            }
        }
        let is_much = read >= capacity(buffer.len(), first, rest).min(Size::Small.bytes() / 2);
        self.down.size = if is_much { Size::Large } else { Size::Small };
        let mut left = read;
        let mut at = 0;
        let mut frame = first;
        loop {
            let payload = left.min(room(buffer.len() - at, frame));
            let length = frame.head + payload + frame.tail;
            if let Some(bytes) = buffer.get_mut(at..at + length) {
                self.wire.seal(bytes);
            }
            at += length;
            left -= payload;
            if left == 0 {
                break;
            }
            frame = rest;
        }
        self.down.out = Some(Outgoing { buffer, at: 0, end: at, head: first.head, payload: read, counted: 0 });
        Poll::Ready(Ok(()))
    }
}

/// Payload that the next frame may hold in what is left of a buffer.
fn room(left: usize, frame: Frame) -> usize {
    left.saturating_sub(frame.head + frame.tail).min(frame.body)
}

/// The same for a frame that is not the first of a buffer: none if it is not worth its seal.
fn further_room(left: usize, frame: Frame) -> usize {
    let room = room(left, frame);
    if room < WORTHWHILE { 0 } else { room }
}

/// How much payload one read may bring.
fn capacity(length: usize, first: Frame, rest: Frame) -> usize {
    let mut capacity = room(length, first);
    let mut at = first.head + capacity + first.tail;
    for _ in 1..FRAMES {
        let room = further_room(length.saturating_sub(at), rest);
        capacity += room;
        at += rest.head + room + rest.tail;
    }
    capacity
}

fn poll_read_frames(
    cx: &mut Context<'_>,
    target: &mut ReadHalf<'_>,
    buffer: &mut [u8],
    first: Frame,
    rest: Frame,
) -> Poll<io::Result<usize>> {
    let room = room(buffer.len(), first);
    if capacity(buffer.len(), first, rest) == room {
        let mut into = ReadBuf::new(buffer.get_mut(first.head..first.head + room).unwrap_or_default());
        ready!(Pin::new(target).poll_read(cx, &mut into))?;
        return Poll::Ready(Ok(into.filled().len()));
    }
    loop {
        ready!(target.as_ref().poll_read_ready(cx))?;
        match read_frames(target.as_ref(), buffer, first, rest) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return Poll::Ready(result),
        }
    }
}

/// One scattered read that leaves room for head and tail of every frame.
fn read_frames(target: &TcpStream, buffer: &mut [u8], first: Frame, rest: Frame) -> io::Result<usize> {
    let mut slots: [IoSliceMut<'_>; FRAMES] = std::array::from_fn(|_| IoSliceMut::new(&mut []));
    let mut used = 0;
    let mut left = buffer;
    let (mut frame, mut size) = (first, room(left.len(), first));
    for slot in &mut slots {
        if size == 0 {
            break;
        }
        let (_, after_head) = left.split_at_mut(frame.head);
        let (bytes, after) = after_head.split_at_mut(size);
        *slot = IoSliceMut::new(bytes);
        used += 1;
        (_, left) = after.split_at_mut(frame.tail);
        (frame, size) = (rest, further_room(left.len(), rest));
    }
    target.try_read_vectored(slots.split_at_mut(used).0)
}

/// Counts, and says until when the direction has to pause.
fn pause(flow: Option<&Flow>, direction: Direction, bytes: usize) -> Option<Pin<Box<Sleep>>> {
    flow?.moved(direction, bytes).map(|at| Box::pin(sleep_until(at)))
}

fn poll_pause(pause: &mut Option<Pin<Box<Sleep>>>, cx: &mut Context<'_>) -> Poll<()> {
    if let Some(sleep) = pause {
        ready!(sleep.as_mut().poll(cx));
        *pause = None;
    }
    Poll::Ready(())
}

/// A peer that is gone already need not be told of the end.
fn forgive(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        other => other,
    }
}
