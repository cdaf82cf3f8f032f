//! Entries of `proxy.egress_allow`: targets that the proxy door reaches although it denies them by default.

use std::{
    borrow::Cow,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    str::FromStr,
};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de::Error as _};

/// Addresses and ports that may be reached: `CIDR[:port[-port]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressRule {
    net: IpNet,
    ports: RangeInclusive<u16>,
}

/// Why a text is no [`EgressRule`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EgressRuleError {
    /// Not of the form.
    #[error("`CIDR`, `CIDR:port` or `CIDR:port-port`, such as \"192.0.2.10/32:443\"")]
    Syntax,
    /// It would open every service of this machine.
    #[error("covers loopback or link-local addresses, hence must name ports: `127.0.0.1/32:8080`")]
    NoPorts,
}

/// Ranges in which an entry must say which services it means.
const LOCAL: [&str; 6] = ["127.0.0.0/8", "0.0.0.0/8", "169.254.0.0/16", "::/127", "fe80::/10", "::ffff:0.0.0.0/96"];

const ALL_PORTS: RangeInclusive<u16> = 1..=u16::MAX;

impl EgressRule {
    /// Exactly one listener.
    pub fn listener(at: SocketAddr) -> Self {
        Self { net: at.ip().into(), ports: at.port()..=at.port() }
    }

    /// Whether it allows a target.
    pub fn allows(&self, ip: IpAddr, port: u16) -> bool {
        self.net.contains(&ip) && self.ports.contains(&port)
    }
}

impl FromStr for EgressRule {
    type Err = EgressRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, rest) = text.split_once('/').ok_or(EgressRuleError::Syntax)?;
        let (prefix, ports) = rest.split_once(':').map_or((rest, None), |(prefix, ports)| (prefix, Some(ports)));
        let net: IpNet = format!("{address}/{prefix}").parse().map_err(|_| EgressRuleError::Syntax)?;
        let ports = ports.map_or(Some(ALL_PORTS), parse_ports).ok_or(EgressRuleError::Syntax)?;
        let is_local = || LOCAL.iter().filter_map(|local| local.parse().ok()).any(|local| overlap(&local, &net));
        if ports == ALL_PORTS && is_local() {
            return Err(EgressRuleError::NoPorts);
        }
        Ok(Self { net, ports })
    }
}

impl<'de> Deserialize<'de> for EgressRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

fn parse_ports(text: &str) -> Option<RangeInclusive<u16>> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let (from, to) = (from.parse().ok()?, to.parse().ok()?);
    (0 < from && from <= to).then_some(from..=to)
}

fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_covers_this_machine_must_name_ports() {
        for good in [
            "192.0.2.10/32:443",
            "10.0.0.0/8",
            "10.1.2.3/32:80-90",
            "fd00::/8:53",
            "fd00::/8",
            "127.0.0.1/32:80",
            "::1/128:443",
        ] {
            assert!(good.parse::<EgressRule>().is_ok(), "{good}");
        }
        for bad in [
            "127.0.0.0/8",
            "127.0.0.1/32",
            "::1/128",
            "169.254.1.1/32",
            "fe80::/64",
            "0.0.0.0/0",
            "::/0",
            "127.0.0.1/32:1-65535",
        ] {
            assert_eq!(bad.parse::<EgressRule>(), Err(EgressRuleError::NoPorts), "{bad}");
        }
        for bad in [
            "",
            "10.0.0.1",
            "x/8:1",
            "example.com:80",
            "10.0.0.0/33",
            "10.0.0.1/32:0",
            "10.0.0.1/32:90-80",
            "10.0.0.0/8:x",
            ":80",
        ] {
            assert_eq!(bad.parse::<EgressRule>(), Err(EgressRuleError::Syntax), "{bad}");
        }
    }

    #[test]
    fn a_rule_allows_its_addresses_and_ports_only() {
        let allows = |rule: &str, ip: &str, port| rule.parse::<EgressRule>().unwrap().allows(ip.parse().unwrap(), port);
        assert!(allows("10.1.2.3/16:80-90", "10.1.9.9", 90) && allows("10.1.0.0/16", "10.1.0.0", 65_535));
        assert!(!allows("10.1.2.3/16:80-90", "10.1.9.9", 91) && !allows("10.1.2.3/16:80", "10.2.0.1", 80));
        let at = "[2001:db8::1]:443".parse().unwrap();
        assert_eq!(EgressRule::listener(at), "2001:db8::1/128:443".parse().unwrap());
    }
}
