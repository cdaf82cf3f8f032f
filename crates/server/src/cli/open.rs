//! Opens the installation for a command: the same database a running server works on.

use std::sync::Arc;

use anyhow::Context;
use gatehouse_domain::{Actor, App, Clock, Ctx, Open, Random, seal::KeyRing};
use gatehouse_model::{Origin, Secret};
use gatehouse_store::{Db, OpenOptions};
use gatehouse_upstream::{Upstream, captcha, mail, payment, push, telegram};

use super::{Global, output};
use crate::{
    config::{Config, Synchronous},
    serve::log,
};

/// An installation opened by a command, acting as the operator.
pub(crate) struct Opened {
    /// As configured.
    pub(crate) config: Config,
    /// The operator's context.
    pub(crate) ctx: Ctx,
}

impl Opened {
    /// Closes the database in order.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        Ok(self.ctx.app.stop().await?)
    }
}

/// Opens it for one command of the operator.
pub(crate) async fn open(global: &Global) -> anyhow::Result<Opened> {
    open_configured(global.load()?).await
}

/// As [`open`], with a configuration that was read already.
pub(crate) async fn open_configured(config: Config) -> anyhow::Result<Opened> {
    log::init_quiet()?;
    let (app, password) = open_app(&config).await?;
    if let Some(password) = password {
        tell_password(&password)?;
    }
    Ok(Opened { config, ctx: app.ctx(Actor::Operator, Origin::Cli) })
}

/// The migrations a command that opens this installation will apply.
pub(crate) async fn pending(config: &Config) -> anyhow::Result<Vec<String>> {
    config.make_data_dir()?;
    let db = Db::open(&config.database_url(), &store_options(config)).await.context("cannot open the database")?;
    let pending = db.pending_migrations().await;
    db.close().await;
    Ok(pending?)
}

/// Makes the data directory and opens keys and database; gives the administrator's password if this made it.
pub(crate) async fn open_app(config: &Config) -> anyhow::Result<(App, Option<Secret>)> {
    config.make_data_dir()?;
    let random = Random::System;
    let keys = KeyRing::open(&config.key_ring_file, &random)
        .with_context(|| format!("cannot use the key ring {}", config.key_ring_file.display()))?;
    let open = Open {
        database_url: Secret::new(config.database_url()),
        options: store_options(config),
        keys,
        settings: config.settings.clone(),
        clock: Clock::System,
        random: random.clone(),
    };
    // It would make the future of every command large.
    let (app, password) = Box::pin(App::open(open)).await.context("cannot open the database")?;
    // For the server as for `check-login`: both decide alike.
    app.serve_external(Arc::new(Upstream::new(random)));
    // Commands reverse payments and order them as the server does.
    let billing = &app.settings().billing;
    app.serve_payments(payment::providers(billing));
    app.serve_mail(mail::mailer(app.random().clone(), app.settings().panel.mail_ca_file.clone()));
    app.serve_telegram(telegram::bot(&app.settings().panel.telegram_api, app.clock().clone()));
    app.serve_captcha(captcha::captcha(&app.settings().panel));
    if let Some(sender) = push::sender(&billing.push, app.clock().clone()) {
        app.serve_push(sender);
    }
    Ok((app, password))
}

/// How the store opens a database.
fn store_options(config: &Config) -> OpenOptions {
    let default = OpenOptions::default();
    OpenOptions {
        sqlite_synchronous_full: config.database.synchronous == Synchronous::Full,
        max_readers: config.database.max_connections.unwrap_or(default.max_readers),
        pg_max_connections: config.database.max_connections.unwrap_or(default.pg_max_connections),
        ..default
    }
}

/// Shows it once, on standard error, so that it never mixes with a command's result.
pub(crate) fn tell_password(password: &Secret) -> std::io::Result<()> {
    output::note("this database is new; its administrator, shown only now:")?;
    output::note(format_args!("  login     administrator\n  password  {}", password.expose()))
}
