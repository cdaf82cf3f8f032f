//! Client addresses as limits see them.

use std::net::{IpAddr, Ipv6Addr};

/// What counts as one client for limits: an IPv4 address, or the /64 of an IPv6 address, which one client owns whole
/// and could use a fresh address of for every try.
pub fn client_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        v4 @ IpAddr::V4(_) => v4,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
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
}
