//! The oa surface: creations beside a bare loop of the same transaction, queries beside a constant answer.
//!
//! Each figure is the median of three interleaved rounds on one machine that also runs the load. The server is the real
//! binary in demo mode (SQLite, `synchronous = FULL`), the bare loop the same three inserts, one commit each, on the same
//! kind of file with one caller and nothing else.

#![expect(
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a bench prints its figures, and stops where something is odd"
)]

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use gatehouse_domain::{Clock, Random};
use gatehouse_store::{
    Db, OpenOptions,
    audit::{self, AuditRow},
    job, oa_user,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(4);
const CONNECTIONS: usize = 64;

#[tokio::main]
async fn main() -> Result<()> {
    let binary = PathBuf::from(std::env::var_os("GATEHOUSE_BIN").context("run it as `cargo xtask bench oa`")?);
    let dir = tempfile::tempdir()?;
    let server = Server::start(&binary, dir.path()).await?;
    let names = Arc::new(AtomicU64::new(0));
    let (mut creations, mut bare, mut queries, mut constant) = (vec![], vec![], vec![], vec![]);
    let query = server.request("getConnInfoByUser", "demo");
    for round in 0..ROUNDS {
        bare.push(bare_loop(&dir.path().join(format!("bare{round}"))).await?);
        let made_before = names.load(Ordering::Relaxed);
        creations.push(creation_round(&server, &names).await?);
        let drained = Instant::now();
        server.wait_for_last(&format!("bench{}", names.load(Ordering::Relaxed) - 1)).await?;
        let made = names.load(Ordering::Relaxed) - made_before;
        println!(
            "round {round}: {made} users made; the last one existed {:?} after the last answer",
            drained.elapsed()
        );
        constant.push(round_of(&server.address, constant_request, "\"status\"", false).await?);
        queries.push(
            round_of(
                &server.address,
                {
                    let query = query.clone();
                    move || query.clone()
                },
                "\"NodeInfos\"",
                true,
            )
            .await?,
        );
    }
    let latency = server.latency_to_exists(&names, 50).await?;
    let [creations, bare, queries, constant] = [creations, bare, queries, constant].map(median);
    println!("creations/s at {CONNECTIONS} connections   {creations:>9.0}");
    println!("bare loop, transactions/s       {bare:>9.0}   ratio {:.2} (goal 0.5)", creations / bare);
    println!("queries/s (4 nodes)             {queries:>9.0}");
    println!("constant answer/s               {constant:>9.0}   ratio {:.2} (goal 0.3)", queries / constant);
    println!("idle, request to `exists`, ms   median {:.1}, worst {:.1} of 50", latency.0, latency.1);
    Ok(())
}

fn constant_request() -> Vec<u8> {
    b"GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n".to_vec()
}

fn request(token: &str, endpoint: &str, name: &str) -> Vec<u8> {
    let body = format!("token={token}&username={name}");
    let head = format!(
        "POST /v1/{endpoint} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head, body].concat().into_bytes()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

struct Server {
    child: Child,
    address: String,
    token: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    async fn start(binary: &Path, dir: &Path) -> Result<Self> {
        let log = dir.join("log");
        let child = Command::new(binary)
            .args(["demo", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"])
            .args(["--radius-auth", "127.0.0.1:0", "--radius-acct", "127.0.0.1:0", "--data-dir"])
            .arg(dir.join("data"))
            .stdout(std::fs::File::create(&log)?)
            .stderr(Stdio::null())
            .spawn()?;
        let mut server = Self { child, address: String::new(), token: String::new() };
        for _ in 0..600 {
            let text = std::fs::read_to_string(&log)?;
            let value =
                |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(|rest| rest.trim().to_owned());
            if let (Some(address), Some(token), true) = (value("http "), value("token "), text.contains("# state")) {
                address.trim_start_matches("http://").clone_into(&mut server.address);
                server.token = token;
                return Ok(server);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("the demo did not start:\n{}", std::fs::read_to_string(&log)?)
    }

    fn request(&self, endpoint: &str, name: &str) -> Vec<u8> {
        request(&self.token, endpoint, name)
    }

    async fn status(&self, endpoint: &str, name: &str) -> Result<String> {
        let mut stream = TcpStream::connect(&self.address).await?;
        let mut buffer = Vec::new();
        exchange(&mut stream, &self.request(endpoint, name), &mut buffer).await
    }

    async fn wait_for_last(&self, name: &str) -> Result<()> {
        let started = Instant::now();
        while !self.status("generateUserProfile", name).await?.contains(":405,") {
            ensure!(started.elapsed() < Duration::from_mins(5), "{name} does not come to exist");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Milliseconds from the request of a creation to its being healthy, on an idle system.
    async fn latency_to_exists(&self, names: &AtomicU64, count: usize) -> Result<(f64, f64)> {
        let mut spans = Vec::new();
        for _ in 0..count {
            let name = format!("bench{}", names.fetch_add(1, Ordering::Relaxed));
            let started = Instant::now();
            self.status("generateUserProfile", &name).await?;
            while !self.status("getConnInfoByUser", &name).await?.contains("NodeInfos") {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            spans.push(started.elapsed().as_secs_f64() * 1_000.0);
        }
        spans.sort_by(f64::total_cmp);
        Ok((spans[count / 2], spans[count - 1]))
    }
}

async fn creation_round(server: &Server, names: &Arc<AtomicU64>) -> Result<f64> {
    let (next, token) = (names.clone(), server.token.clone());
    round_of(
        &server.address,
        move || request(&token, "generateUserProfile", &format!("bench{}", next.fetch_add(1, Ordering::Relaxed))),
        "\"StatusCode\":200,",
        true,
    )
    .await
}

/// Answers per second of keep-alive connections that each send the next request when they have the answer to the last.
async fn round_of(
    address: &str,
    request: impl Fn() -> Vec<u8> + Clone + Send + 'static,
    expected: &'static str,
    is_checked: bool,
) -> Result<f64> {
    let started = Instant::now();
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (request, address) = (request.clone(), address.to_owned());
        connections.spawn(async move {
            let mut stream = TcpStream::connect(&address).await?;
            stream.set_nodelay(true)?;
            let (mut count, mut buffer) = (0_u64, Vec::new());
            while started.elapsed() < ROUND {
                let body = exchange(&mut stream, &request(), &mut buffer).await?;
                ensure!(!is_checked || body.contains(expected), "unexpected answer: {body}");
                count += 1;
            }
            Ok(count)
        });
    }
    let counts: u64 = connections.join_all().await.into_iter().sum::<Result<u64>>()?;
    Ok(counts as f64 / started.elapsed().as_secs_f64())
}

/// Sends a request and reads one answer with a Content-Length.
async fn exchange(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> Result<String> {
    stream.write_all(request).await?;
    buffer.clear();
    loop {
        ensure!(stream.read_buf(buffer).await? > 0, "the server closed the connection");
        let Some(head) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
        let length =
            text.lines().find_map(|line| line.strip_prefix("content-length: ")).and_then(|n| n.parse::<usize>().ok());
        let length = length.context("an answer without Content-Length")?;
        if buffer.len() >= head + 4 + length {
            return Ok(String::from_utf8_lossy(&buffer[head + 4..]).into_owned());
        }
    }
}

/// Transactions per second of one caller that repeats what a request for creation writes.
async fn bare_loop(dir: &Path) -> Result<f64> {
    std::fs::create_dir(dir)?;
    let db = Db::open(&format!("sqlite://{}", dir.join("bare.db").display()), &OpenOptions::default()).await?;
    db.migrate().await?;
    let (clock, random) = (Clock::System, Random::System);
    let started = Instant::now();
    let mut count = 0_u64;
    while started.elapsed() < ROUND {
        let name = format!("bench{count}");
        let now = clock.now();
        let mut tx = db.begin().await?;
        let id =
            oa_user::insert(&mut tx, &name, "local", &format!("{name}@oa.invalid"), now).await?.context("taken")?;
        job::insert(&mut tx, "oa.create", Some(&id.to_string()), None, now, now).await?;
        let row = AuditRow {
            id: 0,
            at: now,
            stream: "change".into(),
            actor_kind: "machine".into(),
            actor_id: Some(1),
            actor_name: "bench".into(),
            actor_label: None,
            origin: "oa".into(),
            action: "oa.user.create".into(),
            object_kind: "oa_user".into(),
            object_id: Some(id.0),
            object_name: name,
            outcome: "ok".into(),
            address: Some("127.0.0.1".into()),
            request_id: random.uuid().to_string(),
            detail: None,
        };
        audit::insert(&mut tx, &row).await?;
        tx.commit().await?;
        count += 1;
    }
    let rate = count as f64 / started.elapsed().as_secs_f64();
    db.close().await;
    Ok(rate)
}
