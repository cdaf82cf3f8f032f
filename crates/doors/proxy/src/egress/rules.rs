//! The deny list: nobody may use the door to reach this machine, private networks or metadata services.

use std::{
    collections::HashSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use arc_swap::ArcSwap;
use gatehouse_domain::{proxy::egress::EgressRule, settings::ProxySettings};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::visit::Network;

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), prefix)
}

const DENIED_V4: [(Ipv4Net, &str); 11] = [
    (v4(0, 0, 0, 0, 8), "unspecified"),
    (v4(10, 0, 0, 0, 8), "private"),
    (v4(100, 64, 0, 0, 10), "shared"),
    (v4(127, 0, 0, 0, 8), "loopback"),
    (v4(169, 254, 0, 0, 16), "link_local"),
    (v4(172, 16, 0, 0, 12), "private"),
    (v4(192, 0, 0, 0, 24), "protocol"),
    (v4(192, 168, 0, 0, 16), "private"),
    (v4(198, 18, 0, 0, 15), "benchmark"),
    (v4(224, 0, 0, 0, 4), "multicast"),
    (v4(240, 0, 0, 0, 4), "reserved"),
];

/// `fd00:ec2::254` lies in `fc00::/7`.
const DENIED_V6: [(Ipv6Net, &str); 6] = [
    (v6(0, 0, 128), "unspecified"),
    (Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128), "loopback"),
    (v6(0xfc00, 0, 7), "private"),
    (v6(0xfe80, 0, 10), "link_local"),
    (v6(0xfec0, 0, 10), "site_local"),
    (v6(0xff00, 0, 8), "multicast"),
];

/// What may be reached.
pub(crate) struct Rules {
    allowed: Vec<EgressRule>,
    denied: Vec<IpNet>,
    denied_ports: HashSet<u16>,
    local: ArcSwap<HashSet<IpAddr>>,
}

impl Rules {
    pub(crate) fn new(settings: &ProxySettings) -> Self {
        Self {
            allowed: settings.egress_allow.clone(),
            denied: settings.egress_deny.clone(),
            denied_ports: settings.egress_deny_ports.iter().copied().collect(),
            local: ArcSwap::from_pointee(local_addresses()),
        }
    }

    /// Asks the system again for the addresses of this machine.
    pub(crate) fn refresh(&self) {
        self.local.store(Arc::new(local_addresses()));
    }

    /// Whether a target may be reached, else the rule against it.
    pub(crate) fn check(&self, ip: IpAddr, port: u16, network: Network) -> Result<(), &'static str> {
        let ip = ip.to_canonical();
        let inner = embedded(ip);
        let faces = || std::iter::once(ip).chain(inner.iter().copied());
        if faces().any(|ip| self.denied.iter().any(|net| net.contains(&ip))) {
            return Err("configured");
        }
        if self.allowed.iter().any(|rule| rule.allows(ip, port)) {
            return Ok(());
        }
        if network == Network::Tcp && self.denied_ports.contains(&port) {
            return Err("port");
        }
        if let Some(rule) = faces().find_map(denied) {
            return Err(rule);
        }
        let local = self.local.load();
        if faces().any(|ip| local.contains(&ip)) { Err("this_machine") } else { Ok(()) }
    }
}

fn denied(ip: IpAddr) -> Option<&'static str> {
    match ip {
        IpAddr::V4(ip) => DENIED_V4.iter().find(|(net, _)| net.contains(&ip)).map(|(_, rule)| *rule),
        IpAddr::V6(ip) => DENIED_V6.iter().find(|(net, _)| net.contains(&ip)).map(|(_, rule)| *rule),
    }
}

/// IPv4 addresses that a translator or tunnel would make of an IPv6 address.
fn embedded(ip: IpAddr) -> Vec<IpAddr> {
    let IpAddr::V6(ip) = ip else { return Vec::new() };
    let bits = ip.to_bits();
    #[expect(clippy::cast_possible_truncation, reason = "32 bits are cut out on purpose")]
    let at = |shift: u32| Ipv4Addr::from_bits((bits >> shift) as u32);
    let segments = ip.segments();
    let found = match segments {
        // ::/96, IPv4-compatible; and 64:ff9b::/96, NAT64.
        [0, 0, 0, 0, 0, 0, _, _] | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => vec![at(0)],
        // 64:ff9b:1::/48, local NAT64: as a /96, or cut around the u octet of RFC 6052.
        [0x64, 0xff9b, 1, high, low, _, _, _] => {
            let [a, b] = high.to_be_bytes();
            let [_, c] = low.to_be_bytes();
            let [d, _] = segments[5].to_be_bytes();
            vec![at(0), Ipv4Addr::new(a, b, c, d)]
        }
        // 6to4.
        [0x2002, ..] => vec![at(80)],
        // Teredo: the server, and the client inverted.
        [0x2001, 0, ..] => vec![at(64), Ipv4Addr::from_bits(!at(0).to_bits())],
        _ => Vec::new(),
    };
    found.into_iter().map(IpAddr::V4).collect()
}

/// Addresses of every interface, as Linux tells them; empty where it does not.
fn local_addresses() -> HashSet<IpAddr> {
    let v4 = std::fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
    let v6 = std::fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    parse_fib_trie(&v4).chain(parse_if_inet6(&v6)).collect()
}

/// Lines `|-- 192.0.2.1` followed by a line that says `host LOCAL`.
fn parse_fib_trie(text: &str) -> impl Iterator<Item = IpAddr> {
    let lines = text.lines().map(str::trim);
    lines.clone().zip(lines.skip(1)).filter_map(|(line, next)| {
        let address = line.strip_prefix("|-- ")?;
        next.ends_with("host LOCAL").then(|| address.parse().ok()).flatten()
    })
}

/// Lines that begin with 32 hexadecimal digits.
fn parse_if_inet6(text: &str) -> impl Iterator<Item = IpAddr> {
    text.lines().filter_map(|line| {
        let bits = u128::from_str_radix(line.split_whitespace().next()?, 16).ok()?;
        Some(IpAddr::V6(Ipv6Addr::from_bits(bits)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allow: &[&str], deny: &[&str]) -> Rules {
        let settings = ProxySettings {
            egress_allow: allow.iter().map(|rule| rule.parse().unwrap()).collect(),
            egress_deny: deny.iter().map(|net| net.parse().unwrap()).collect(),
            ..ProxySettings::default()
        };
        let rules = Rules::new(&settings);
        rules.local.store(Arc::new(["203.0.113.7", "2001:db8::7"].iter().map(|ip| ip.parse().unwrap()).collect()));
        rules
    }

    fn check(rules: &Rules, ip: &str, port: u16) -> Result<(), &'static str> {
        rules.check(ip.parse().unwrap(), port, Network::Tcp)
    }

    #[test]
    fn every_listed_range_is_denied_in_every_form() {
        let rules = rules(&[], &[]);
        let v4 = [
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "203.0.113.7",
        ];
        for ip in v4 {
            let [a, b, c, d] = ip.parse::<Ipv4Addr>().unwrap().octets();
            let hex = format!("{a:02x}{b:02x}:{c:02x}{d:02x}");
            let inverted = format!("{:02x}{:02x}:{:02x}{:02x}", !a, !b, !c, !d);
            for form in [
                ip.to_owned(),
                format!("::ffff:{ip}"),
                format!("64:ff9b::{ip}"),
                format!("64:ff9b:1::{ip}"),
                format!("64:ff9b:1:{a:02x}{b:02x}:{c:02x}:{d:02x}00::"),
                format!("2002:{hex}::1"),
                format!("2001:0:808:808:0:0:{inverted}"),
                format!("2001:0:{hex}::"),
            ] {
                assert!(check(&rules, &form, 443).is_err(), "{form}");
            }
        }
        for ip in ["::", "::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "2001:db8::7"] {
            assert!(check(&rules, ip, 443).is_err(), "{ip}");
        }
        for ip in
            ["8.8.8.8", "100.128.0.1", "172.32.0.1", "192.0.1.1", "64:ff9b::8.8.8.8", "2002:808:808::1", "2a00::1"]
        {
            assert_eq!(check(&rules, ip, 443), Ok(()), "{ip}");
        }
    }

    #[test]
    fn mail_is_denied_over_tcp_only() {
        let rules = rules(&[], &[]);
        assert_eq!(check(&rules, "8.8.8.8", 25), Err("port"));
        assert_eq!(rules.check("8.8.8.8".parse().unwrap(), 25, Network::Udp), Ok(()));
    }

    #[test]
    fn allowed_entries_open_their_ports_and_the_deny_list_beats_them() {
        let rules = rules(&["127.0.0.1/32:8080-8081", "10.1.0.0/16"], &["10.1.2.0/24", "9.9.9.9/32"]);
        assert_eq!(check(&rules, "127.0.0.1", 8081), Ok(()));
        assert_eq!(check(&rules, "::ffff:127.0.0.1", 8080), Ok(()));
        assert_eq!(check(&rules, "127.0.0.1", 8082), Err("loopback"));
        assert_eq!(check(&rules, "10.1.3.1", 1), Ok(()));
        assert_eq!(check(&rules, "10.1.2.1", 1), Err("configured"));
        assert_eq!(check(&rules, "64:ff9b::9.9.9.9", 1), Err("configured"));
    }

    #[test]
    fn interface_addresses_are_read_from_the_kernels_files() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 192.0.2.0\n        /24 link UNICAST\n     |-- 192.0.2.9\n        /32 host LOCAL\n";
        assert_eq!(parse_fib_trie(trie).collect::<Vec<_>>(), ["192.0.2.9".parse::<IpAddr>().unwrap()]);
        let inet6 = "20010db8000000000000000000000009 02 40 00 80 eth0\n";
        assert_eq!(parse_if_inet6(inet6).collect::<Vec<_>>(), ["2001:db8::9".parse::<IpAddr>().unwrap()]);
        assert!(local_addresses().contains(&IpAddr::V4(Ipv4Addr::LOCALHOST)), "read on this machine");
    }
}
