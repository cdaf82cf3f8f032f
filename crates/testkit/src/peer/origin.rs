//! Web servers that hold one file: a tiny one that counts, and nginx for load.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{NO_IPV6, Peer, Program, free_port};

/// Bytes that do not compress and do not repeat, the same for the same `seed` (splitmix64).
pub fn random_bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend((word ^ (word >> 31)).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Listeners on one port of both loopback addresses. A port that was free a moment ago may be somebody else's by now.
async fn listeners() -> Result<(u16, TcpListener, TcpListener)> {
    let mut tries = 0;
    loop {
        let port = free_port()?;
        let four = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let six = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await;
        tries += 1;
        match (four, six) {
            (Ok(four), Ok(six)) => return Ok((port, four, six)),
            (Err(error), _) if tries >= 20 => return Err(error.into()),
            (_, Err(error)) if tries >= 20 => return Err(error).context(NO_IPV6),
            _ => {}
        }
    }
}

/// Answers every HTTP request with the same body and closes, on both loopback addresses, until dropped.
#[derive(Debug)]
pub struct Origin {
    port: u16,
    body: Arc<Vec<u8>>,
    requests: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl Origin {
    /// Starts on a free port.
    pub async fn start(body: Vec<u8>) -> Result<Self> {
        let (body, requests) = (Arc::new(body), Arc::new(AtomicU64::new(0)));
        let mut tasks = JoinSet::new();
        let (port, four, six) = listeners().await?;
        for listener in [four, six] {
            tasks.spawn(accept(listener, body.clone(), requests.clone()));
        }
        Ok(Self { port, body, requests, _tasks: tasks })
    }

    /// The port it has on `127.0.0.1` and on `::1`.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it answers.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// How many requests came.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

async fn accept(listener: TcpListener, body: Arc<Vec<u8>>, requests: Arc<AtomicU64>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (body, requests) = (body.clone(), requests.clone());
        connections.spawn(async move {
            // A client that goes away in the middle is its own business.
            let _ = answer(stream, &body, &requests).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(mut stream: TcpStream, body: &[u8], requests: &AtomicU64) -> Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        ensure!(head.len() < 65_536 && stream.read_buf(&mut head).await? > 0, "no whole request came");
    }
    requests.fetch_add(1, Ordering::Relaxed);
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    stream.write_all(answer.as_bytes()).await?;
    stream.write_all(body).await?;
    stream.shutdown().await?;
    Ok(())
}

/// nginx on 127.0.0.1 with one file, `/file`: the origin for load, where the small one would be the bottleneck.
#[derive(Debug)]
pub struct Nginx(Peer);

impl Nginx {
    /// Starts it with that content.
    pub async fn start(file: &[u8]) -> Result<Self> {
        let (folder, port) = (Peer::folder()?, free_port()?);
        fs::write(folder.path().join("file"), file)?;
        // One process, so that killing it ends all of it; every path lies in the peer's own folder.
        let configuration = format!(
            "daemon off; master_process off; pid nginx.pid; error_log stderr;
             events {{ worker_connections 4096; }}
             http {{
                access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000;
                client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
                uwsgi_temp_path uwsgi; scgi_temp_path scgi;
                server {{ listen 127.0.0.1:{port}; root .; }}
             }}"
        );
        fs::write(folder.path().join("nginx.conf"), configuration)?;
        let prefix = folder.path().to_owned();
        let args = ["-p".into(), prefix.into_os_string(), "-c".into(), "nginx.conf".into()];
        Ok(Self(Peer::start(Program::Debian("nginx"), args, folder, port).await?))
    }

    /// The process behind it.
    pub fn peer(&self) -> &Peer {
        &self.0
    }
}
