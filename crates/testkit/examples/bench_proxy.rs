//! The proxy door: CPU and throughput beside sing-box, then memory and latencies at 100,000 users.
//!
//! `speed` or `users` as argument does one half. In the first, one client at a time fetches 1 GiB from nginx through each
//! server in turn, the order turning from round to round, and every figure is a median. CPU is what the server's process
//! used, the figure to trust: throughput is shared with client, origin and this program on the same cores. `speed`
//! takes further words: the number of rounds, and a protocol to do alone.

#![expect(
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a bench prints its figures, and stops where something is odd"
)]

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use gatehouse_domain::{
    Actor, App, account,
    apply::{self, Applied, Mode, StateFile},
    proxy::{
        credential::{ss_client_password, ss2022_user_key},
        manage::NodeSpec,
        node,
        settings::NodeSettings,
        user,
    },
};
use gatehouse_model::{NodeKind, Origin, SsCipher};
use gatehouse_testkit::{
    Installation, RunningServer,
    peer::{
        Client, Nginx, Peer, Protocol, RealServer, SelfSigned, Server, Socks, Target, Tls, trusting_client_config,
        wait_for,
    },
    server::http_client,
};
use rustls::{ClientConnection, StreamOwned, pki_types::ServerName};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const ROUNDS: usize = 5;
const FILE: usize = 1 << 30;
const SERVER_NAME: &str = "proxy.example.com";
const NODES: [&str; 5] = ["ss-2022", "classic", "trojan", "vless", "hysteria"];
const FLOWS: usize = 200;
const CHANGES: usize = 20;

#[tokio::main]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let part = args.first().map(String::as_str);
    if part != Some("users") {
        let rounds = args.get(1).map_or(Ok(ROUNDS), |text| text.parse())?;
        speed(rounds, args.get(2).map(String::as_str)).await?;
    }
    if part != Some("speed") {
        users().await?;
    }
    Ok(())
}

fn client_of(node: &str) -> Client {
    match node {
        "ss-2022" => Client::SslocalRust,
        "classic" => Client::SsLocal,
        "trojan" => Client::Trojan,
        _ => Client::SingBox,
    }
}

fn spec(name: &str) -> NodeSpec {
    let shadowsocks = |cipher: SsCipher| NodeSettings {
        cipher: Some(cipher),
        allow_classic: !cipher.is_2022(),
        ..Default::default()
    };
    let (kind, settings) = match name {
        "ss-2022" => (NodeKind::Shadowsocks, shadowsocks(SsCipher::Blake3Aes256Gcm)),
        "classic" => (NodeKind::Shadowsocks, shadowsocks(SsCipher::Aes256Gcm)),
        other => {
            let kind = match other {
                "trojan" => NodeKind::Trojan,
                "vless" => NodeKind::Vless,
                _ => NodeKind::Hysteria,
            };
            (kind, NodeSettings { server_name: Some(SERVER_NAME.to_owned()), ..Default::default() })
        }
    };
    NodeSpec {
        kind,
        code: name.to_owned(),
        name: name.to_owned(),
        remark: None,
        host: "127.0.0.1".to_owned(),
        port: 0,
        server_port: 0,
        listen_ip: None,
        rate: 100,
        is_enabled: true,
        is_shown: true,
        sort: None,
        transfer_cap: None,
        groups: BTreeSet::from(["default".to_owned()]),
        settings,
        content: None,
    }
}

async fn install(origin: &Nginx) -> Result<Installation> {
    let binary = std::env::var_os("GATEHOUSE_BIN").context("run it as `cargo xtask bench proxy`")?;
    let config = format!(
        "[oa]\nclose_doors_on_delete_request = true\n[proxy]\negress_allow = [\"127.0.0.1/32:{}\"]\n",
        origin.peer().address().port()
    );
    let installation = Installation::new(binary);
    installation.write("gatehouse.toml", &config);
    installation.save(&NODES.map(spec)).await?;
    Ok(installation)
}

/// Makes the users `user0` to `user{count - 1}`.
async fn apply(installation: &Installation, count: usize) -> Result<()> {
    let accounts: Vec<_> = (0..count).map(|n| json!({ "login": format!("user{n}"), "proxy": {} })).collect();
    let file: StateFile = serde_json::from_value(json!({ "account": accounts }))?;
    let app = installation.app().await?;
    let applied = apply::apply(&app.ctx(Actor::Operator, Origin::Cli), &file, Mode::Write).await?;
    ensure!(matches!(applied, Applied::Done(_)), "{applied:?}");
    Ok(app.stop().await?)
}

/// What a client of the last user needs to know, node by node.
async fn servers(app: &App) -> Result<Vec<(String, Server)>> {
    let uuid = user::all(app).await?.last().context("no user")?.uuid;
    let mut found = Vec::new();
    for node in &app.live().nodes().nodes {
        let tls = || Tls { server_name: SERVER_NAME.to_owned(), certificate_sha256: String::new() };
        let protocol = match &node.protocol {
            node::Protocol::Shadowsocks { cipher, server_key, .. } if cipher.is_2022() => Protocol::Ss2022 {
                method: cipher.as_str().to_owned(),
                server_key: BASE64_STANDARD.encode(server_key),
                user_key: BASE64_STANDARD.encode(ss2022_user_key(uuid, *cipher)),
            },
            node::Protocol::Shadowsocks { cipher, server_key, .. } => Protocol::SsClassic {
                method: cipher.as_str().to_owned(),
                password: ss_client_password(uuid, *cipher, server_key).expose().to_owned(),
            },
            node::Protocol::Trojan(..) => Protocol::Trojan { password: uuid.to_string(), tls: tls(), path: None },
            node::Protocol::Vless(..) => Protocol::Vless { uuid: uuid.to_string(), tls: tls(), path: None },
            node::Protocol::Hysteria(_) => Protocol::Hysteria { password: uuid.to_string(), tls: tls() },
            node::Protocol::Remote(_) => bail!("a remote node"),
        };
        let port = node.client_port().context("a node does not listen")?;
        found.push((node.name.clone(), Server { host: "127.0.0.1".to_owned(), port, protocol }));
    }
    Ok(found)
}

/// Waits until every node listens and the user table is loaded, and opens the same database beside the server.
async fn settled(installation: &Installation, server: &RunningServer, count: usize) -> Result<App> {
    let app = installation.app().await?;
    wait_for("the nodes and the user table", async || {
        app.live().refresh(&app).await?;
        let is_loaded = server.metrics().await?.contains(&format!("\ngatehouse_proxy_users {count}\n"));
        Ok(is_loaded && app.live().nodes().nodes.iter().all(|node| node.client_port().is_some()))
    })
    .await?;
    Ok(app)
}

/// One server under test and a client that leads through it.
struct Way {
    server: &'static str,
    pid: u32,
    socks: Socks,
    /// Seconds of CPU per 10^9 bytes and 10^6 bytes per second, of each round.
    cpu: Vec<f64>,
    rate: Vec<f64>,
    _peers: Vec<Peer>,
}

async fn speed(rounds: usize, only: Option<&str>) -> Result<()> {
    let origin = Nginx::start(&vec![0x5a; FILE]).await?;
    let installation = install(&origin).await?;
    apply(&installation, 1).await?;
    let gatehouse = installation.serve("serve");
    let app = settled(&installation, &gatehouse, 1).await?;
    let certificate = SelfSigned::new(SERVER_NAME)?;
    println!("{:8} {:10} {:>12} {:>8} {:>10} {:>8}", "", "", "CPU s/GB", "goal 1.1", "MB/s", "goal .95");
    for (name, server) in servers(&app).await? {
        if only.is_some_and(|only| only != name) {
            continue;
        }
        let client = client_of(&name);
        let mut ways = vec![Way::new("gatehouse", gatehouse.pid(), client.start(&server).await?, None)];
        let mut peers = vec![("sing-box", RealServer::SingBox)];
        match name.as_str() {
            "classic" => peers.push(("ss-server", RealServer::SsServer)),
            "trojan" => peers.push(("trojan", RealServer::Trojan { fallback: origin.peer().address().port() })),
            _ => {}
        }
        for (label, peer) in peers {
            let (process, server) = peer.start(server.protocol.clone(), &certificate).await?;
            ways.push(Way::new(label, process.pid(), client.start(&server).await?, Some(process)));
        }
        for way in &ways {
            // Warms up caches, buffers and connections; not measured.
            way.download(origin.peer().address()).await?;
        }
        for round in 0..rounds {
            for step in 0..ways.len() {
                let index = (round + step) % ways.len();
                let way = ways.get_mut(index).context("no such way")?;
                way.measure(origin.peer().address()).await?;
            }
        }
        let medians: Vec<_> = ways.into_iter().map(|way| (way.server, median(way.cpu), median(way.rate))).collect();
        let (_, base_cpu, base_rate) = *medians.get(1).context("no sing-box")?;
        for (server, cpu, rate) in medians {
            let (cpu_ratio, rate_ratio) = (cpu / base_cpu, rate / base_rate);
            println!("{name:8} {server:10} {cpu:>12.3} {cpu_ratio:>8.2} {rate:>10.0} {rate_ratio:>8.2}");
        }
    }
    gatehouse.stop();
    Ok(())
}

impl Way {
    fn new(server: &'static str, pid: u32, client: Peer, process: Option<Peer>) -> Self {
        let socks = Socks::from(&client);
        let peers = process.into_iter().chain([client]).collect();
        Self { server, pid, socks, cpu: Vec::new(), rate: Vec::new(), _peers: peers }
    }

    async fn measure(&mut self, origin: SocketAddr) -> Result<()> {
        let (cpu, started) = (cpu_seconds(self.pid)?, Instant::now());
        let bytes = self.download(origin).await?;
        let elapsed = started.elapsed().as_secs_f64();
        self.cpu.push((cpu_seconds(self.pid)? - cpu) / (bytes / 1e9));
        self.rate.push(bytes / 1e6 / elapsed);
        Ok(())
    }

    /// Fetches the file and drops it; how many bytes came.
    async fn download(&self, origin: SocketAddr) -> Result<f64> {
        let mut stream = self.socks.connect(&Target::Address(origin)).await?;
        stream.write_all(b"GET /file HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n").await?;
        let (mut buffer, mut sum) = (vec![0; 256 << 10], 0);
        while sum < FILE {
            let read = stream.read(&mut buffer).await?;
            ensure!(read > 0, "the download through {} ended after {sum} bytes", self.server);
            sum += read;
        }
        Ok(sum as f64)
    }
}

/// User and system time of a process.
fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<_> = stat.rsplit_once(") ").context("no name")?.1.split(' ').collect();
    let ticks = |at: usize| Ok::<_, anyhow::Error>(fields.get(at).context("a short line")?.parse::<f64>()?);
    // Fields 14 and 15 of proc(5), in hundredths on every Linux.
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

/// Resident memory of a process in MB, without the files it maps: the database is one of them.
fn resident(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("no RssAnon")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? * 1024.0 / 1e6)
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

async fn users() -> Result<()> {
    let origin = Nginx::start(b"a small file").await?;
    let installation = install(&origin).await?;
    let mut empty = None;
    for count in [0, 1_000, 10_000, 100_000] {
        if count > 0 {
            let started = Instant::now();
            apply(&installation, count).await?;
            println!("{count} users: apply took {:.1} s", started.elapsed().as_secs_f64());
            if count == 100_000 {
                // The audit trail of so many creations is chained a minute later; not while something is measured.
                let app = installation.app().await?;
                tokio::time::sleep(Duration::from_secs(61)).await;
                app.seal_audit().await?;
                app.stop().await?;
            }
        }
        let started = Instant::now();
        let server = installation.serve("serve");
        let app = settled(&installation, &server, count).await?;
        let start = started.elapsed().as_secs_f64();
        // What the start used for a moment only goes back to the system after a while.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let memory = resident(server.pid())?;
        let more = memory - *empty.get_or_insert(memory);
        println!("{count} users: start {start:.2} s, resident {memory:.1} MB, {more:.1} MB more than without users");
        if count > 0 {
            flows(&app, &server, &origin, count).await?;
        }
        if count == 100_000 {
            changes(&installation, &app, &server, origin.peer().address()).await?;
        }
        server.stop();
    }
    Ok(())
}

/// How long a new flow takes until the answer of the origin, through a real client.
async fn flows(app: &App, server: &RunningServer, origin: &Nginx, count: usize) -> Result<()> {
    for (name, node) in servers(app).await?.into_iter().filter(|(name, _)| name != "classic") {
        let client = client_of(&name).start(&node).await?;
        let (mut spans, mut cpu) = (Vec::new(), 0.0);
        for flow in 0..FLOWS + 20 {
            if flow == 20 {
                (spans, cpu) = (Vec::new(), cpu_seconds(server.pid())?);
            }
            let started = Instant::now();
            let mut stream = Socks::from(&client).connect(&Target::Address(origin.peer().address())).await?;
            stream.write_all(b"HEAD /file HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n").await?;
            let mut head = [0; 15];
            stream.read_exact(&mut head).await?;
            spans.push(milliseconds(started));
            ensure!(head == *b"HTTP/1.1 200 OK", "another answer came");
        }
        let cpu = (cpu_seconds(server.pid())? - cpu) * 1e3 / FLOWS as f64;
        println!("{count} users: new {name} flow, median {:.2} ms, server CPU {cpu:.2} ms", median(spans));
    }
    Ok(())
}

/// A flow through a VLESS node, opened by this program so that nothing but the server takes time; `None`: refused.
fn open_vless(
    node: SocketAddr,
    uuid: &str,
    origin: SocketAddr,
) -> Result<Option<StreamOwned<ClientConnection, TcpStream>>> {
    let name = ServerName::try_from(SERVER_NAME)?;
    let tcp = TcpStream::connect(node)?;
    tcp.set_nodelay(true)?;
    tcp.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut tls = StreamOwned::new(ClientConnection::new(Arc::new(trusting_client_config()?), name)?, tcp);
    let mut request = vec![0];
    request.extend(hex::decode(uuid.replace('-', ""))?);
    request.extend([0, 1]);
    request.extend(origin.port().to_be_bytes());
    request.push(1);
    request.extend(Ipv4Addr::LOCALHOST.octets());
    request.extend(b"HEAD /file HTTP/1.1\r\nHost: bench\r\n\r\n");
    tls.write_all(&request)?;
    let mut answer = [0; 17];
    let is_accepted = tls.read_exact(&mut answer).is_ok() && answer == *b"\0\0HTTP/1.1 200 OK";
    Ok(is_accepted.then_some(tls))
}

/// Waits until the flow is cut.
fn wait_for_cut(mut flow: StreamOwned<ClientConnection, TcpStream>) {
    let mut rest = [0; 1024];
    while matches!(flow.read(&mut rest), Ok(1..)) {}
}

/// Adding and removing users while 100,000 are there.
async fn changes(installation: &Installation, app: &App, server: &RunningServer, origin: SocketAddr) -> Result<()> {
    let (token, url, client) = (installation.token(), server.url("http"), http_client()?);
    let call = async |endpoint: &str, name: &str| -> Result<Value> {
        let form = [("token", token.as_str()), ("username", name)];
        Ok(client.post(format!("{url}/v1/{endpoint}")).form(&form).send().await?.json().await?)
    };
    let port = servers(app).await?.iter().find(|(name, _)| name == "vless").context("no vless node")?.1.port;
    let node = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let (mut added, mut visible, mut cut, mut refused, mut other) = (vec![], vec![], vec![], vec![], vec![]);
    for n in 0..CHANGES {
        let name = format!("changed{n}");
        let started = Instant::now();
        let answer = call("generateUserProfile", &name).await?;
        ensure!(answer["StatusCode"] == 200, "{answer}");
        let uuid = loop {
            let answer = call("getConnInfoByUser", &name).await?;
            let links = answer["NodeInfos"].as_array().cloned().unwrap_or_default();
            let link = links.iter().find_map(|link| link["ConnInfo"].as_str()?.strip_prefix("vless://"));
            if let Some((uuid, _)) = link.and_then(|link| link.split_once('@')) {
                break uuid.to_owned();
            }
            ensure!(started.elapsed() < Duration::from_secs(10), "{name} does not come to exist: {answer}");
        };
        let known = Instant::now();
        let flow = loop {
            if let Some(flow) = open_vless(node, &uuid, origin)? {
                break flow;
            }
            ensure!(known.elapsed() < Duration::from_secs(10), "{name} is not admitted");
        };
        visible.push(milliseconds(known));
        added.push(milliseconds(started));
        let watcher = std::thread::spawn(move || {
            wait_for_cut(flow);
            Instant::now()
        });
        let started = Instant::now();
        call("delUserProfile", &name).await?;
        while open_vless(node, &uuid, origin)?.is_some() {
            ensure!(started.elapsed() < Duration::from_secs(10), "{name} is still admitted");
        }
        refused.push(milliseconds(started));
        let at = tokio::task::spawn_blocking(move || watcher.join()).await?;
        let at = at.map_err(|_| anyhow::anyhow!("the watcher died"))?;
        cut.push(at.saturating_duration_since(started).as_secs_f64() * 1e3);
    }
    let uuid = user::all(app).await?.first().context("no user")?.uuid.to_string();
    for _ in 0..5 {
        let ctx = app.ctx(Actor::Operator, Origin::Cli);
        let flow = open_vless(node, &uuid, origin)?.context("user0 is refused")?;
        let started = Instant::now();
        account::change::set_enabled(&ctx, "user0", false, None).await?;
        tokio::task::spawn_blocking(move || wait_for_cut(flow)).await?;
        other.push(milliseconds(started));
        account::change::set_enabled(&ctx, "user0", true, None).await?;
        let enabled = Instant::now();
        while open_vless(node, &uuid, origin)?.is_none() {
            ensure!(enabled.elapsed() < Duration::from_secs(10), "user0 is still refused");
        }
    }
    for (what, spans) in [
        ("OA creation: request to first flow", added),
        ("OA creation: link to first flow", visible),
        ("OA deletion: request to refusal", refused),
        ("OA deletion: request to running flow cut", cut),
        ("disabled by another process: flow cut", other),
    ] {
        println!("{what}: worst {:.1} ms, median {:.1} ms of {}", worst(&spans), median(spans.clone()), spans.len());
    }
    Ok(())
}
