//! Serving: listeners, surfaces, doors, and their end.

mod http;
mod listen;
mod lock;
pub(crate) mod log;
mod pages;
mod radius;
pub(crate) mod signal;
mod site;
mod tls;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use axum::Router;
use gatehouse_domain::{App, proxy::egress::EgressRule};
use gatehouse_kit::TrustedProxies;
use gatehouse_ssh::{Door, Listening};
use tokio::{net::TcpListener, sync::Semaphore, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    cli::output,
    config::{Config, SshListen, SurfaceConfig},
};
use http::Server;
use lock::Lock;
use site::Site;

/// Connections of the metrics listener; it answers even when the others are full.
const METRICS_CONNECTIONS: usize = 64;

/// Files the process needs beside the HTTP connections: database, log, doors.
const SPARE_FILES: u64 = 512;

/// After the HTTP connections: how long doors and tasks may take to end (specs/proxy.md §15 promises 10 s).
const TASKS_END: Duration = Duration::from_secs(12);

/// Bound sockets and the right to serve. Taken before the database is opened, so that a taken port changes nothing.
pub(crate) struct Listeners {
    shared: Vec<TcpListener>,
    oa: Vec<TcpListener>,
    bastion: Vec<TcpListener>,
    vpn: Vec<TcpListener>,
    billing: Vec<TcpListener>,
    panel: Vec<TcpListener>,
    ssh: Vec<TcpListener>,
    radius: gatehouse_radius::Listening,
    metrics: Vec<TcpListener>,
    tls: Option<Arc<tls::Tls>>,
    _lock: Lock,
}

impl Listeners {
    /// Binds what the configuration asks for and reads the certificate.
    pub(crate) fn bind(config: &Config) -> anyhow::Result<Self> {
        let none = crate::config::Listen::default();
        let own = if config.oa.enabled { &config.oa.listen } else { &none };
        let bastion = if config.bastion.enabled { &config.bastion.listen } else { &none };
        let vpn = if config.vpn.enabled { &config.vpn.listen } else { &none };
        let billing = if config.billing.enabled { &config.billing.listen } else { &none };
        let panel = if config.panel.enabled { &config.panel.listen } else { &none };
        let ssh = if config.settings.ssh.enabled { &config.ssh.listen } else { &none };
        let metrics = if config.metrics.enabled { &config.metrics.listen } else { &none };
        Ok(Self {
            tls: tls::Tls::load(config.http.tls.as_ref())?,
            shared: listen::bind(&config.http.listen, "http.listen")?,
            oa: listen::bind(own, "oa.listen")?,
            bastion: listen::bind(bastion, "bastion.listen")?,
            vpn: listen::bind(vpn, "vpn.listen")?,
            billing: listen::bind(billing, "billing.listen")?,
            panel: listen::bind(panel, "panel.listen")?,
            ssh: listen::bind(ssh, "ssh.listen")?,
            radius: radius::bind(config)?,
            metrics: listen::bind(metrics, "metrics.listen")?,
            _lock: Lock::take(config)?,
        })
    }

    /// Where they listen: name, address.
    pub(crate) fn addresses(&self) -> Vec<(&'static str, SocketAddr)> {
        let named = [
            ("http", &self.shared),
            ("oa", &self.oa),
            ("bastion", &self.bastion),
            ("vpn", &self.vpn),
            ("billing", &self.billing),
            ("panel", &self.panel),
            ("ssh", &self.ssh),
        ];
        let listeners = named.into_iter().flat_map(|(name, list)| list.iter().map(move |listener| (name, listener)));
        let metrics = self.metrics.iter().map(|listener| ("metrics", listener));
        let address = |(name, listener): (&'static str, &TcpListener)| Some((name, listener.local_addr().ok()?));
        let radius = radius::addresses(&self.radius);
        listeners.filter_map(address).chain(radius).chain(metrics.filter_map(address)).collect()
    }

    /// The HTTP listeners a test picks, as entries of `proxy.egress_allow`; never the metrics one.
    pub(crate) fn targets(&self, picks: impl Fn(&SocketAddr) -> bool) -> Vec<EgressRule> {
        let public = self
            .addresses()
            .into_iter()
            .filter(|(name, _)| !matches!(*name, "metrics" | "ssh" | "radius-auth" | "radius-acct"))
            .map(|(_, address)| address);
        public.filter(picks).map(EgressRule::listener).collect()
    }

    /// The base URL under which a surface is reached.
    pub(crate) fn base_url(&self, surface: &str) -> String {
        let first = |wanted: &str| self.addresses().into_iter().find(|(name, _)| *name == wanted);
        let address = first(surface).or_else(|| first("http")).map(|(_, address)| address.to_string());
        format!("{}://{}", self.scheme(), address.unwrap_or_default())
    }

    fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}

/// Prints where the server listens, one line per listener: `name  URL`.
pub(crate) fn announce(listeners: &Listeners) -> std::io::Result<()> {
    for (name, address) in listeners.addresses() {
        let (scheme, path) = match name {
            "metrics" => ("http", "/metrics"),
            "ssh" => ("ssh", ""),
            "radius-auth" | "radius-acct" => ("udp", ""),
            _ => (listeners.scheme(), ""),
        };
        output::line(format_args!("{name:<8} {scheme}://{address}{path}"))?;
    }
    Ok(())
}

/// Serves until a signal, then ends everything in order: no new connections, requests and flows finish, counters are
/// written, the database is closed. `ready` runs once everything listens.
pub(crate) async fn run(
    app: App,
    config: &Config,
    listeners: Listeners,
    ready: impl FnOnce(&App, &Listeners) -> std::io::Result<()>,
) -> anyhow::Result<()> {
    let signals = signal::Signals::new().context("cannot listen to signals")?;
    let files = signal::raise_open_files();
    let connections = connection_limit(config.http.max_connections, files);
    if connections < config.http.max_connections {
        let wanted = config.http.max_connections;
        tracing::warn!("http.max_connections = {wanted} is cut to {connections}: {files} files may be open");
    }
    let recorder = pages::install_recorder()?;
    app.spawn("metrics", pages::upkeep(app.clone(), recorder.clone()));
    app.start(&process_name()).await.context("cannot register this process")?;

    let server = |connections: usize, tls| {
        Arc::new(Server {
            permits: Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS))),
            header_timeout: config.http.header_timeout.0,
            proxies: TrustedProxies::new(config.http.trusted_proxies.0.iter().copied()),
            tls,
            stop: app.shutdown().clone(),
            kill: CancellationToken::new(),
            connections: TaskTracker::new(),
        })
    };
    let public = server(connections, listeners.tls.clone());
    let private = server(METRICS_CONNECTIONS, None);
    let signals = signals.obey(app.shutdown().clone(), listeners.tls.clone());
    warn_of_hidden_nodes(&app);
    start_proxy(&app);
    let sites = sites(&app, config);
    ready(&app, &listeners)?;
    start_ssh(&app, listeners.ssh, &config.ssh).await?;
    radius::start(&app, listeners.radius);

    let metrics = Arc::new(Site::new(pages::health(app.clone()).merge(pages::metrics(recorder))));
    for (list, server, site) in [
        (listeners.shared, &public, sites.shared),
        (listeners.oa, &public, sites.oa),
        (listeners.bastion, &public, sites.bastion),
        (listeners.vpn, &public, sites.vpn),
        (listeners.billing, &public, sites.billing),
        (listeners.panel, &public, sites.panel),
        (listeners.metrics, &private, metrics),
    ] {
        for listener in list {
            app.spawn("http.accept", Arc::clone(server).accept(listener, Arc::clone(&site)));
        }
    }

    let ended = async {
        app.shutdown().cancelled().await;
        tokio::join!(public.finish(config.http.drain.0), private.finish(config.http.drain.0));
        app.tracker().close();
        // Terminals have begun to end with the signal, but may take longer than the rest.
        let tasks_end = TASKS_END.max(app.settings().terminal.drain.0 + Duration::from_secs(2));
        if timeout(tasks_end, app.tracker().wait()).await.is_err() {
            tracing::warn!("{} tasks did not end in time and are given up", app.tracker().len());
        }
        app.stop().await.context("the database was not closed in order")
    };
    // Beside the end, not before it: a second signal counts until the last moment.
    tokio::select! {
        ended = ended => ended?,
        () = signals => {}
    }
    tracing::info!("stopped");
    Ok(())
}

/// Warns of nodes nobody can reach.
fn warn_of_hidden_nodes(app: &App) {
    let default = app.settings().proxy.listen;
    for node in app.live().nodes().nodes.iter().filter(|node| node.is_hidden_behind_loopback(default)) {
        tracing::warn!(
            "node {} ({}): users are sent to {}, but it listens on loopback only",
            node.id,
            node.name,
            node.host
        );
    }
}

/// How many connections are held: as configured, but never so many that doors and database find no file left.
pub(crate) fn connection_limit(configured: usize, open_files: u64) -> usize {
    configured.min(usize::try_from(open_files.saturating_sub(SPARE_FILES)).unwrap_or(usize::MAX).max(1))
}

/// The sites of the listeners.
struct Sites {
    shared: Arc<Site>,
    oa: Arc<Site>,
    bastion: Arc<Site>,
    vpn: Arc<Site>,
    billing: Arc<Site>,
    panel: Arc<Site>,
}

/// The shared site, and those of the surfaces' own listeners.
fn sites(app: &App, config: &Config) -> Sites {
    let mut shared = Site::new(pages::health(app.clone()));
    let mut oa = Site::new(Router::new());
    let mut bastion = Site::new(Router::new());
    let mut vpn = Site::new(Router::new());
    let mut billing = Site::new(Router::new());
    let mut panel = Site::new(Router::new());
    match (config.oa.enabled, config.oa.listen.0.is_empty()) {
        (true, true) => shared.add(gatehouse_oa::router(app.clone()), &config.oa),
        (true, false) => oa = Site::own(gatehouse_oa::own_router(app.clone()), &config.oa),
        (false, _) => {}
    }
    match (config.vpn.enabled, config.vpn.listen.0.is_empty()) {
        (true, true) => shared.add(gatehouse_vpn::router(app.clone()), &config.vpn),
        (true, false) => vpn = Site::own(gatehouse_vpn::own_router(app.clone()), &config.vpn),
        (false, _) => {}
    }
    match (config.billing.enabled, config.billing.listen.0.is_empty()) {
        (true, true) => shared.add(gatehouse_billing::router(app.clone()), &config.billing),
        (true, false) => billing = Site::own(gatehouse_billing::own_router(app.clone()), &config.billing),
        (false, _) => {}
    }
    match (config.panel.enabled, config.panel.listen.0.is_empty()) {
        (true, true) => shared.add(gatehouse_panel::router(app.clone()), &config.panel),
        (true, false) => panel = Site::own(gatehouse_panel::own_router(app.clone()), &config.panel),
        (false, _) => {}
    }
    // The surface itself puts its prefix before its paths, as it also stands in its cookies.
    let (prefix, placed) = (&config.bastion.prefix, SurfaceConfig { prefix: String::new(), ..config.bastion.clone() });
    match (config.bastion.enabled, config.bastion.listen.0.is_empty()) {
        (true, true) => shared.add(gatehouse_bastion::router(app.clone(), prefix), &placed),
        (true, false) => bastion = Site::own(gatehouse_bastion::own_router(app.clone(), prefix), &placed),
        (false, _) => {}
    }
    Sites {
        shared: Arc::new(shared),
        oa: Arc::new(oa),
        bastion: Arc::new(bastion),
        vpn: Arc::new(vpn),
        billing: Arc::new(billing),
        panel: Arc::new(panel),
    }
}

/// Starts the door to targets; web terminals need it even where nobody listens for native clients.
async fn start_ssh(app: &App, listeners: Vec<TcpListener>, config: &SshListen) -> anyhow::Result<()> {
    let door = Door::new();
    app.serve_terminals(Arc::new(door.clone()));
    let listening = if listeners.is_empty() {
        None
    } else {
        let proxies = config.trusted_proxies.0.clone();
        let listening = Listening::new(app, listeners, proxies).await.context("cannot make the ssh door's host key")?;
        tracing::info!(fingerprint = listening.fingerprint(), "the ssh door's host key");
        Some(listening)
    };
    let running = app.clone();
    app.spawn("ssh", async move { door.run(running, listening).await });
    Ok(())
}

fn start_proxy(app: &App) {
    if !app.settings().proxy.enabled {
        return;
    }
    app.spawn("proxy", gatehouse_proxy::run(app.clone()));
}

/// Names the process among those that share the database.
fn process_name() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{host}/{}", std::process::id())
}
