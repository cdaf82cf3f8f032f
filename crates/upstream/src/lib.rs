//! Asks foreign services: LDAP directories and RADIUS servers, payment systems, the push service, mail servers, captchas.
//!
//! Everything is asynchronous and bounded in time, number and memory, so that whoever asks is never held up.
//! An authentication server that cannot answer is [`Answer::Unreachable`], which is a no to whoever wants in.

pub mod captcha;
mod health;
mod http;
mod ldap;
pub mod mail;
pub mod payment;
pub mod push;
mod radius;
pub mod telegram;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use gatehouse_domain::Random;
use gatehouse_domain::vpn::external::{Answer, AuthServer, Credential, ServerKind, Servers, Verifying};
use gatehouse_model::AuthServerId;

use ldap::Ldap;
use radius::Radius;

/// Settings that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("external server {name}: {what}")]
pub struct SettingsError {
    /// The server's name.
    pub name: String,
    /// What is wrong and what to write instead.
    pub what: String,
}

/// What came of trying one address of a server, for `gatehouse doctor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// URL, or host and port.
    pub address: String,
    /// Why it cannot be used; nothing if it can.
    pub trouble: Option<String>,
}

/// Asks every server of the state file.
#[derive(Debug, Default, Clone)]
pub struct Upstream {
    random: Random,
    clients: Arc<Mutex<HashMap<AuthServerId, Known>>>,
}

/// A client, and the settings it was made of.
#[derive(Debug, Clone)]
struct Known {
    server: Arc<AuthServer>,
    client: Client,
}

#[derive(Debug, Clone)]
enum Client {
    Ldap(Arc<Ldap>),
    Radius(Arc<Radius>),
}

impl Upstream {
    /// Draws identifiers and authenticators from `random`.
    pub fn new(random: Random) -> Self {
        Self { random, clients: Arc::default() }
    }

    /// Tries every address of a server; an error if its settings cannot work.
    pub async fn probe(&self, server: &Arc<AuthServer>) -> Result<Vec<Probe>, SettingsError> {
        match self.client(server).await? {
            Client::Ldap(ldap) => Ok(ldap.probe().await),
            Client::Radius(radius) => Ok(radius.probe().await),
        }
    }

    /// The client for these settings: it lives as long as they stay the same, since it knows who is down and how many ask.
    async fn client(&self, server: &Arc<AuthServer>) -> Result<Client, SettingsError> {
        if let Some(known) = self.known(server) {
            return Ok(known);
        }
        let (made_of, random) = (server.clone(), self.random.clone());
        let made = tokio::task::spawn_blocking(move || Client::new(&made_of, &random)).await;
        let client = made.map_err(|error| SettingsError { name: server.name.clone(), what: error.to_string() })??;
        // Somebody else may have made one meanwhile; there must be only one that counts.
        if let Some(known) = self.known(server) {
            return Ok(known);
        }
        let known = Known { server: server.clone(), client: client.clone() };
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).insert(server.id, known);
        Ok(client)
    }

    fn known(&self, server: &Arc<AuthServer>) -> Option<Client> {
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let known = clients.get(&server.id)?;
        let same = Arc::ptr_eq(&known.server, server)
            || (known.server.kind == server.kind
                && known.server.secret == server.secret
                && known.server.name == server.name);
        same.then(|| known.client.clone())
    }
}

impl Client {
    fn new(server: &AuthServer, random: &Random) -> Result<Self, SettingsError> {
        match &server.kind {
            ServerKind::Ldap(settings) => Ok(Self::Ldap(Arc::new(Ldap::new(server, settings)?))),
            ServerKind::Radius(settings) => Ok(Self::Radius(Arc::new(Radius::new(server, settings, random)?))),
        }
    }

    async fn verify(&self, login: &str, credential: &Credential) -> Answer {
        match (self, credential) {
            (Self::Ldap(ldap), Credential::Pap(password)) => ldap.verify(login, password).await,
            // A directory takes nothing but the password itself.
            (Self::Ldap(_), Credential::Chap { .. } | Credential::MsChap2 { .. }) => {
                Answer::Refused("needs_clear_password")
            }
            (Self::Radius(radius), credential) => radius.verify(login, credential).await,
        }
    }
}

impl Servers for Upstream {
    fn check(&self, server: &AuthServer) -> Result<(), String> {
        let checked = match &server.kind {
            ServerKind::Ldap(settings) => Ldap::check(server, settings),
            ServerKind::Radius(settings) => Radius::new(server, settings, &self.random).map(drop),
        };
        checked.map_err(|error| error.what)
    }

    fn verify(&self, server: Arc<AuthServer>, login: String, credential: Credential) -> Verifying {
        let upstream = self.clone();
        Box::pin(async move {
            match upstream.client(&server).await {
                Ok(client) => client.verify(&login, &credential).await,
                Err(error) => {
                    tracing::warn!(server = server.name, %error, "upstream.settings.wrong");
                    Answer::Unreachable
                }
            }
        })
    }
}
