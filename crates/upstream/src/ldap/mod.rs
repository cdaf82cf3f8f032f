//! Asks directories: finds the entry of a login and binds as it.

mod conversation;
mod directory;
mod failure;
mod role;
mod template;
mod tls;

use std::sync::Arc;

use gatehouse_domain::vpn::external::{Answer, AuthServer, LdapSettings};
use gatehouse_model::Secret;
use rustls::ClientConfig;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use crate::health::Health;
use crate::{Probe, SettingsError};
use conversation::Verdict;
use directory::{Address, Directory};

/// A directory, which one or more servers offer.
///
/// Every login has a connection of its own: a bind changes who the connection is, and a login is rare beside its cost.
#[derive(Debug)]
pub(crate) struct Ldap {
    directory: Arc<Directory>,
    tls: Arc<ClientConfig>,
    servers: Vec<Server>,
    places: Semaphore,
}

#[derive(Debug)]
struct Server {
    address: Address,
    health: Health,
}

impl Server {
    fn new(address: Address) -> Self {
        Self { address, health: Health::default() }
    }
}

impl Ldap {
    /// Refuses what can never work, a `ca_file` that holds no certificate among it.
    pub(crate) fn check(server: &AuthServer, settings: &LdapSettings) -> Result<(), SettingsError> {
        let directory = Directory::new(server, settings)?;
        if directory.ca_file.is_some() { tls::client_config(&directory).map(drop) } else { Ok(()) }
    }

    /// Reads the authorities' certificates: blocks for some milliseconds.
    pub(crate) fn new(server: &AuthServer, settings: &LdapSettings) -> Result<Self, SettingsError> {
        let directory = Directory::new(server, settings)?;
        if !settings.start_tls && settings.urls.iter().any(|url| url.starts_with("ldap://")) {
            tracing::warn!(server = server.name, "upstream.ldap.clear_text: write ldaps:// or `start_tls = true`");
        }
        Ok(Self {
            tls: tls::client_config(&directory)?,
            servers: directory.addresses.iter().cloned().map(Server::new).collect(),
            directory: Arc::new(directory),
            places: Semaphore::new(settings.max_concurrent),
        })
    }

    /// Whether the directory holds exactly one entry for the login, and the password is the entry's.
    pub(crate) async fn verify(&self, login: &str, password: &Secret) -> Answer {
        // An empty password makes a bind that succeeds as nobody (RFC 4513 §5.1.2).
        if password.expose().is_empty() {
            return Answer::Refused("empty password");
        }
        if login.is_empty() {
            return Answer::Refused("empty login");
        }
        let Ok(Ok(_place)) = timeout(self.directory.timeout, self.places.acquire()).await else {
            tracing::warn!(server = self.directory.name, "upstream.ldap.busy: raise `max_concurrent`");
            return Answer::Unreachable;
        };
        match self.ask_in_turn(login, password).await {
            Some(Verdict::Right { roles }) => Answer::Accepted { success: None, roles },
            Some(Verdict::Wrong(reason)) => Answer::Refused(reason),
            None => Answer::Unreachable,
        }
    }

    /// The first verdict that a server comes to.
    async fn ask_in_turn(&self, login: &str, password: &Secret) -> Option<Verdict> {
        for server in self.servers.iter().filter(|server| !server.health.is_down(Instant::now())) {
            let (login, password) = (login.to_owned(), password.clone());
            let asked = conversation::hold(&self.directory, &self.tls, &server.address, |conversation| async move {
                conversation.verify(&login, &password).await
            });
            match asked.await {
                Ok(verdict) => {
                    server.health.answered();
                    return Some(verdict);
                }
                Err(failure) => {
                    if failure.counts() {
                        server.health.failed(Instant::now());
                    }
                    tracing::warn!(server = self.directory.name, url = server.address.url, %failure, "upstream.ldap.failed");
                }
            }
        }
        None
    }

    /// Tries every server, whether it was down lately or not.
    pub(crate) async fn probe(&self) -> Vec<Probe> {
        let mut probes = Vec::new();
        for server in &self.servers {
            let asked =
                conversation::hold(&self.directory, &self.tls, &server.address, conversation::Conversation::probe)
                    .await;
            probes.push(Probe {
                address: server.address.url.clone(),
                trouble: asked.err().map(|failure| failure.to_string()),
            });
        }
        probes
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use gatehouse_model::Span;

    use super::*;

    pub(crate) fn settings(urls: Vec<String>) -> LdapSettings {
        LdapSettings {
            urls,
            start_tls: false,
            ca_file: None,
            bind_dn: None,
            base_dn: "dc=example,dc=com".into(),
            scope: "sub".into(),
            filter: Some("(uid={login})".into()),
            dn_template: None,
            timeout: Span(Duration::from_secs(5)),
            max_concurrent: 64,
            remember: Span(Duration::ZERO),
            group_attribute: None,
            group_base_dn: None,
            group_filter: None,
            group_roles: BTreeMap::new(),
        }
    }
}
