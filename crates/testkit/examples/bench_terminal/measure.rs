//! The measures of specs/bastion.md §15.1.

use std::{
    fmt,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, future::try_join_all};
use gatehouse_testkit::peer::WebSocket;
use tokio::{net::TcpListener, time::sleep};
use tokio_tungstenite::{accept_async, tungstenite::Message};

use crate::{
    server::World,
    term::{Kind, Term},
};

const LONG: Duration = Duration::from_mins(10);
const FLOOD: &str = "yes 0123456789012345678901234567890123456789012345678901234567890123456789\n";
const IDLE: usize = 200;

/// One round of one kind.
pub(crate) struct Figures([f64; 10]);

impl Figures {
    pub(crate) const NAMES: [&str; 10] = [
        "open, s",
        "throughput, MiB/s",
        "server CPU, s per throughput run",
        "echo p50, ms",
        "echo p99, ms",
        "echo p50 under flood, ms",
        "echo p99 under flood, ms",
        "Ctrl-C, s",
        "KiB after Ctrl-C",
        "fan-out of 8, MiB/s",
    ];

    pub(crate) fn values(&self) -> &[f64] {
        &self.0
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in Self::NAMES.iter().zip(self.0) {
            write!(f, "{name} {value:.3}; ")?;
        }
        Ok(())
    }
}

pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 50)
}

fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// What this client could read if nothing else were slow.
pub(crate) async fn ceiling() -> Result<f64> {
    const TOTAL: usize = 256 << 20;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let serving = async {
        let mut socket = accept_async(listener.accept().await?.0).await?;
        for _ in 0..TOTAL / (32 << 10) {
            socket.send(Message::Text("x".repeat(32 << 10).into())).await?;
        }
        anyhow::Ok(())
    };
    let reading = async {
        let mut socket = WebSocket::open(address, "/", &[]).await?;
        let start = Instant::now();
        socket.output(TOTAL).await?;
        anyhow::Ok(mib(TOTAL) / start.elapsed().as_secs_f64())
    };
    Ok(tokio::try_join!(serving, reading)?.1)
}

/// Every measure that needs no fresh server.
pub(crate) async fn all(world: &World, kind: Kind) -> Result<Figures> {
    let open = opening(world, kind).await.context("open")?;
    let (throughput, cpu) = throughput(world, kind).await.context("throughput")?;
    let mut term = world.open(kind).await?;
    let echo = echoes(&mut term, 1_000).await.context("echo")?;
    drop(term);
    let flooded = echo_under_flood(world, kind).await.context("echo under flood")?;
    let (stop, late) = interrupt(world, kind).await.context("Ctrl-C")?;
    let fan = match fan_out(world, kind).await.context("fan-out") {
        // Eight at once are now and then more than the peer lets in: it forgets a login before its socket comes.
        Err(error) if kind == Kind::Webssh => {
            println!("{kind:?} lost a session of eight: {error:#}");
            f64::NAN
        }
        fan => fan?,
    };
    let percentiles = |samples: &[f64]| (percentile(samples, 50), percentile(samples, 99));
    let ((p50, p99), (f50, f99)) = (percentiles(&echo), percentiles(&flooded));
    Ok(Figures([open, throughput, cpu, p50, p99, f50, f99, stop, late, fan]))
}

async fn opening(world: &World, kind: Kind) -> Result<f64> {
    let mut spans = Vec::new();
    for _ in 0..5 {
        let start = Instant::now();
        drop(world.open(kind).await?);
        spans.push(start.elapsed().as_secs_f64());
    }
    Ok(median(&spans))
}

async fn throughput(world: &World, kind: Kind) -> Result<(f64, f64)> {
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let mut term = world.open(kind).await?;
        let (before, start) = (cpu(world, kind), Instant::now());
        term.send(&format!("cat {}; printf '<D0%s>\\n' NE\n", world.file.display())).await?;
        let bytes = term.expect("<D0NE>", LONG).await?;
        rates.push(mib(bytes) / start.elapsed().as_secs_f64());
        costs.push(cpu(world, kind) - before);
    }
    Ok((median(&rates), median(&costs)))
}

/// Milliseconds from each key to its echo.
async fn echoes(term: &mut Term, keys: usize) -> Result<Vec<f64>> {
    term.send("stty echo; cat > /dev/null\n").await?;
    sleep(Duration::from_millis(400)).await;
    term.hush().await;
    let mut spans = Vec::new();
    for (number, key) in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"].iter().cycle().take(keys).enumerate() {
        let start = Instant::now();
        term.send(key).await?;
        term.expect(key, Duration::from_secs(20)).await?;
        spans.push(start.elapsed().as_secs_f64() * 1e3);
        if number % 500 == 499 {
            term.send("\n").await?;
            term.hush().await;
        }
        sleep(Duration::from_millis(2)).await;
    }
    Ok(spans)
}

async fn echo_under_flood(world: &World, kind: Kind) -> Result<Vec<f64>> {
    let mut flood = world.open(kind).await?;
    flood.send(FLOOD).await?;
    let reading = async {
        loop {
            if let Err(error) = flood.receive().await {
                return anyhow::Error::context(error, "the flood ended");
            }
        }
    };
    let typing = async {
        sleep(Duration::from_millis(500)).await;
        let mut term = world.open(kind).await?;
        echoes(&mut term, 250).await
    };
    tokio::select! {
        error = reading => Err(error),
        typed = typing => typed,
    }
}

/// Seconds to the prompt after Ctrl-C, and KiB that still arrive.
async fn interrupt(world: &World, kind: Kind) -> Result<(f64, f64)> {
    let (mut spans, mut late) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let mut term = world.open(kind).await?;
        term.send("trap : INT; yes 0123456789012345678901234567890123456789; printf '<ST%s>\\n' OP\n").await?;
        let until = Instant::now() + Duration::from_secs(1);
        while Instant::now() < until {
            term.receive().await?;
        }
        let start = Instant::now();
        term.send("\u{3}").await?;
        late.push(term.expect("<STOP>", LONG).await? as f64 / 1024.0);
        spans.push(start.elapsed().as_secs_f64());
    }
    Ok((median(&spans), median(&late)))
}

async fn fan_out(world: &World, kind: Kind) -> Result<f64> {
    let mut terms = try_join_all((0..8).map(|_| world.open(kind))).await?;
    let size = std::fs::metadata(&world.file)?.len() / 8;
    let start = Instant::now();
    let shown = terms.iter_mut().map(async |term| {
        term.send(&format!("head -c {size} {}; printf '<D0%s>\\n' NE\n", world.file.display())).await?;
        term.expect("<D0NE>", LONG).await
    });
    let bytes: usize = try_join_all(shown).await?.into_iter().sum();
    Ok(mib(bytes) / start.elapsed().as_secs_f64())
}

/// What a stalled reader and idle terminals cost a fresh server.
pub(crate) async fn memory(mib: usize, kind: Kind) -> Result<String> {
    let world = World::start(mib).await?;
    let mut term = world.open(kind).await?;
    let before = resident(&world, kind)?;
    // Whatever is sent while nobody reads has to wait somewhere.
    term.send("seq 1 2000000; printf '<D0%s>\\n' NE\n").await?;
    let mut peak = before;
    for _ in 0..40 {
        sleep(Duration::from_millis(250)).await;
        peak = peak.max(resident(&world, kind)?);
    }
    let expected: usize = (1..=2_000_000_u32).map(|number| number.to_string().len() + 2).sum::<usize>() + 8;
    let seen = term.expect("<D0NE>", LONG).await?;
    drop(term);
    let loss = expected.abs_diff(seen);
    let world = World::start(mib).await?;
    for _ in 0..5 {
        drop(world.open(kind).await?);
    }
    sleep(Duration::from_secs(1)).await;
    let warm = resident(&world, kind)?;
    let mut idle = Vec::new();
    for _ in 0..IDLE {
        idle.push(world.open(kind).await?);
    }
    sleep(Duration::from_secs(1)).await;
    let (each, used) = ((resident(&world, kind)? - warm) / IDLE as f64, cpu(&world, kind));
    sleep(Duration::from_secs(5)).await;
    let load = (cpu(&world, kind) - used) / 5.0 * 100.0;
    let growth = (peak - before) / 1024.0;
    Ok(format!("stalled for 10 s: {growth:.2} MiB, {loss} bytes off; {IDLE} idle: {each:.0} KiB each, CPU {load:.1} %"))
}

/// KiB of memory of a server.
fn resident(world: &World, kind: Kind) -> Result<f64> {
    let pid = world.pid(kind).context("no server")?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    match line.split_whitespace().next() {
        Some(kib) => Ok(kib.parse()?),
        None => bail!("no number in {line}"),
    }
}

/// CPU seconds of a server so far; not a number for raw ssh, which has none.
fn cpu(world: &World, kind: Kind) -> f64 {
    let read = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", world.pid(kind)?)).ok()?;
        let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
        Some((ticks(11)? + ticks(12)?) / 100.0)
    };
    read().unwrap_or(f64::NAN)
}
