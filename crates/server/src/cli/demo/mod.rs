//! `demo`: everything on loopback, with sample data and one ready-to-paste command for each surface and door

mod billing;
mod house;
mod print;
mod sshd;
mod target;
mod vpn;

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use gatehouse_domain::Actor;
use gatehouse_model::Origin;

use super::{BadUsage, Global, open, serve::Addresses};
use crate::{
    config::Config,
    serve::{self, Listeners, log},
};

/// The file that tells a demo's data directory from an installation.
const MARK: &str = "demo";

#[derive(Debug, Args)]
pub(crate) struct Demo {
    #[command(flatten)]
    addresses: Addresses,
}

impl Demo {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let mut sources = global.sources();
        self.addresses.add_to(&mut sources);
        let is_given = global.data_dir.is_some() || sources.env.iter().any(|(name, _)| name == "GATEHOUSE__DATA_DIR");
        let fresh = (!is_given).then(fresh_directory);
        sources.flag("demo", "data_dir", fresh.as_ref().map(|path| path.display()));
        let mut config = Config::load(sources)?;
        if let Some((key, ip)) = config.outside_loopback() {
            return Err(BadUsage(format!(
                "the demo listens on loopback only, its passwords are public: {key} is {ip}; use `gatehouse serve` for others"
            ))
            .into());
        }
        config.settings.bastion.compat.default_admin = true;
        config.settings.login.keep_clear_password = true;
        billing::configure(&mut config.settings.billing);
        if let Some(refusal) = config.serving_refusal() {
            return Err(BadUsage(refusal).into());
        }
        log::init(&config.log, None)?;
        let listeners = Listeners::bind(&config)?;
        // What the printed proxy commands fetch is the demo itself.
        config.settings.proxy.egress_allow.extend(listeners.targets(|_| true));
        let outcome = serve_demo(&config, listeners).await;
        if let Some(path) = fresh.filter(|path| path.exists()) {
            std::fs::remove_dir_all(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
        outcome
    }
}

async fn serve_demo(config: &Config, listeners: Listeners) -> anyhow::Result<()> {
    let mark = config.data_dir.join(MARK);
    let (app, new_password) = open::open_app(config).await?;
    if new_password.is_none() && !mark.exists() {
        let place = config.data_dir.display();
        return Err(BadUsage(format!(
            "{place} holds an installation that no demo made; choose another with --data-dir"
        ))
        .into());
    }
    std::fs::write(&mark, "Made by `gatehouse demo`: its passwords are known to everybody.\n")?;
    let token = house::furnish(&app).await.context("cannot make the sample data")?;
    let vpn_secret =
        vpn::furnish(&app.ctx(Actor::Operator, Origin::Cli)).await.context("cannot make the demo's VPN")?;
    let subscription =
        billing::furnish(&app.ctx(Actor::Operator, Origin::Cli)).await.context("cannot make the demo's subscriber")?;
    let data_dir = config.data_dir.clone();
    let sshd = if config.bastion.enabled || config.settings.ssh.enabled {
        sshd::Sshd::start(&app, &data_dir).await.context("cannot start the demo's target")?
    } else {
        None
    };
    let target = match &sshd {
        Some(sshd) => {
            let ctx = app.ctx(Actor::Operator, Origin::Cli);
            Some(target::furnish(&ctx, sshd).await.context("cannot make the demo's resource")?)
        }
        None => None,
    };
    let prefix = config.bastion.prefix.clone();
    let vpn_prefix = config.vpn.prefix.clone();
    let billing = (config.billing.prefix.clone(), subscription);
    let printed = print::Printed { data_dir, token, prefix, target, vpn_prefix, vpn_secret, billing };
    let outcome =
        serve::run(app, config, listeners, move |app, listeners| print::when_ready(app, listeners, printed)).await;
    if let Some(sshd) = sshd {
        sshd.stop().await.context("the demo's sshd does not end")?;
    }
    outcome
}

fn fresh_directory() -> PathBuf {
    let name = hex::encode(gatehouse_domain::Random::System.bytes::<6>());
    std::env::temp_dir().join(format!("gatehouse-demo-{name}"))
}
