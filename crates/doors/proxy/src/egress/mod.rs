//! The way out: which targets may be reached, names resolved once, and the connection.
//!
//! The rules hold for the address that is actually connected to, never for a name.

mod connect;
mod rules;

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use gatehouse_domain::{
    proxy::route::{self, Action, Rule, Verdict},
    settings::{Ipv6Policy, ProxySettings},
};
use tokio::time::{Instant, timeout};

pub(crate) use self::rules::Rules;
use crate::{
    addr::{Address, Host},
    visit::Network,
};

const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer is used again.
pub(crate) const NAME_TTL: Duration = Duration::from_mins(1);
const NAMES: usize = 10_000;

/// Why a target is not reached. The client learns nothing of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreachable {
    /// The name of the rule.
    #[error("denied: {0}")]
    Denied(&'static str),
    #[error("cannot be resolved")]
    Unresolved,
    #[error("cannot be connected: {0}")]
    Io(#[from] io::Error),
}

/// Addresses of a name, and until when they are used.
type Answer = (Vec<IpAddr>, Instant);

/// Counts a refusal.
fn denied(rule: &'static str) -> Unreachable {
    metrics::counter!("gatehouse_proxy_egress_denied_total").increment(1);
    Unreachable::Denied(rule)
}

/// The name of a target as rules see it.
fn name_of(target: &Address, routes: &[Rule]) -> Option<String> {
    match &target.host {
        Host::Name(name) if !routes.is_empty() => Some(name.trim_end_matches('.').to_ascii_lowercase()),
        _ => None,
    }
}

/// Resolver and rules of this process.
pub(crate) struct Egress {
    rules: Rules,
    ipv6: Ipv6Policy,
    connect_timeout: Duration,
    names: Mutex<HashMap<Box<str>, Answer>>,
}

impl Egress {
    pub(crate) fn new(settings: &ProxySettings) -> Self {
        Self {
            rules: Rules::new(settings),
            ipv6: settings.ipv6,
            connect_timeout: settings.connect_timeout.0,
            names: Mutex::default(),
        }
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Whether a target may be reached at an address behind it: by the route rules of the node and the deny list.
    pub(crate) fn check(
        &self,
        target: &Address,
        ip: IpAddr,
        network: Network,
        routes: &[Rule],
    ) -> Result<(), Unreachable> {
        let checked =
            self.check_address(name_of(target, routes).as_deref(), SocketAddr::new(ip, target.port), network, routes);
        checked.map_err(denied)
    }

    fn check_address(
        &self,
        name: Option<&str>,
        at: SocketAddr,
        network: Network,
        routes: &[Rule],
    ) -> Result<(), &'static str> {
        match route::verdict(routes, name, Some(at.ip()), at.port()) {
            Verdict::Decided(Action::Block) => Err("route"),
            _ => self.rules.check(at.ip(), at.port(), network),
        }
    }

    /// The addresses of a target that may be reached, best first. Never empty.
    pub(crate) async fn resolve(
        &self,
        target: &Address,
        network: Network,
        routes: &[Rule],
    ) -> Result<Vec<SocketAddr>, Unreachable> {
        let name = name_of(target, routes);
        if name.is_some()
            && route::verdict(routes, name.as_deref(), None, target.port) == Verdict::Decided(Action::Block)
        {
            return Err(denied("route"));
        }
        let found = match &target.host {
            Host::Ip(ip) => vec![*ip],
            Host::Name(name) => self.look_up(name).await?,
        };
        let mut rule = "ipv6";
        let mut allowed = Vec::with_capacity(found.len());
        for ip in found {
            if ip.is_ipv6() && self.ipv6 == Ipv6Policy::Off {
                continue;
            }
            let at = SocketAddr::new(ip, target.port);
            match self.check_address(name.as_deref(), at, network, routes) {
                Ok(()) => allowed.push(at),
                Err(against) => rule = against,
            }
        }
        if allowed.is_empty() {
            return Err(denied(rule));
        }
        Ok(connect::order(allowed, self.ipv6))
    }

    async fn look_up(&self, name: &str) -> Result<Vec<IpAddr>, Unreachable> {
        let now = Instant::now();
        let known = self.names.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some((ips, until)) = known
            && until > now
        {
            return Ok(ips);
        }
        let answer = timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host((name, 0))).await;
        let Ok(Ok(answer)) = answer else { return Err(Unreachable::Unresolved) };
        let mut ips: Vec<IpAddr> = Vec::new();
        for ip in answer.map(|address| address.ip().to_canonical()) {
            if !ips.contains(&ip) {
                ips.push(ip);
            }
        }
        if ips.is_empty() {
            return Err(Unreachable::Unresolved);
        }
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= NAMES {
            names.retain(|_, (_, until)| *until > now);
        }
        if names.len() < NAMES {
            names.insert(name.into(), (ips.clone(), now + NAME_TTL));
        }
        Ok(ips)
    }

    /// Connects to a target that the rules allow.
    pub(crate) async fn connect(
        &self,
        target: &Address,
        routes: &[Rule],
    ) -> Result<tokio::net::TcpStream, Unreachable> {
        let addresses = self.resolve(target, Network::Tcp, routes).await?;
        let stream = timeout(self.connect_timeout, connect::race(addresses))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        // A socket that refuses the option works without it.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }
}
