//! The server for native clients: listening, limits before the login, host key (specs/bastion.md §9).

mod bridge;
mod channel;
mod client;
mod forward;
mod menu;
mod name;
mod proxied;
mod sftp;
mod text;

use std::{
    borrow::Cow,
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Duration,
};

use gatehouse_domain::{App, Result, signing};
use ipnet::IpNet;
use russh::{
    MethodKind, MethodSet, SshId,
    keys::{HashAlg, PrivateKey, ssh_key::private::Ed25519Keypair},
    server::{Config, run_stream},
};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{Instant, sleep, sleep_until, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Inner,
    place::{Limits, Place, Places},
    target::{
        IDENTIFICATION, algorithm,
        wire::{Gate, Wire},
    },
};
use client::Client;

/// Setting that holds the host key.
const HOST_KEY: &str = "ssh.host_key";
/// Input of one connection that waits for its target before nothing more is read, bytes; and at most, where the client's own
/// window is waited for.
const INPUT: (usize, usize) = (1 << 20, 16 << 20);
/// Window of each channel, bytes.
const WINDOW: u32 = 2 << 20;
/// The same while much input waits.
const SMALL_WINDOW: u32 = 64 << 10;
/// The same while so much waits that nothing is read but what is urgent. The library gives a window back when data arrives, not
/// when it is used, and asks how large the next one is to be only then, from half of it on: with 2 a client that sends what its
/// window allows comes to a stop, and still shows from time to time, with a byte or two, that it would go on.
const NO_WINDOW: u32 = 2;
/// From so much on a lot of input waits.
const MUCH: i64 = 256 << 10;
/// Rejections take at least so long.
const REJECTION: Duration = Duration::from_millis(100);
/// A client that vanished is found by TCP within about two minutes.
const KEEPALIVE: Duration = Duration::from_mins(1);
/// How long channels may take to say why they end.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Pause after `accept` failed, as when files run out.
const AGAIN: Duration = Duration::from_millis(100);

/// Sockets that listen for native clients, and the key that answers.
pub struct Listening {
    listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    fingerprint: String,
    config: Arc<Config>,
    proxies: Vec<IpNet>,
}

impl Listening {
    /// Takes over sockets that listen; reads the host key, and makes it at the first start. Peers of `proxies` begin with a
    /// header of the PROXY protocol, which says whose connection it is.
    pub async fn new(app: &App, listeners: Vec<TcpListener>, proxies: Vec<IpNet>) -> Result<Self> {
        let key = host_key(app).await?;
        let fingerprint = key.public_key().fingerprint(HashAlg::Sha256).to_string();
        let addresses = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
        Ok(Self { listeners, addresses, fingerprint, config: Arc::new(config(app, key)), proxies })
    }

    /// Where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// `SHA256:…` of the host key, to be shown to whoever connects first.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Takes connections until the process is asked to stop; those that are open last until `stop`.
    pub(crate) fn serve(self, app: &App, inner: &Arc<Inner>, stop: &CancellationToken) {
        let service = Arc::new(Service {
            app: app.clone(),
            inner: inner.clone(),
            config: self.config,
            proxies: self.proxies,
            waiting: Arc::default(),
            stop: stop.clone(),
        });
        for listener in self.listeners {
            app.spawn("ssh.listen", accept(service.clone(), listener));
        }
    }
}

/// The host key: 32 bytes of a sealed setting are the seed of an ed25519 key.
async fn host_key(app: &App) -> Result<PrivateKey> {
    let keys = signing::load(app, HOST_KEY).await?;
    Ok(PrivateKey::from(Ed25519Keypair::from_seed(keys.current()?.secret())))
}

fn config(app: &App, key: PrivateKey) -> Config {
    let tries = usize::try_from(app.settings().ssh.max_tries).unwrap_or(6);
    Config {
        server_id: SshId::Standard(Cow::Borrowed(IDENTIFICATION)),
        methods: methods(),
        auth_rejection_time: REJECTION,
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![key],
        window_size: WINDOW,
        channel_buffer_size: INPUT.1 / 128,
        preferred: algorithm::offered(),
        // Clients begin with a question for the methods, which counts as one.
        max_auth_attempts: tries + 1,
        inactivity_timeout: None,
        keepalive_interval: None,
        nodelay: true,
        ..Config::default()
    }
}

fn methods() -> MethodSet {
    MethodSet::from([MethodKind::PublicKey, MethodKind::Password, MethodKind::KeyboardInteractive].as_slice())
}

/// What every connection needs.
pub(crate) struct Service {
    app: App,
    inner: Arc<Inner>,
    config: Arc<Config>,
    /// Peers that say whose connection it is.
    proxies: Vec<IpNet>,
    /// Connections that have not logged in yet are few.
    waiting: Arc<Places<IpAddr>>,
    stop: CancellationToken,
}

impl Service {
    fn limits(&self) -> Limits {
        let settings = &self.app.settings().ssh;
        Limits { in_all: settings.max_unauthenticated, of_one: settings.max_unauthenticated_per_address }
    }
}

async fn accept(service: Arc<Service>, listener: TcpListener) {
    let app = service.app.clone();
    loop {
        let accepted = tokio::select! {
            () = app.shutdown().cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => app.spawn("ssh.connection", connection(service.clone(), stream, peer)),
            Err(error) => {
                tracing::warn!(event = "ssh.accept_failed", error = %error, "cannot take a connection");
                sleep(AGAIN).await;
            }
        }
    }
}

/// A connection whose client is known.
struct Received {
    client: IpAddr,
    place: Place<IpAddr>,
    /// What was read behind the header.
    rest: Vec<u8>,
}

/// Finds out whose connection it is, and gives it a place among those that have not logged in yet.
async fn receive(service: &Service, stream: &mut TcpStream, peer: IpAddr, deadline: Instant) -> Option<Received> {
    let limits = service.limits();
    let enter = |client, limits| service.waiting.enter(client, limits);
    if !service.proxies.iter().any(|network| network.contains(&peer)) {
        return Some(Received { client: peer, place: enter(peer, limits)?, rest: Vec::new() });
    }
    // The clients of a proxy are many, and none of them is known yet.
    let waiting = enter(peer, Limits { of_one: limits.in_all, ..limits })?;
    let header = timeout_at(deadline, proxied::read(stream)).await.ok().flatten();
    drop(waiting);
    let Some((client, rest)) = header else {
        tracing::debug!(event = "ssh.proxy_header_missing", %peer, "a proxy did not say whose connection it is");
        return None;
    };
    let client = client.unwrap_or(peer);
    Some(Received { client, place: enter(client, limits)?, rest })
}

async fn connection(service: Arc<Service>, mut stream: TcpStream, peer: SocketAddr) {
    let deadline = Instant::now() + service.app.settings().ssh.login_deadline.0;
    let received = receive(&service, &mut stream, peer.ip().to_canonical(), deadline).await;
    let Some(Received { client, place, rest }) = received else {
        metrics::counter!("gatehouse_ssh_refused_total").increment(1);
        return;
    };
    if stream.set_nodelay(true).is_err() {
        return;
    }
    // Without it a client that vanished is noticed later; that is all.
    let _ = SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE));
    let gate = Gate::with(INPUT.0, INPUT.1);
    let entered = CancellationToken::new();
    let channels = TaskTracker::new();
    let line = Arc::new(OnceLock::new());
    let client =
        Client::new(service.clone(), client, gate.clone(), place, entered.clone(), channels.clone(), line.clone());
    let wire = Wire::after(rest, stream, gate.clone());
    let starting = run_stream(service.config.clone(), wire, client);
    let Ok(Ok(mut session)) = timeout_at(deadline, starting).await else {
        gate.cut();
        return;
    };
    let handle = session.handle();
    // It is set once.
    let _ = line.set(handle.clone());
    tokio::select! {
        _ = &mut session => return,
        () = sleep_until(deadline) => {}
        () = entered.cancelled() => {}
        () = service.stop.cancelled() => {}
    }
    if !entered.is_cancelled() {
        gate.cut();
        return;
    }
    tokio::select! {
        _ = &mut session => {}
        () = service.stop.cancelled() => {
            channels.close();
            // Channels say why they end. A client that does not listen is not waited for.
            let _ = timeout(LAST_WORDS, channels.wait()).await;
            let farewell = handle.disconnect(russh::Disconnect::ByApplication, String::new(), String::new());
            let _ = timeout(Duration::from_millis(200), farewell).await;
            let _ = timeout(Duration::from_millis(200), gate.gone().cancelled()).await;
            gate.cut();
        }
    }
}
