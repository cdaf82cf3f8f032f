//! Target addresses as clients write them: the SOCKS5 form, and the form of VLESS and XUDP with the port first.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where a client wants to go.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    pub(crate) host: Host,
    /// Never 0.
    pub(crate) port: u16,
}

/// A host as a client names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Host {
    /// A literal; IPv4-mapped IPv6 is IPv4 here.
    Ip(IpAddr),
    /// A name of letters, digits, `-`, `_` and dots, at most 255 bytes.
    Name(Box<str>),
}

/// The bytes can never become an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed address")]
pub(crate) struct BadAddress;

/// An address and how many bytes it took; `None`: more bytes are needed.
pub(crate) type Parsed = Result<Option<(Address, usize)>, BadAddress>;

/// How the kinds of host are numbered.
struct Kinds {
    ipv4: u8,
    name: u8,
    ipv6: u8,
}

const SOCKS: Kinds = Kinds { ipv4: 1, name: 3, ipv6: 4 };
const VLESS: Kinds = Kinds { ipv4: 1, name: 2, ipv6: 3 };

impl Address {
    /// Reads type, host, port: Shadowsocks and Trojan.
    pub(crate) fn parse_socks(bytes: &[u8]) -> Parsed {
        let Some((host, length)) = parse_host(bytes, &SOCKS)? else { return Ok(None) };
        let Some(port) = be16(bytes, length) else { return Ok(None) };
        Self::new(host, port).map(|address| Some((address, length + 2)))
    }

    /// Reads port, type, host: VLESS and XUDP.
    pub(crate) fn parse_vless(bytes: &[u8]) -> Parsed {
        let Some(port) = be16(bytes, 0) else { return Ok(None) };
        let Some((host, length)) = parse_host(bytes.get(2..).unwrap_or_default(), &VLESS)? else { return Ok(None) };
        Self::new(host, port).map(|address| Some((address, length + 2)))
    }

    /// Reads `host:port`, an IPv6 literal in brackets: Hysteria.
    pub(crate) fn parse_text(bytes: &[u8]) -> Option<Self> {
        let (host, port) = std::str::from_utf8(bytes).ok()?.rsplit_once(':')?;
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = match bracketed {
            Some(literal) => Host::Ip(IpAddr::V6(literal.parse().ok()?).to_canonical()),
            None if host.is_empty() || host.len() > 255 || host.contains(':') => return None,
            None => parse_name(host.as_bytes())?,
        };
        // As digits only: `+80` is a number to Rust.
        let port = Some(port).filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()?;
        Self::new(host, port).ok()
    }

    fn new(host: Host, port: u16) -> Result<Self, BadAddress> {
        if port == 0 { Err(BadAddress) } else { Ok(Self { host, port }) }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self { host: Host::Ip(address.ip().to_canonical()), port: address.port() }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.host {
            Host::Ip(ip) => SocketAddr::new(*ip, self.port).fmt(f),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

/// Appends type, host, port as Shadowsocks and Trojan replies carry them.
pub(crate) fn write_socks(address: SocketAddr, out: &mut Vec<u8>) {
    write_ip(address.ip(), &SOCKS, out);
    out.extend_from_slice(&address.port().to_be_bytes());
}

/// Appends port, type, host as XUDP replies carry them.
pub(crate) fn write_vless(address: SocketAddr, out: &mut Vec<u8>) {
    out.extend_from_slice(&address.port().to_be_bytes());
    write_ip(address.ip(), &VLESS, out);
}

fn write_ip(ip: IpAddr, kinds: &Kinds, out: &mut Vec<u8>) {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            out.push(kinds.ipv4);
            out.extend_from_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            out.push(kinds.ipv6);
            out.extend_from_slice(&ip.octets());
        }
    }
}

fn parse_host(bytes: &[u8], kinds: &Kinds) -> Result<Option<(Host, usize)>, BadAddress> {
    let Some((&kind, rest)) = bytes.split_first() else { return Ok(None) };
    if kind == kinds.ipv4 {
        return Ok(rest.first_chunk::<4>().map(|ip| (Host::Ip(Ipv4Addr::from(*ip).into()), 5)));
    }
    if kind == kinds.ipv6 {
        let host = |ip: &[u8; 16]| Host::Ip(IpAddr::V6(Ipv6Addr::from(*ip)).to_canonical());
        return Ok(rest.first_chunk::<16>().map(|ip| (host(ip), 17)));
    }
    if kind != kinds.name {
        return Err(BadAddress);
    }
    let Some((&length, rest)) = rest.split_first() else { return Ok(None) };
    let length = usize::from(length);
    if length == 0 {
        return Err(BadAddress);
    }
    let Some(name) = rest.get(..length) else { return Ok(None) };
    parse_name(name).map(|host| Some((host, 2 + length))).ok_or(BadAddress)
}

fn parse_name(bytes: &[u8]) -> Option<Host> {
    let name = std::str::from_utf8(bytes).ok()?;
    if let Ok(ip) = name.parse::<IpAddr>() {
        return Some(Host::Ip(ip.to_canonical()));
    }
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    name.bytes().all(is_allowed).then(|| Host::Name(name.into()))
}

/// A big-endian u16 at an offset.
pub(crate) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|pair| u16::from_be_bytes(*pair))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn named(name: &str, port: u16) -> Address {
        Address { host: Host::Name(name.into()), port }
    }

    #[test]
    fn names_and_literals_are_read_in_both_forms() {
        let mut bytes = vec![3, 11];
        bytes.extend_from_slice(b"example.com\x01\xbbrest");
        assert_eq!(Address::parse_socks(&bytes), Ok(Some((named("example.com", 443), 15))));
        let mut bytes = vec![1, 187, 2, 7];
        bytes.extend_from_slice(b"1.2.3.4rest");
        let literal = Address { host: Host::Ip(IpAddr::from([1, 2, 3, 4])), port: 443 };
        assert_eq!(Address::parse_vless(&bytes), Ok(Some((literal, 11))));
    }

    #[test]
    fn port_zero_and_strange_names_are_refused() {
        assert_eq!(Address::parse_socks(&[1, 1, 2, 3, 4, 0, 0]), Err(BadAddress));
        assert_eq!(Address::parse_socks(&[3, 3, b'a', b' ', b'b', 0, 80]), Err(BadAddress));
        assert_eq!(Address::parse_socks(&[3, 0]), Err(BadAddress));
        assert_eq!(Address::parse_socks(&[9]), Err(BadAddress));
        assert_eq!(Address::parse_vless(&[0, 80, 4]), Err(BadAddress));
    }

    proptest! {
        #[test]
        fn parsers_never_panic_nor_read_past_the_end(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for parse in [Address::parse_socks, Address::parse_vless] {
                if let Ok(Some((_, length))) = parse(&bytes) {
                    prop_assert!(length <= bytes.len());
                    prop_assert_eq!(parse(&bytes[..length - 1]), Ok(None));
                }
            }
        }

        #[test]
        fn what_is_written_is_read_back(ip in any::<IpAddr>(), port in 1u16.., tail in any::<Vec<u8>>()) {
            let address = SocketAddr::new(ip, port);
            for (write, parse) in [
                (write_socks as fn(_, &mut _), Address::parse_socks as fn(&[u8]) -> Parsed),
                (write_vless, Address::parse_vless),
            ] {
                let mut bytes = Vec::new();
                write(address, &mut bytes);
                let length = bytes.len();
                bytes.extend_from_slice(&tail);
                prop_assert_eq!(parse(&bytes), Ok(Some((Address::from(address), length))));
            }
        }
    }
}
