//! Flows that do not end by themselves, and the sockets behind them.

use std::{
    collections::HashSet,
    fs,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use gatehouse_testkit::peer::{Socks, Target, wait_for};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a client sends to make the fountain run.
const REQUEST: &[u8] = b"run";

/// Sends for ever to whoever asks.
pub(crate) struct Fountain {
    port: u16,
    sent: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl Fountain {
    /// On a port that was chosen already, because the server's configuration names it.
    pub(crate) async fn start(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        let sent = Arc::new(AtomicU64::new(0));
        let mut tasks = JoinSet::new();
        let counter = sent.clone();
        tasks.spawn(async move {
            let mut flows = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                flows.spawn(run(stream, counter.clone()));
            }
        });
        Self { port, sent, _tasks: tasks }
    }

    /// Bytes the system took from it so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    /// A flow through a client that is running: some of it has arrived.
    pub(crate) async fn open(&self, socks: Socks) -> Result<Download> {
        let mut stream = socks.connect(&Target::Address((Ipv4Addr::LOCALHOST, self.port).into())).await?;
        stream.write_all(REQUEST).await?;
        let mut first = vec![0; 100_000];
        timeout(PATIENCE, stream.read_exact(&mut first)).await??;
        Ok(Download { stream, received: first.len() as u64 })
    }

    /// Sockets of the server towards it.
    pub(crate) fn sockets(&self) -> usize {
        sockets(|_, remote| remote == self.port)
    }
}

async fn run(mut stream: TcpStream, sent: Arc<AtomicU64>) {
    let mut request = [0; REQUEST.len()];
    if stream.read_exact(&mut request).await.is_err() {
        return;
    }
    let block = vec![b'.'; 16 << 10];
    while let Ok(taken) = stream.write(&block).await {
        sent.fetch_add(taken as u64, Relaxed);
    }
}

/// The client's side of an endless flow.
pub(crate) struct Download {
    stream: TcpStream,
    pub(crate) received: u64,
}

impl Download {
    /// Bytes sent when it began.
    pub(crate) const UP: u64 = REQUEST.len() as u64;

    /// Reads so many bytes.
    pub(crate) async fn more(&mut self, length: usize) -> Result<()> {
        let mut buffer = vec![0; length];
        timeout(PATIENCE, self.stream.read_exact(&mut buffer)).await??;
        self.received += length as u64;
        Ok(())
    }

    /// Reads to its end, telling each time how much has come.
    pub(crate) async fn drain(&mut self, mut tell: impl FnMut(u64)) {
        let mut buffer = vec![0; 64 << 10];
        // A reset is an end as well.
        while let Ok(more @ 1..) = self.stream.read(&mut buffer).await {
            self.received += more as u64;
            tell(self.received);
        }
    }
}

/// Established or dying TCP sockets that a process still holds, by their (local port, remote port).
pub(crate) fn sockets(matching: impl Fn(u16, u16) -> bool) -> usize {
    let table = |name| fs::read_to_string(name).unwrap();
    let held = |line: &str| {
        let columns: Vec<_> = line.split_ascii_whitespace().collect();
        let port = |column: usize| u16::from_str_radix(columns[column].rsplit_once(':')?.1, 16).ok();
        let (is_listening, is_orphan) = (columns[3] == "0A", columns[9] == "0");
        Some(!is_listening && !is_orphan && matching(port(1)?, port(2)?))
    };
    let lines = table("/proc/net/tcp") + &table("/proc/net/tcp6");
    lines.lines().filter(|line| held(line) == Some(true)).count()
}

/// UDP sockets of a process.
pub(crate) fn udp_sockets(pid: u32) -> usize {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let links = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    let held: HashSet<_> = links
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.trim_end_matches(']').to_owned()))
        .collect();
    let table = fs::read_to_string("/proc/net/udp").unwrap() + &fs::read_to_string("/proc/net/udp6").unwrap();
    table.lines().filter(|line| line.split_ascii_whitespace().nth(9).is_some_and(|inode| held.contains(inode))).count()
}

/// Waits until a condition holds and says how long that took; more than `most` is a failure.
pub(crate) async fn within(most: Duration, what: &str, mut done: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    wait_for(what, async || Ok(done())).await.unwrap();
    let took = start.elapsed();
    assert!(took < most, "{what} took {took:?}");
    took
}

/// That a fetch fails, whatever its client makes of the refusal.
pub(crate) async fn refused(socks: Socks, port: u16) -> Result<()> {
    let [target, ..] = Target::loopback(port);
    let fetched = socks.get(&target, "/").await;
    ensure!(fetched.is_err(), "{} bytes came", fetched.map(|(body, _)| body.len()).unwrap_or_default());
    Ok(())
}
