//! The load: sockets that each keep many requests under way, and check every reply.

use std::{
    io::ErrorKind,
    net::{SocketAddr, UdpSocket},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use gatehouse_domain::{Clock, Random};
use gatehouse_radius_wire::{Builder, Code, MAX_PACKET, Packet, Signature, attribute as number, password};

/// Sockets, each with a thread of its own.
pub(crate) const SOCKETS: usize = 4;
/// Requests that a socket has under way: all together no more than fit a server's receive buffer of the kernel's default size.
pub(crate) const OUTSTANDING: u8 = 32;
/// Sends of one request, the first one included.
const SENDS: u32 = 6;
/// How often a socket without replies looks for what to send again.
const LOOK: Duration = Duration::from_millis(100);
/// Reports of a session: Start, two Interims, Stop.
const REPORTS: u32 = 4;

/// A server under load.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) secret: &'static str,
    /// Whether a reply to an Access-Request must carry Message-Authenticator.
    pub(crate) is_signing: bool,
}

/// When a round ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// How long new requests are made; without it, until all are asked.
    pub(crate) span: Option<Duration>,
    /// How long a reply is waited for until the request is sent again.
    pub(crate) patience: Duration,
}

/// What came of a round.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Outcome {
    /// Replies until the end of the span.
    pub(crate) in_time: u64,
    /// All replies.
    pub(crate) replies: u64,
    /// Requests that were sent again.
    pub(crate) repeats: u64,
    /// Requests that were never answered.
    pub(crate) lost: u64,
}

/// Who makes the requests of one socket.
pub(crate) trait Asker: Send {
    /// What a good reply is.
    const REPLY: Code;

    /// The next request under this identifier; none: it was the last one.
    fn next(&mut self, id: u8) -> Result<Option<Vec<u8>>>;
}

/// Loads a server by several askers at once, each on a socket of its own.
pub(crate) fn run<A: Asker>(target: &Target, pace: Pace, askers: Vec<A>) -> Result<Outcome> {
    let outcomes: Vec<Result<Outcome>> = thread::scope(|scope| {
        let threads: Vec<_> =
            askers.into_iter().map(|asker| scope.spawn(move || Line::open(target, pace, asker)?.run())).collect();
        threads.into_iter().map(|it| it.join().unwrap_or_else(|_| Err(anyhow!("a socket's thread died")))).collect()
    });
    let mut sum = Outcome::default();
    for outcome in outcomes {
        let outcome = outcome?;
        sum.in_time += outcome.in_time;
        sum.replies += outcome.replies;
        sum.repeats += outcome.repeats;
        sum.lost += outcome.lost;
    }
    Ok(sum)
}

/// A request under way.
struct Slot {
    bytes: Vec<u8>,
    sent: Instant,
    sends: u32,
}

/// A socket at work.
struct Line<'a, A> {
    target: &'a Target,
    pace: Pace,
    end: Option<Instant>,
    asker: A,
    socket: UdpSocket,
    /// By identifier.
    slots: Vec<Option<Slot>>,
    outcome: Outcome,
}

impl<'a, A: Asker> Line<'a, A> {
    fn open(target: &'a Target, pace: Pace, asker: A) -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(target.address)?;
        socket.set_read_timeout(Some(LOOK))?;
        let (slots, outcome) = ((0..OUTSTANDING).map(|_| None).collect(), Outcome::default());
        Ok(Self { target, pace, end: pace.span.map(|span| Instant::now() + span), asker, socket, slots, outcome })
    }

    fn run(mut self) -> Result<Outcome> {
        for id in 0..OUTSTANDING {
            self.ask(id)?;
        }
        let mut buffer = [0; MAX_PACKET];
        let mut looked = Instant::now();
        while self.slots.iter().any(Option::is_some) {
            match self.socket.recv(&mut buffer) {
                Ok(length) => self.take(buffer.get(..length).unwrap_or_default())?,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error).context("the server does not listen any more"),
            }
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                self.repeat()?;
            }
        }
        Ok(self.outcome)
    }

    /// Makes the next request of an identifier, while there is time.
    fn ask(&mut self, id: u8) -> Result<()> {
        let now = Instant::now();
        let is_over = self.end.is_some_and(|end| now >= end);
        let next = if is_over { None } else { self.asker.next(id)? };
        if let Some(bytes) = &next {
            self.socket.send(bytes)?;
        }
        let slot = self.slots.get_mut(usize::from(id)).context("no such identifier")?;
        *slot = next.map(|bytes| Slot { bytes, sent: now, sends: 1 });
        Ok(())
    }

    /// Takes a reply; that of a request which is over is the answer to a repeat.
    fn take(&mut self, datagram: &[u8]) -> Result<()> {
        let packet = Packet::parse(datagram)?;
        let Some(Some(slot)) = self.slots.get(usize::from(packet.id())) else { return Ok(()) };
        let request = Packet::parse(&slot.bytes)?;
        let signature = match packet.verify_reply(self.target.secret.as_bytes(), request.authenticator()) {
            Ok(signature) => signature,
            // The late answer to a repeat of what had this identifier before.
            Err(_) if self.outcome.repeats > 0 => return Ok(()),
            Err(reason) => bail!("a reply is wrong: {reason}"),
        };
        ensure!(packet.code() == A::REPLY, "{:?} instead of {:?}", packet.code(), A::REPLY);
        let needs = self.target.is_signing && packet.code() == Code::AccessAccept;
        ensure!(!needs || signature == Signature::Valid, "a reply without Message-Authenticator");
        self.outcome.replies += 1;
        if self.end.is_none_or(|end| Instant::now() < end) {
            self.outcome.in_time += 1;
        }
        self.ask(packet.id())
    }

    /// Sends again what waits for long, and gives up what waits too long.
    fn repeat(&mut self) -> Result<()> {
        for place in &mut self.slots {
            let Some(slot) = place.as_mut().filter(|slot| slot.sent.elapsed() >= self.pace.patience) else { continue };
            if slot.sends >= SENDS {
                self.outcome.lost += 1;
                *place = None;
                continue;
            }
            (slot.sent, slot.sends) = (Instant::now(), slot.sends + 1);
            self.socket.send(&slot.bytes)?;
            self.outcome.repeats += 1;
        }
        Ok(())
    }
}

/// A user of the bench; both servers know him by the same name and password.
pub(crate) fn login(user: usize) -> String {
    format!("user{user}")
}

/// Where the client program of a user sits.
fn station(user: usize) -> String {
    format!("10.{}.{}.{}", user >> 16 & 0xff, user >> 8 & 0xff, user & 0xff)
}

/// What every request has.
fn request(code: Code, id: u8, random: [u8; 16], user: usize) -> Builder<'static> {
    let mut builder = Builder::request(code, id, random);
    builder.put_text(number::USER_NAME, &login(user));
    builder.put(number::NAS_IP_ADDRESS, &[127, 0, 0, 1]);
    builder.put_text(number::NAS_IDENTIFIER, "bench");
    builder.put_text(number::CALLING_STATION_ID, &station(user));
    builder.put_integer(number::NAS_PORT_TYPE, 0);
    builder
}

/// Numbers without order: splitmix64. The kernel's generator would cost as much as a request does.
#[derive(Debug)]
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new() -> Self {
        Self(u64::from_le_bytes(Random::System.bytes()))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0..bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 1).unwrap_or_default() % bound.max(1)
    }

    fn authenticator(&mut self) -> [u8; 16] {
        (u128::from(self.next()) << 64 | u128::from(self.next())).to_le_bytes()
    }
}

/// Logins by PAP.
pub(crate) struct Logins {
    pub(crate) users: Arc<[usize]>,
    pub(crate) password: &'static str,
    pub(crate) secret: &'static str,
    pub(crate) numbers: Numbers,
    pub(crate) order: Order,
}

/// Which user comes next.
pub(crate) enum Order {
    /// Any.
    Random,
    /// Each once, every so manieth of them beginning with the first one named.
    Each { next: usize, step: usize },
}

impl Asker for Logins {
    const REPLY: Code = Code::AccessAccept;

    fn next(&mut self, id: u8) -> Result<Option<Vec<u8>>> {
        let index = match &mut self.order {
            Order::Random => self.numbers.below(self.users.len()),
            Order::Each { next, step } => std::mem::replace(next, *next + *step),
        };
        let Some(&user) = self.users.get(index) else { return Ok(None) };
        let (secret, random) = (self.secret.as_bytes(), self.numbers.authenticator());
        let mut builder = request(Code::AccessRequest, id, random, user).signed();
        let hidden = password::hide(secret, &random, self.password.as_bytes()).context("the password is too long")?;
        builder.put(number::USER_PASSWORD, &hidden);
        Ok(Some(builder.finish(secret)?))
    }
}

/// Accounting: each identifier tells of one session after the other, from Start to Stop.
pub(crate) struct Sessions {
    users: usize,
    secret: &'static str,
    numbers: Numbers,
    slots: Vec<Session>,
}

/// A session of a slot.
#[derive(Debug, Clone, Default)]
struct Session {
    user: usize,
    id: String,
    /// Reports made so far.
    reports: u32,
}

impl Sessions {
    pub(crate) fn new(users: usize, secret: &'static str) -> Self {
        let slots = vec![Session { reports: REPORTS, ..Session::default() }; usize::from(OUTSTANDING)];
        Self { users, secret, numbers: Numbers::new(), slots }
    }
}

impl Asker for Sessions {
    const REPLY: Code = Code::AccountingResponse;

    fn next(&mut self, id: u8) -> Result<Option<Vec<u8>>> {
        let session = self.slots.get_mut(usize::from(id)).context("no such identifier")?;
        if session.reports == REPORTS {
            let number = self.numbers.next();
            *session = Session { user: self.numbers.below(self.users), id: format!("{number:016x}"), reports: 0 };
        }
        let step = session.reports;
        session.reports += 1;
        // Told as if it had begun some minutes ago, so that time goes on within it.
        let time = step * 60;
        let now = u32::try_from(Clock::System.now().0 / 1_000)?;
        let mut builder = request(Code::AccountingRequest, id, [0; 16], session.user);
        builder.put_text(number::ACCT_SESSION_ID, &session.id);
        builder.put_integer(number::NAS_PORT, u32::from(id));
        builder.put(number::FRAMED_IP_ADDRESS, &[10, 255, 0, id]);
        builder.put_integer(number::EVENT_TIMESTAMP, now.saturating_sub(REPORTS * 60) + time);
        builder.put_integer(
            number::ACCT_STATUS_TYPE,
            if step == 0 {
                1
            } else if step == REPORTS - 1 {
                2
            } else {
                3
            },
        );
        if step > 0 {
            builder.put_integer(number::ACCT_SESSION_TIME, time);
            builder.put_integer(number::ACCT_INPUT_OCTETS, step * 1_000_000);
            builder.put_integer(number::ACCT_OUTPUT_OCTETS, step * 9_000_000);
            builder.put_integer(number::ACCT_INPUT_PACKETS, step * 2_000);
            builder.put_integer(number::ACCT_OUTPUT_PACKETS, step * 8_000);
        }
        if step == REPORTS - 1 {
            builder.put_integer(number::ACCT_TERMINATE_CAUSE, 1);
        }
        Ok(Some(builder.finish(self.secret.as_bytes())?))
    }
}
