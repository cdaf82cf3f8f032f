//! Asks RADIUS servers (specs/radius.md §9).

mod reply;
mod request;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use gatehouse_domain::Random;
use gatehouse_domain::vpn::external::{Answer, AuthServer, Credential, RadiusSettings};
use gatehouse_model::Secret;
use gatehouse_radius_wire::MAX_PACKET;
use tokio::net::{UdpSocket, lookup_host};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

use crate::health::Health;
use crate::{Probe, SettingsError};
use reply::Ignored;
use request::Request;

/// So many questions are open at once.
///
/// Each has a socket of its own: a source port that nobody can guess, no identifier that another question uses, and nobody
/// who must tell replies apart. Opening and closing one took 13 µs in a debug build.
const MOST_OPEN: usize = 256;

/// What we are called where nobody gave us a name; a request must say who asks.
const NAS_IDENTIFIER: &str = "gatehouse";

/// A RADIUS server.
#[derive(Debug)]
pub(crate) struct Radius {
    name: String,
    host: String,
    port: u16,
    secret: Secret,
    timeout: Duration,
    tries: u32,
    nas_identifier: String,
    needs_signature: bool,
    random: Random,
    places: Semaphore,
    health: Health,
}

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("cannot send: {0}")]
    Socket(#[from] std::io::Error),
    #[error("the name has no address")]
    NoAddress,
    #[error("no reply")]
    Silence,
    #[error("no reply that can be believed; the last one: {0}")]
    Ignored(Ignored),
}

impl Radius {
    pub(crate) fn new(server: &AuthServer, settings: &RadiusSettings, random: &Random) -> Result<Self, SettingsError> {
        let wrong = |what: &str| SettingsError { name: server.name.clone(), what: what.to_owned() };
        let secret = server.secret.clone().filter(|secret| !secret.expose().is_empty());
        let secret = secret.ok_or_else(|| wrong("it needs the secret that it shares with us"))?;
        if settings.address.is_empty() || settings.port == 0 {
            return Err(wrong("`address` is empty or `port` is 0"));
        }
        if settings.timeout.0.is_zero() || settings.tries == 0 {
            return Err(wrong("`timeout` and `tries` must not be zero"));
        }
        let nas_identifier = settings.nas_identifier.clone().filter(|name| !name.is_empty());
        if !settings.require_message_authenticator {
            tracing::warn!(
                server = server.name,
                "upstream.radius.unsigned_replies: whoever is on the way can forge them (CVE-2024-3596)"
            );
        }
        Ok(Self {
            name: server.name.clone(),
            host: settings.address.clone(),
            port: settings.port,
            secret,
            timeout: settings.timeout.0,
            tries: settings.tries,
            nas_identifier: nas_identifier.unwrap_or_else(|| NAS_IDENTIFIER.to_owned()),
            needs_signature: settings.require_message_authenticator,
            random: random.clone(),
            places: Semaphore::new(MOST_OPEN),
            health: Health::default(),
        })
    }

    /// Whether the server accepts the credential.
    pub(crate) async fn verify(&self, login: &str, credential: &Credential) -> Answer {
        if login.is_empty() {
            return Answer::Refused("empty login");
        }
        if matches!(credential, Credential::Pap(password) if password.expose().is_empty()) {
            return Answer::Refused("empty password");
        }
        if self.health.is_down(Instant::now()) {
            return Answer::Unreachable;
        }
        let Ok(Ok(_place)) = timeout(self.timeout, self.places.acquire()).await else {
            tracing::warn!(server = self.name, "upstream.radius.busy");
            return Answer::Unreachable;
        };
        let (id, authenticator) = self.draw();
        let Some(request) = Request::access(id, authenticator, &self.secret, &self.nas_identifier, login, credential)
        else {
            return Answer::Refused("login or password longer than RADIUS allows");
        };
        match self
            .exchange(&request, |datagram| reply::read(datagram, &request, credential, self.needs_signature))
            .await
        {
            Ok(answer) => {
                self.health.answered();
                answer
            }
            Err(failure) => {
                self.health.failed(Instant::now());
                tracing::warn!(server = self.name, host = self.host, %failure, "upstream.radius.failed");
                Answer::Unreachable
            }
        }
    }

    /// Asks with Status-Server (RFC 5997) whether it is there and shares our secret.
    pub(crate) async fn probe(&self) -> Vec<Probe> {
        let (id, authenticator) = self.draw();
        let trouble = match Request::status(id, authenticator, &self.secret, &self.nas_identifier) {
            None => Some("`nas_identifier` is too long".to_owned()),
            Some(request) => {
                let read = |datagram: &[u8]| reply::read_status(datagram, &request, self.needs_signature);
                let asked = self.exchange(&request, read).await;
                asked.err().map(|failure| format!("{failure} (to Status-Server, which not every server answers)"))
            }
        };
        vec![Probe { address: format!("{}:{}", self.host, self.port), trouble }]
    }

    fn draw(&self) -> (u8, [u8; 16]) {
        let [id] = self.random.bytes();
        (id, self.random.bytes())
    }

    /// Sends the same packet until a reply is read that `read` does not ignore.
    async fn exchange<T>(
        &self,
        request: &Request<'_>,
        read: impl Fn(&[u8]) -> Result<T, Ignored>,
    ) -> Result<T, Failure> {
        let socket = timeout(self.timeout, self.connect()).await.map_err(|_| Failure::NoAddress)??;
        let mut buffer = vec![0; MAX_PACKET];
        let mut last = None;
        for _ in 0..self.tries {
            // An error here tells of an earlier packet (`connection refused`); the server may be back for the next.
            if let Err(error) = socket.send(&request.packet).await {
                tracing::debug!(server = self.name, %error, "upstream.radius.not_sent");
            }
            let deadline = Instant::now() + self.timeout;
            while let Ok(received) = timeout_at(deadline, socket.recv(&mut buffer)).await {
                let Ok(length) = received else { continue };
                match read(buffer.get(..length).unwrap_or_default()) {
                    Ok(answer) => return Ok(answer),
                    Err(ignored) => last = Some(ignored),
                }
            }
        }
        Err(last.map_or(Failure::Silence, Failure::Ignored))
    }

    /// A socket that hears nobody but the server.
    async fn connect(&self) -> Result<UdpSocket, Failure> {
        let server = lookup_host((self.host.as_str(), self.port)).await?.next().ok_or(Failure::NoAddress)?;
        let any: SocketAddr = match server {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).await?;
        socket.connect(server).await?;
        Ok(socket)
    }
}
