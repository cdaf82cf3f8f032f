//! Client addresses as limits see them.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use ipnet::IpNet;

/// What counts as one client for limits: an IPv4 address, or the /64 of an IPv6 address, which one client owns whole
/// and could use a fresh address of for every try.
pub fn client_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        v4 @ IpAddr::V4(_) => v4,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}

/// Addresses from one to another, both included: `192.0.2.10-192.0.2.20`, `192.0.2.0/24`, `192.0.2.7`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpRange {
    from: IpAddr,
    to: IpAddr,
}

impl IpRange {
    /// Whether an address is in it; an IPv4-mapped one counts as the IPv4 address it holds.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.from.is_ipv4() && self.from <= address && address <= self.to
    }
}

/// A text that is no range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address, network or range such as \"192.0.2.10-192.0.2.20\"")]
pub struct ParseIpRangeError(String);

impl FromStr for IpRange {
    type Err = ParseIpRangeError;

    fn from_str(text: &str) -> Result<Self, ParseIpRangeError> {
        let wrong = || ParseIpRangeError(text.to_owned());
        let address = |text: &str| Some(text.trim().parse::<IpAddr>().ok()?.to_canonical());
        let (from, to) = if let Some((from, to)) = text.split_once('-') {
            address(from).zip(address(to)).ok_or_else(wrong)?
        } else if let Some(address) = address(text) {
            (address, address)
        } else {
            let network: IpNet = text.trim().parse().map_err(|_no_network| wrong())?;
            (network.network(), network.broadcast())
        };
        if from.is_ipv4() == to.is_ipv4() && from <= to { Ok(Self { from, to }) } else { Err(wrong()) }
    }
}

impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.from == self.to { write!(f, "{}", self.from) } else { write!(f, "{}-{}", self.from, self.to) }
    }
}

impl<'de> serde::Deserialize<'de> for IpRange {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <String as serde::Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_client_is_its_64_and_a_mapped_ipv4_is_itself() {
        for (address, client) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::", "2001:db8:1:2::"),
        ] {
            assert_eq!(client_of(address.parse().unwrap()), client.parse::<IpAddr>().unwrap(), "{address}");
        }
    }

    #[test]
    fn a_range_is_two_addresses_a_network_or_one_address() {
        let holds = |range: &str, address: &str| range.parse::<IpRange>().unwrap().contains(address.parse().unwrap());
        for (range, inside, outside) in [
            (
                "192.0.2.10-192.0.2.20",
                ["192.0.2.10", "192.0.2.20", "::ffff:192.0.2.15"],
                ["192.0.2.9", "192.0.2.21", "::1"],
            ),
            ("192.0.2.0/30", ["192.0.2.0", "192.0.2.3", "192.0.2.1"], ["192.0.2.4", "192.0.1.255", "2001:db8::"]),
            ("2001:db8::/64", ["2001:db8::", "2001:db8::1", "2001:db8::ffff"], ["2001:db8:0:1::", "192.0.2.1", "::"]),
            ("192.0.2.7", ["192.0.2.7", "192.0.2.7", "::ffff:192.0.2.7"], ["192.0.2.8", "192.0.2.6", "::"]),
        ] {
            assert!(inside.iter().all(|address| holds(range, address)), "{range}");
            assert!(!outside.iter().any(|address| holds(range, address)), "{range}");
        }
        for text in ["", "x", "192.0.2.20-192.0.2.10", "192.0.2.1-2001:db8::", "192.0.2.0/33", "192.0.2.1-"] {
            assert!(text.parse::<IpRange>().is_err(), "{text}");
        }
    }
}
