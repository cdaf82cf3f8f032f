//! The radius door: its sockets and its start.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context;
use gatehouse_domain::App;
use gatehouse_radius::{Door, Listening, Options};

use crate::config::{Config, Listen};

/// Binds what `[radius]` asks for.
pub(super) fn bind(config: &Config) -> anyhow::Result<Listening> {
    if !config.settings.radius.enabled {
        return Ok(Listening::default());
    }
    let sockets = |Listen(addresses): &Listen, key: &str| {
        let named = addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        gatehouse_radius::bind(addresses)
            .with_context(|| format!("cannot listen on {named}; set {key} to another address"))
    };
    Ok(Listening {
        auth: sockets(&config.radius.auth, "radius.auth")?,
        acct: sockets(&config.radius.acct, "radius.acct")?,
    })
}

/// Where the door listens: name, address.
pub(super) fn addresses(listening: &Listening) -> impl Iterator<Item = (&'static str, SocketAddr)> {
    let auth = listening.auth.iter().map(|socket| ("radius-auth", socket));
    let acct = listening.acct.iter().map(|socket| ("radius-acct", socket));
    auth.chain(acct).filter_map(|(name, socket)| Some((name, socket.local_addr().ok()?)))
}

/// Starts the door; from now on this process can cut sessions.
pub(super) fn start(app: &App, listening: Listening) {
    let settings = &app.settings().radius;
    if !settings.enabled {
        return;
    }
    let options = Options {
        reject_delay: settings.reject_delay.0,
        duplicate_window: settings.duplicate_window.0,
        commands: settings.commands.clone(),
        ..Options::default()
    };
    let door = Door::new(options, app.random().clone(), app.clock().clone(), &listening);
    app.serve_enforcer(Arc::new(door.clone()));
    let running = app.clone();
    app.spawn("radius", async move {
        let stop = running.shutdown().clone();
        if let Err(error) = door.run(running, listening, stop).await {
            tracing::error!(event = "radius.failed", "the radius door cannot serve: {error}");
        }
    });
}
