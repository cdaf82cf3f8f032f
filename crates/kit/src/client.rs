//! Whose request it is: the socket's peer, or what a configured proxy says about it.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::extract::ConnectInfo;
use http::{HeaderMap, Request};
use ipnet::IpNet;

/// The address of the client, as an extension of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// A mark of requests whose client speaks TLS, to us or to a trusted proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverTls;

/// The proxies whose `X-Forwarded-For` is believed (`http.trusted_proxies`).
///
/// Only this header is read: a proxy that appends to it passes `Forwarded` and `X-Real-IP` through as the client sent
/// them, so honouring several would let the client choose.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Arc<[IpNet]>);

impl TrustedProxies {
    /// Trusts these networks; none: forwarded headers are ignored.
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self(networks.into_iter().collect())
    }

    /// The nearest address that is not a trusted proxy, walking from the socket towards the client. An unreadable hop
    /// ends the walk at the proxy that reported it.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let hops = headers.get_all("x-forwarded-for").iter().rev().flat_map(|v| v.as_bytes().rsplit(|b| *b == b','));
        for hop in hops {
            let trusted = self.0.iter().any(|network| network.contains(&client));
            let Some(address) = address(hop).filter(|_| trusted) else { break };
            client = address;
        }
        client
    }

    /// Leaves [`ClientAddress`] in a request that carries `ConnectInfo<SocketAddr>`. The server calls it once per
    /// request, before any router.
    pub fn mark<B>(&self, request: &mut Request<B>) {
        if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>() {
            let peer = peer.ip().to_canonical();
            let client = self.client(peer, request.headers());
            let is_trusted = self.0.iter().any(|network| network.contains(&peer));
            let is_tls = request.headers().get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
            request.extensions_mut().insert(ClientAddress(client));
            if is_trusted && is_tls {
                request.extensions_mut().insert(OverTls);
            }
        }
    }
}

/// The client's address as far as anybody told: the mark, else the socket's peer.
pub(crate) fn client_address<B>(request: &Request<B>) -> Option<IpAddr> {
    let extensions = request.extensions();
    let marked = extensions.get::<ClientAddress>().map(|ClientAddress(address)| *address);
    marked.or_else(|| extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip().to_canonical()))
}

/// One hop: an address, with or without port or brackets.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop).ok()?.trim();
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let parsed = bare.parse::<IpAddr>().ok().or_else(|| Some(hop.parse::<SocketAddr>().ok()?.ip()));
    parsed.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str]) -> String {
        let proxies = TrustedProxies::new(["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]);
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn a_stranger_cannot_choose_its_address() {
        assert_eq!(client("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(client("10.0.0.1", &["6.6.6.6, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &["6.6.6.6", "198.51.100.7, 10.1.1.1"]), "198.51.100.7");
    }

    #[test]
    fn hops_come_with_ports_brackets_and_rubbish() {
        assert_eq!(client("::ffff:10.0.0.1", &["198.51.100.7:4711"]), "198.51.100.7");
        assert_eq!(client("fd00::1", &["[2001:db8::7]:4711"]), "2001:db8::7");
        assert_eq!(client("fd00::1", &["[2001:db8::7]"]), "2001:db8::7");
        assert_eq!(client("10.0.0.1", &["198.51.100.7, unknown"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn the_mark_beats_the_socket() {
        let mut request = Request::new(());
        assert_eq!(client_address(&request), None);
        request.extensions_mut().insert(ConnectInfo::<SocketAddr>("10.0.0.1:1".parse().unwrap()));
        request.headers_mut().insert("x-forwarded-for", "192.0.2.9".parse().unwrap());
        assert_eq!(client_address(&request), Some("10.0.0.1".parse().unwrap()));
        TrustedProxies::new(["10.0.0.1/32".parse().unwrap()]).mark(&mut request);
        assert_eq!(client_address(&request), Some("192.0.2.9".parse().unwrap()));
    }

    #[test]
    fn only_a_trusted_proxy_may_say_that_its_client_speaks_tls() {
        for (peer, scheme, expected) in
            [("10.0.0.1:1", "https", Some(&OverTls)), ("10.0.0.1:1", "http", None), ("192.0.2.1:1", "https", None)]
        {
            let mut request = Request::builder().header("x-forwarded-proto", scheme).body(()).unwrap();
            request.extensions_mut().insert(ConnectInfo::<SocketAddr>(peer.parse().unwrap()));
            TrustedProxies::new(["10.0.0.0/8".parse().unwrap()]).mark(&mut request);
            assert_eq!(request.extensions().get::<OverTls>(), expected, "{peer} {scheme}");
        }
    }
}
