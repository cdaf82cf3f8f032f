//! A database with one concentrator and one user, and a door before it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use gatehouse_domain::{
    Actor, App,
    radius::nas::{self, NasSettings, NasSpec},
    settings::Settings,
    vpn::{publish, user},
};
use gatehouse_model::{Origin, Secret};
use gatehouse_radius::{Door, Listening, Options, bind};
use gatehouse_testkit::{
    Engine, TestApp,
    peer::{FreeRadius, radclient},
};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::sync::CancellationToken;

/// Login of the user.
pub(crate) const LOGIN: &str = "uma";
/// Password of the user.
pub(crate) const PASSWORD: &str = "open sesame";

/// The house.
pub(crate) struct House {
    pub(crate) app: TestApp,
    pub(crate) auth: u16,
    pub(crate) acct: u16,
    stop: CancellationToken,
    served: JoinHandle<std::io::Result<()>>,
}

impl House {
    /// Opens one for a concentrator at 127.0.0.1 that shares [`FreeRadius::SECRET`].
    pub(crate) async fn open(engine: Engine, settings: NasSettings) -> Result<Self> {
        Self::with(engine, FreeRadius::SECRET, settings, BTreeMap::new()).await
    }

    /// As [`Self::open`] with another secret, and programs that end sessions.
    pub(crate) async fn with(
        engine: Engine,
        secret: &str,
        settings: NasSettings,
        commands: BTreeMap<String, Vec<String>>,
    ) -> Result<Self> {
        let mut app_settings = Settings::default();
        app_settings.login.keep_clear_password = true;
        let app = TestApp::with(engine, app_settings).await?;
        let operator = app.operator();
        let network = "127.0.0.1/32".parse()?;
        let secret = Secret::new(secret);
        nas::save(&operator, &NasSpec { name: "gate".into(), network, secret, coa_secret: None, settings }).await?;
        let new = user::NewUser {
            name: LOGIN.into(),
            group: "/默认用户组".into(),
            note: String::new(),
            phone: String::new(),
            password: Some(Secret::new(PASSWORD)),
            roles: Vec::new(),
            inherits_auth: true,
            inherits_policy: true,
            methods: 1,
            server: None,
            token_server_id: 0,
            is_public: false,
            expires_on: None,
        };
        // As the WebApi does it: it sets passwords of accounts of its own only.
        let console = app.app.ctx(Actor::Operator, Origin::Vpn);
        user::add(&console, &new).await?;
        publish::apply(&console).await?;
        app.app.live().refresh(&app.app).await?;

        let any = || bind(&["127.0.0.1:0".parse()?]).context("loopback");
        let listening = Listening { auth: any()?, acct: any()? };
        let port = |sockets: &[std::net::UdpSocket]| Ok::<_, anyhow::Error>(sockets[0].local_addr()?.port());
        let (auth, acct) = (port(&listening.auth)?, port(&listening.acct)?);
        let options = Options { reject_delay: Duration::from_millis(5), commands, ..Options::default() };
        let door = Door::new(options, app.app.random().clone(), app.app.clock().clone(), &listening);
        app.app.serve_enforcer(Arc::new(door.clone()));
        let stop = CancellationToken::new();
        let (running, token): (App, _) = (app.app.clone(), stop.clone());
        #[expect(clippy::disallowed_methods, reason = "the test waits for the task itself")]
        let served = tokio::spawn(async move { door.run(running, listening, token).await });
        Ok(Self { app, auth, acct, stop, served })
    }

    /// Asks at the port for logins; whether the answer was a yes, and what radclient printed.
    pub(crate) async fn ask(
        &self,
        kind: &'static str,
        secret: &'static str,
        attributes: String,
    ) -> Result<(bool, String)> {
        let port = self.auth;
        spawn_blocking(move || radclient(port, kind, secret, &attributes)).await?
    }

    /// As [`Self::ask`] with the right secret, for a login.
    pub(crate) async fn login(&self, attributes: &str) -> Result<(bool, String)> {
        self.ask("auth", FreeRadius::SECRET, format!("{attributes}\nMessage-Authenticator = 0x00\n")).await
    }

    /// Reports to the port for accounting.
    pub(crate) async fn report(&self, attributes: &str) -> Result<bool> {
        let (port, attributes) = (self.acct, attributes.to_owned());
        let asked = spawn_blocking(move || radclient(port, "acct", FreeRadius::SECRET, &attributes)).await??;
        Ok(asked.0)
    }

    /// Ends it.
    pub(crate) async fn close(self) -> Result<()> {
        self.stop.cancel();
        Ok(self.served.await??)
    }
}
