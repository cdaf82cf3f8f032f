//! From the name of a target to a TCP connection. The address that was checked is the one that is dialled.

use std::{
    io::{Error, ErrorKind},
    net::{IpAddr, SocketAddr},
};

use gatehouse_domain::bastion::{address::is_forbidden, terminal::Failure};
use tokio::{
    net::{TcpStream, lookup_host},
    time::{Instant, timeout_at},
};

/// Addresses that are tried at most: a name with more is unusual, and each takes its share of the time.
const TRIES: usize = 4;

/// A target's name and port, resolved and checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialled<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    pub(crate) allow_loopback: bool,
}

impl Dialled<'_> {
    /// Dials until the deadline, one address after the other.
    pub(crate) async fn dial(self, deadline: Instant) -> Result<TcpStream, Failure> {
        let addresses = timeout_at(deadline, self.addresses()).await.map_err(|_| Failure::Timeout)??;
        let mut failure = Failure::Dns;
        let mut left = u32::try_from(addresses.len()).unwrap_or(1);
        for address in addresses {
            // Each of several gets its share of what is left, so that a silent one does not use up the time of the others.
            let now = Instant::now();
            let until = now + deadline.saturating_duration_since(now) / left.max(1);
            left -= 1;
            failure = match timeout_at(until, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => cause(&error),
                Err(_) => Failure::Timeout,
            };
        }
        Err(failure)
    }

    async fn addresses(self) -> Result<Vec<SocketAddr>, Failure> {
        let found: Vec<SocketAddr> = match self.host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, self.port)],
            Err(_) => lookup_host((self.host, self.port)).await.map_err(|_| Failure::Dns)?.collect(),
        };
        let allowed: Vec<_> = found.into_iter().filter(|to| !is_forbidden(to.ip(), self.allow_loopback)).collect();
        if allowed.is_empty() {
            return Err(Failure::Dns);
        }
        Ok(allowed.into_iter().take(TRIES).collect())
    }
}

fn cause(error: &Error) -> Failure {
    match error.kind() {
        ErrorKind::ConnectionRefused => Failure::Refused,
        ErrorKind::TimedOut => Failure::Timeout,
        _ => Failure::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_name_that_leads_to_forbidden_addresses_only_is_not_dialled() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let soon = || Instant::now() + Duration::from_secs(5);
        let dial = |host, allow_loopback| Dialled { host, port, allow_loopback }.dial(soon());
        assert_eq!(dial("localhost", false).await.unwrap_err(), Failure::Dns);
        assert_eq!(dial("127.0.0.1", false).await.unwrap_err(), Failure::Dns);
        assert_eq!(dial("no such name", true).await.unwrap_err(), Failure::Dns);
        dial("localhost", true).await.unwrap();
        drop(listener);
        assert_eq!(dial("127.0.0.1", true).await.unwrap_err(), Failure::Refused);
    }
}
