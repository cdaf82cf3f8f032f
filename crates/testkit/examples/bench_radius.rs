//! The radius door beside FreeRADIUS: logins by PAP, durable accounting, publication of changes.
//!
//! `authentication`, `accounting`, `publish` or `orders` as argument does one part; further words are the number of users (100,000) and
//! the seconds of a round (5). Both servers run for the whole time, and take the same load in turn from a generator of
//! this program, which checks every reply's authenticators. CPU per request is user and system time of the server's
//! process, all threads and what they do in the background included; requests a second depend on who else has the cores.
//!
//! Ours has its users hashed in the database, as always. A login is warm when the same one was right a moment ago; warming up
//! all 100,000 would be half an hour of hashing, so that only [`WARM`] random ones log in. FreeRADIUS has clear passwords in
//! a `users` file, and for accounting `rlm_sql` with SQLite, as Debian sets it up, whose commits are as durable as ours.

#![expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench prints its figures, and stops where something is odd"
)]

#[path = "bench_radius/load.rs"]
mod load;
#[path = "bench_radius/orders.rs"]
mod orders;
#[path = "bench_radius/ours.rs"]
mod ours;
#[path = "bench_radius/publish.rs"]
mod publish;

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    net::{Ipv4Addr, SocketAddr},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use gatehouse_testkit::{Installation, RunningServer, peer::FreeRadius};

use load::{Logins, Numbers, OUTSTANDING, Order, Outcome, Pace, SOCKETS, Sessions, Target, login};

const USERS: usize = 100_000;
const SECONDS: u64 = 5;
const ROUNDS: usize = 5;
/// Users who log in.
const WARM: usize = 2_000;
/// Threads of FreeRADIUS that take logins.
const THREADS: usize = 4;
/// Those that take accounting, each with its connection: SQLite lets only one write, and those that wait sleep longer than they must.
const ACCOUNTING_THREADS: usize = 1;
/// Everybody's.
const PASSWORD: &str = "correct-horse-battery";
/// Goal of our CPU for a login, as a part of FreeRADIUS's.
const CPU_GOAL: f64 = 0.6;
/// When a login is sent again: its packet was lost in a socket's full buffer.
const LOGIN_PATIENCE: Duration = Duration::from_millis(500);
/// When a report is sent again: later, as it may wait for the disk behind all others.
const REPORT_PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let is_number = |text: &String| text.bytes().all(|byte| byte.is_ascii_digit());
    let (numbers, words): (Vec<_>, Vec<_>) = args.iter().partition(|text| is_number(text));
    let parts = ["authentication", "accounting", "publish", "orders"];
    ensure!(
        words.len() <= 1 && numbers.len() <= 2 && words.iter().all(|word| parts.contains(&word.as_str())),
        "usage: cargo xtask bench radius [{}] [USERS] [SECONDS]",
        parts.join("|")
    );
    let does = |part: &str| words.first().is_none_or(|word| *word == part);
    let users = numbers.first().map_or(Ok(USERS), |text| text.parse())?;
    let seconds = Duration::from_secs(numbers.get(1).map_or(Ok(SECONDS), |text| text.parse())?);

    if does("orders") {
        orders::measure(users).await?;
    }
    if words.first().is_some_and(|word| *word == "orders") {
        return Ok(());
    }
    let installation = ours::install(users).await?;
    let server = installation.serve("serve");
    println!(
        "{SOCKETS} sockets with {OUTSTANDING} requests under way each; {ROUNDS} rounds of {} s for each server in turn",
        seconds.as_secs()
    );
    if does("authentication") {
        authentication(&server, users, seconds).await?;
    }
    if does("accounting") {
        accounting(&installation, &server, users, seconds).await?;
    }
    if does("publish") {
        publish::measure(&installation, &server, users).await?;
    }
    server.stop();
    Ok(())
}

fn users_file(users: usize) -> Result<String> {
    let mut text = String::new();
    for user in 0..users {
        // Replies like ours.
        writeln!(text, "{} Cleartext-Password := \"{PASSWORD}\"", login(user))?;
        writeln!(text, "\tService-Type = Framed-User,\n\tSession-Timeout = 3600,\n\tAcct-Interim-Interval = 60")?;
    }
    Ok(text)
}

/// A server and what was measured of it, round by round.
struct Column {
    name: &'static str,
    pid: u32,
    target: Target,
    /// Replies a second.
    rate: Vec<f64>,
    /// Microseconds of CPU for a reply.
    cpu: Vec<f64>,
    repeats: u64,
    lost: u64,
}

impl Column {
    fn ours(server: &RunningServer, port: &str) -> Result<Self> {
        let target = Target { address: ours::address(server, port)?, secret: ours::SECRET, is_signing: true };
        Ok(Self::new("gatehouse", server.pid(), target))
    }

    fn theirs(freeradius: &FreeRadius, port: u16) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self::new("FreeRADIUS", freeradius.pid(), Target { address, secret: FreeRadius::SECRET, is_signing: false })
    }

    fn new(name: &'static str, pid: u32, target: Target) -> Self {
        Self { name, pid, target, rate: Vec::new(), cpu: Vec::new(), repeats: 0, lost: 0 }
    }

    /// Does one round and notes its figures.
    fn measure(&mut self, pace: Pace, load: impl FnOnce(&Target, Pace) -> Result<Outcome>) -> Result<()> {
        let before = cpu_seconds(self.pid)?;
        let outcome = load(&self.target, pace)?;
        let cpu = cpu_seconds(self.pid)? - before;
        ensure!(outcome.replies > 0, "{} does not answer", self.name);
        self.rate.push(outcome.in_time as f64 / pace.span.context("a round has an end")?.as_secs_f64());
        self.cpu.push(cpu * 1e6 / outcome.replies as f64);
        self.repeats += outcome.repeats;
        self.lost += outcome.lost;
        Ok(())
    }
}

/// Interleaved rounds, the order turning from one to the next; the first one warms up and does not count.
fn rounds(columns: &mut [Column; 2], pace: Pace, load: impl Fn(&Target, Pace) -> Result<Outcome>) -> Result<()> {
    for round in 0..=ROUNDS {
        for step in 0..columns.len() {
            let index = (round + step) % columns.len();
            let column = columns.get_mut(index).context("no such server")?;
            column.measure(pace, &load)?;
            if round == 0 {
                (column.rate, column.cpu, column.repeats, column.lost) = (Vec::new(), Vec::new(), 0, 0);
            }
        }
    }
    Ok(())
}

/// Prints both and gives the ratios of the medians, ours to theirs: requests a second, CPU.
fn report(columns: &[Column; 2]) -> (f64, f64) {
    for Column { name, rate, cpu, repeats, lost, .. } in columns {
        let each = |values: &[f64]| values.iter().map(|value| format!("{value:.0}")).collect::<Vec<_>>().join(" ");
        let (per_second, micros) = (median(rate.clone()), median(cpu.clone()));
        println!("  {name:10} {per_second:>8.0}/s  CPU {micros:>7.1} us a request  sent again {repeats}, lost {lost}");
        println!("             rounds: {} /s; CPU {} us", each(rate), each(cpu));
    }
    let [ours, theirs] = columns;
    let ratio = |pick: fn(&Column) -> &Vec<f64>| median(pick(ours).clone()) / median(pick(theirs).clone());
    (ratio(|column| &column.rate), ratio(|column| &column.cpu))
}

async fn authentication(server: &RunningServer, users: usize, seconds: Duration) -> Result<()> {
    let freeradius = FreeRadius::start_for_load(&users_file(users)?, THREADS).await?;
    let mut columns = [Column::ours(server, "radius-auth")?, Column::theirs(&freeradius, freeradius.port())];
    let warm: Arc<[usize]> = pick(users, WARM).into();
    let askers = |secret: &'static str, order: fn(usize) -> Order| -> Vec<Logins> {
        let asker = |socket| Logins {
            users: Arc::clone(&warm),
            password: PASSWORD,
            secret,
            numbers: Numbers::new(),
            order: order(socket),
        };
        (0..SOCKETS).map(asker).collect()
    };
    let [ours, _] = &columns;
    let (started, before) = (Instant::now(), cpu_seconds(ours.pid)?);
    // Each waits for its hash.
    let pace = Pace { span: None, patience: Duration::from_mins(2) };
    let outcome =
        load::run(&ours.target, pace, askers(ours.target.secret, |next| Order::Each { next, step: SOCKETS }))?;
    ensure!(outcome.replies == warm.len() as u64, "{} of {} users were let in", outcome.replies, warm.len());
    let cpu = (cpu_seconds(ours.pid)? - before) * 1e3 / outcome.replies as f64;
    println!(
        "\nPAP: {} random users of {users} log in, others never (one cold login each took {:.0} s, {cpu:.1} ms of CPU a login)",
        warm.len(),
        started.elapsed().as_secs_f64()
    );
    ours::settled(server).await?;
    let pace = Pace { span: Some(seconds), patience: LOGIN_PATIENCE };
    rounds(&mut columns, pace, |target, pace| load::run(target, pace, askers(target.secret, |_| Order::Random)))?;
    let (rate, cpu) = report(&columns);
    println!("  CPU of gatehouse / FreeRADIUS {cpu:.2} (goal: at most {CPU_GOAL}); requests a second {rate:.2}");
    Ok(())
}

async fn accounting(
    installation: &Installation,
    server: &RunningServer,
    users: usize,
    seconds: Duration,
) -> Result<()> {
    let freeradius = FreeRadius::start_for_load("", ACCOUNTING_THREADS).await?;
    let port = freeradius.accounting_port().context("FreeRADIUS keeps no accounting")?;
    let mut columns = [Column::ours(server, "radius-acct")?, Column::theirs(&freeradius, port)];
    ours::settled(server).await?;
    println!(
        "\nAccounting on SQLite, Start, two Interims and Stop of sessions of random users, on the disk before the reply"
    );
    let pace = Pace { span: Some(seconds), patience: REPORT_PATIENCE };
    rounds(&mut columns, pace, |target, pace| {
        load::run(target, pace, (0..SOCKETS).map(|_| Sessions::new(users, target.secret)).collect())
    })?;
    let (rate, cpu) = report(&columns);
    println!("  requests a second of gatehouse / FreeRADIUS {rate:.2} (goal: at least 1); CPU {cpu:.2}");
    println!(
        "  sessions in the database: gatehouse {}, FreeRADIUS {}",
        ours::sessions(installation).await?,
        their_sessions(&freeradius)?
    );
    Ok(())
}

/// How many sessions FreeRADIUS has on the disk.
fn their_sessions(freeradius: &FreeRadius) -> Result<String> {
    let script =
        "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute('SELECT COUNT(*) FROM radacct').fetchone())";
    let done = Command::new("python3").args(["-c", script]).arg(freeradius.accounting_file()).output()?;
    ensure!(done.status.success(), "python3: {}", String::from_utf8_lossy(&done.stderr));
    Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
}

/// So many different users out of all, or all if there are fewer.
fn pick(users: usize, count: usize) -> Vec<usize> {
    let (mut numbers, mut picked) = (Numbers::new(), BTreeSet::new());
    while picked.len() < count.min(users) {
        picked.insert(numbers.below(users));
    }
    picked.into_iter().collect()
}

/// User and system time of a process.
fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<_> = stat.rsplit_once(") ").context("no name")?.1.split(' ').collect();
    let ticks = |at: usize| Ok::<_, anyhow::Error>(fields.get(at).context("a short line")?.parse::<f64>()?);
    // Fields 14 and 15 of proc(5), in hundredths on every Linux.
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn worst(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
