//! Connecting to the first address that answers (RFC 8305 with 250 ms).

use std::{io, net::SocketAddr, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use gatehouse_domain::settings::Ipv6Policy;
use tokio::net::TcpStream;

const STAGGER: Duration = Duration::from_millis(250);

/// The families in turn, the preferred one first.
pub(super) fn order(addresses: Vec<SocketAddr>, policy: Ipv6Policy) -> Vec<SocketAddr> {
    let (v6, v4): (Vec<_>, Vec<_>) = addresses.into_iter().partition(SocketAddr::is_ipv6);
    let (mut first, mut second) = match policy {
        Ipv6Policy::Prefer => (v6.into_iter(), v4.into_iter()),
        Ipv6Policy::Fallback | Ipv6Policy::Off => (v4.into_iter(), v6.into_iter()),
    };
    let mut ordered = Vec::new();
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] {
            return ordered;
        }
        ordered.extend(pair.into_iter().flatten());
    }
}

/// Tries the next address when the last one failed or took 250 ms.
pub(super) async fn race(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut error = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        if let Some(address) = waiting.next() {
            attempts.push(TcpStream::connect(address));
        } else if attempts.is_empty() {
            return Err(error);
        }
        let stagger = async {
            if waiting.len() == 0 {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(STAGGER).await;
        };
        tokio::select! {
            Some(result) = attempts.next() => match result {
                Ok(stream) => return Ok(stream),
                Err(failed) => error = failed,
            },
            () = stagger => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_alternate_and_the_policy_says_which_is_first() {
        let parse = |list: &[&str]| list.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let found = parse(&["[2001:db8::1]:1", "[2001:db8::2]:1", "192.0.2.1:1"]);
        let fallback = parse(&["192.0.2.1:1", "[2001:db8::1]:1", "[2001:db8::2]:1"]);
        assert_eq!(order(found.clone(), Ipv6Policy::Fallback), fallback);
        let prefer = parse(&["[2001:db8::1]:1", "192.0.2.1:1", "[2001:db8::2]:1"]);
        assert_eq!(order(found, Ipv6Policy::Prefer), prefer);
    }

    #[tokio::test]
    async fn a_dead_address_is_skipped() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let stream = race(vec![dead, listener.local_addr().unwrap()]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), listener.local_addr().unwrap());
        assert!(race(vec![dead]).await.is_err());
        assert!(race(Vec::new()).await.is_err());
    }
}
