//! Addresses of L3VPN resources as routes (specs/vpn.md §10): ports and hosts by name cannot be expressed and are left out.

use std::net::IpAddr;

use ipnet::{IpNet, IpSubnets, Ipv4Subnets, Ipv6Subnets};

/// The smallest set of networks that holds the addresses of `ip/port:port`, `ip-ip/port:port` entries, separated by commas.
pub(crate) fn networks<'a>(addresses: impl IntoIterator<Item = &'a str>) -> Vec<IpNet> {
    let entries = addresses.into_iter().flat_map(|list| list.split(','));
    let networks: Vec<IpNet> = entries.filter_map(range).flat_map(subnets).collect();
    IpNet::aggregate(&networks)
}

/// First and last address of an entry.
fn range(entry: &str) -> Option<(IpAddr, IpAddr)> {
    let (addresses, _ports) = entry.trim().rsplit_once('/').unwrap_or((entry.trim(), ""));
    let (from, to) = addresses.split_once('-').unwrap_or((addresses, addresses));
    let (from, to) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
    (from <= to).then_some((from, to))
}

fn subnets((from, to): (IpAddr, IpAddr)) -> Vec<IpNet> {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => IpSubnets::V4(Ipv4Subnets::new(from, to, 0)).collect(),
        (IpAddr::V6(from), IpAddr::V6(to)) => IpSubnets::V6(Ipv6Subnets::new(from, to, 0)).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(addresses: &[&str]) -> Vec<String> {
        networks(addresses.iter().copied()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_range_is_the_smallest_set_of_networks() {
        assert_eq!(told(&["192.0.2.0-192.0.2.255/1:65535"]), ["192.0.2.0/24"]);
        assert_eq!(told(&["192.0.2.1-192.0.2.4/80:80"]), ["192.0.2.1/32", "192.0.2.2/31", "192.0.2.4/32"]);
        assert_eq!(told(&["192.0.2.7/22:22,192.0.2.7/80:80"]), ["192.0.2.7/32"]);
        assert_eq!(told(&["2001:db8::-2001:db8::f/1:2"]), ["2001:db8::/124"]);
    }

    #[test]
    fn what_is_no_address_is_left_out() {
        assert!(told(&["", "https://intranet.example.com:443", "192.0.2.9-192.0.2.1/1:2", "host/1:2"]).is_empty());
    }
}
