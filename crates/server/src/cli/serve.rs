//! `serve` and its names in the original, `runProd` and `runDebug`

use std::net::SocketAddr;

use clap::Args;

use super::{BadUsage, Global, open};
use crate::{
    config::{Config, Sources},
    serve::{self, Listeners, log},
};

/// What kind of server is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Serve,
    Prod,
    Debug,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    addresses: Addresses,
}

/// Where to listen.
#[derive(Debug, Args)]
pub(crate) struct Addresses {
    /// Address and port of the shared HTTP listener [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Address and port of /metrics, /healthz and /readyz [default: 127.0.0.1:9090]
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics_listen: Option<String>,
    /// Own listener of the oa surface
    #[arg(long, value_name = "ADDRESS:PORT")]
    oa_listen: Option<String>,
    /// Own listener of the bastion surface
    #[arg(long, value_name = "ADDRESS:PORT")]
    bastion_listen: Option<String>,
    /// Own listener of the vpn surface
    #[arg(long, value_name = "ADDRESS:PORT")]
    vpn_listen: Option<String>,
    /// Own listener of the billing surface
    #[arg(long, value_name = "ADDRESS:PORT")]
    billing_listen: Option<String>,
    /// Own listener of the panel surface
    #[arg(long, value_name = "ADDRESS:PORT")]
    panel_listen: Option<String>,
    /// Address and port of the ssh door [default: 127.0.0.1:2222]
    #[arg(long, value_name = "ADDRESS:PORT")]
    ssh_listen: Option<String>,
    /// UDP address and port of the radius door for logins [default: 127.0.0.1:1812]
    #[arg(long, value_name = "ADDRESS:PORT")]
    radius_auth: Option<String>,
    /// UDP address and port of the radius door for accounting [default: 127.0.0.1:1813]
    #[arg(long, value_name = "ADDRESS:PORT")]
    radius_acct: Option<String>,
    /// Address of proxy nodes that name none [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    proxy_listen: Option<String>,
}

impl Addresses {
    /// Adds those that were given.
    pub(crate) fn add_to(self, sources: &mut Sources) {
        sources.flag("--listen", "http.listen", self.listen);
        sources.flag("--metrics-listen", "metrics.listen", self.metrics_listen);
        sources.flag("--oa-listen", "oa.listen", self.oa_listen);
        sources.flag("--bastion-listen", "bastion.listen", self.bastion_listen);
        sources.flag("--vpn-listen", "vpn.listen", self.vpn_listen);
        sources.flag("--billing-listen", "billing.listen", self.billing_listen);
        sources.flag("--panel-listen", "panel.listen", self.panel_listen);
        sources.flag("--ssh-listen", "ssh.listen", self.ssh_listen);
        sources.flag("--radius-auth", "radius.auth", self.radius_auth);
        sources.flag("--radius-acct", "radius.acct", self.radius_acct);
        sources.flag("--proxy-listen", "proxy.listen", self.proxy_listen);
    }
}

impl Serve {
    pub(crate) async fn run(self, global: &Global, mode: Mode) -> anyhow::Result<()> {
        let mut sources = if mode == Mode::Serve { global.sources() } else { global.sources_as_original() };
        self.addresses.add_to(&mut sources);
        if mode == Mode::Debug {
            sources.flag("runDebug", "log.filter", Some("debug"));
        }
        let mut config = Config::load(sources)?;
        if let Some(refusal) = config.serving_refusal() {
            return Err(BadUsage(refusal).into());
        }
        let copy = (mode == Mode::Debug).then(|| config.data_dir.join("log/vpnHelper.log"));
        log::init(&config.log, copy.as_deref())?;
        let listeners = Listeners::bind(&config)?;
        // Users may reach what everybody may: but a machine whose forwarded headers are believed could be made to lie.
        let trusted = &config.http.trusted_proxies.0;
        let is_public = |address: &SocketAddr| !address.ip().is_loopback() && !address.ip().is_unspecified();
        let targets = listeners.targets(|at| is_public(at) && !trusted.iter().any(|net| net.contains(&at.ip())));
        config.settings.proxy.egress_allow.extend(targets);
        let (app, password) = open::open_app(&config).await?;
        if let Some(password) = password {
            open::tell_password(&password)?;
        }
        serve::run(app, &config, listeners, |_, listeners| serve::announce(listeners)).await
    }
}
