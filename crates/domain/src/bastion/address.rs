//! Where targets are: addresses as they are given, checked and dialled (specs/bastion.md §8.1).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{Edit, Fault};

/// Whether an address is never dialled. Asked when a resource is saved, and of what its name resolves to.
///
/// Loopback is a setting: a bastion's own machine may be a target. Private ranges are the point and allowed.
pub fn is_forbidden(ip: IpAddr, allow_loopback: bool) -> bool {
    match ip {
        IpAddr::V4(ip) => is_forbidden_v4(ip, allow_loopback),
        IpAddr::V6(ip) => {
            if let Some(inner) = embedded(ip) {
                return is_forbidden_v4(inner, allow_loopback);
            }
            let is_metadata = ip == Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254);
            ip.is_unspecified()
                || ip.is_unicast_link_local()
                || ip.is_multicast()
                || is_metadata
                || (ip.is_loopback() && !allow_loopback)
        }
    }
}

fn is_forbidden_v4(ip: Ipv4Addr, allow_loopback: bool) -> bool {
    let [first, ..] = ip.octets();
    first == 0 || ip.is_link_local() || ip.is_multicast() || first >= 240 || (ip.is_loopback() && !allow_loopback)
}

/// The IPv4 address that packets to this one reach: IPv4-mapped, or behind the well-known prefix of NAT64.
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let nat64 = match ip.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            Some(Ipv4Addr::new(a, b, c, d))
        }
        _ => None,
    };
    ip.to_ipv4_mapped().or(nat64)
}

/// An address in one of three forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// IPv4.
    V4(Ipv4Addr),
    /// IPv6.
    V6(Ipv6Addr),
    /// A DNS name in lower case, without the dot at its end.
    Domain(String),
}

/// Longest DNS name that is kept, characters.
const MAX_DOMAIN: usize = 100;

impl Address {
    /// Reads the form in which an address is dialled: an IP address or a DNS name.
    pub fn from_host(host: &str) -> Option<Self> {
        let host = host.trim();
        match host.parse::<IpAddr>() {
            Ok(IpAddr::V4(ip)) => Some(Self::V4(ip)),
            Ok(IpAddr::V6(ip)) => Some(Self::V6(ip)),
            Err(_) => domain(host).map(Self::Domain),
        }
    }

    /// As it is dialled and compared: one text per target.
    pub fn host(&self) -> String {
        match self {
            Self::V4(ip) => ip.to_string(),
            Self::V6(ip) => ip.to_canonical().to_string(),
            Self::Domain(name) => name.clone(),
        }
    }

    /// The three columns: IPv4, IPv6, name.
    pub(crate) fn columns(&self) -> [Option<String>; 3] {
        match self {
            Self::V4(ip) => [Some(ip.to_string()), None, None],
            Self::V6(ip) => [None, Some(ip.to_string()), None],
            Self::Domain(name) => [None, None, Some(name.clone())],
        }
    }

    /// Name of its field.
    pub(crate) const fn field(&self) -> &'static str {
        match self {
            Self::V4(_) => "ipv4_address",
            Self::V6(_) => "ipv6_address",
            Self::Domain(_) => "domain",
        }
    }

    /// Whether it may be saved. A name is checked again for each address it resolves to.
    pub(crate) fn is_allowed(&self, allow_loopback: bool) -> bool {
        match self {
            Self::V4(ip) => !is_forbidden(IpAddr::V4(*ip), allow_loopback),
            Self::V6(ip) => !is_forbidden(IpAddr::V6(*ip), allow_loopback),
            Self::Domain(_) => true,
        }
    }
}

/// What a caller said of the three forms: keep it, clear it, or a text.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// IPv4 address.
    pub ipv4: Edit<String>,
    /// IPv6 address.
    pub ipv6: Edit<String>,
    /// DNS name.
    pub domain: Edit<String>,
}

impl Given {
    /// An address that replaces whatever there was; `None`: the old one stays.
    ///
    /// Faults: (`ip`, `one_of`) for several, or when the last one is cleared; (`ipv4_address` | `ipv6_address` | `domain`, `malformed` |
    /// `forbidden_address`).
    pub(crate) fn read(&self, old: Option<&Address>, allow_loopback: bool) -> Result<Option<Address>, Vec<Fault>> {
        fn text(given: &Edit<String>) -> Option<&str> {
            match given {
                Edit::Set(text) => Some(text.trim()).filter(|text| !text.is_empty()),
                Edit::Keep | Edit::Clear => None,
            }
        }
        let (mut found, mut faults) = (Vec::new(), Vec::new());
        if let Some(text) = text(&self.ipv4) {
            match text.parse() {
                Ok(ip) => found.push(Address::V4(ip)),
                Err(_) => faults.push(Fault::new("ipv4_address", "malformed")),
            }
        }
        if let Some(text) = text(&self.ipv6) {
            match text.parse() {
                Ok(ip) => found.push(Address::V6(ip)),
                Err(_) => faults.push(Fault::new("ipv6_address", "malformed")),
            }
        }
        if let Some(text) = text(&self.domain) {
            match domain(text) {
                Some(name) => found.push(Address::Domain(name)),
                None => faults.push(Fault::new("domain", "malformed")),
            }
        }
        if found.len() + faults.len() > 1 {
            faults.push(Fault::new("ip", "one_of"));
        }
        let refused = found.iter().filter(|address| !address.is_allowed(allow_loopback));
        faults.extend(refused.map(|address| Fault::new(address.field(), "forbidden_address")));
        if !faults.is_empty() {
            return Err(faults);
        }
        if let Some(address) = found.pop() {
            return Ok(Some(address));
        }
        let is_cleared = match old {
            None => true,
            Some(Address::V4(_)) => self.ipv4 != Edit::Keep,
            Some(Address::V6(_)) => self.ipv6 != Edit::Keep,
            Some(Address::Domain(_)) => self.domain != Edit::Keep,
        };
        if is_cleared { Err(vec![Fault::new("ip", "one_of")]) } else { Ok(None) }
    }
}

/// Reads a DNS name of letters, digits and hyphens (names in other scripts as `xn--`); nothing that a resolver takes for an
/// address.
fn domain(text: &str) -> Option<String> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    if name.is_empty() || name.len() > MAX_DOMAIN {
        return None;
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = name.rsplit('.').next()?;
    // `10.1`, `2130706433` and `0x7f.1` are addresses to many resolvers.
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if name.split('.').all(is_label) && !is_number { Some(name) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn what_must_not_be_dialled_is_refused_in_every_spelling() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "febf::1",
            "ff02::1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "::ffff:0.0.0.0",
            "64:ff9b::a9fe:a9fe",
        ] {
            assert!(is_forbidden(ip(text), true), "{text}");
        }
        for text in
            ["10.0.0.1", "192.168.1.1", "172.16.0.1", "8.8.8.8", "100.64.0.1", "fd00::1", "2001:db8::1", "fec0::1"]
        {
            assert!(!is_forbidden(ip(text), false), "{text}");
        }
        for text in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(!is_forbidden(ip(text), true) && is_forbidden(ip(text), false), "{text}");
        }
    }

    #[test]
    fn names_are_names_and_not_addresses() {
        for (text, name) in [
            ("Web-1.Example.COM.", "web-1.example.com"),
            ("localhost", "localhost"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("1.example", "1.example"),
            ("0x1.example", "0x1.example"),
        ] {
            assert_eq!(domain(text).as_deref(), Some(name));
        }
        let long = format!("{}.example", "a".repeat(93));
        for text in [
            "",
            ".",
            "a..b",
            "-a.example",
            "a-.example",
            "a_b.example",
            "bücher.example",
            "1.2.3.4",
            "10.1",
            "2130706433",
            "0x7f.0x1",
            "0x7f000001",
            "::1",
            "[::1]",
            "a b",
            "a:22",
            "user@host",
            "a/b",
            "a\0b",
            &long,
        ] {
            assert_eq!(domain(text), None, "{text}");
        }
    }

    #[test]
    fn exactly_one_form_is_taken() {
        let some = |text: &str| Edit::Set(text.to_owned());
        let v4 = Given { ipv4: some("10.0.0.1"), ipv6: Edit::Clear, ..Given::default() };
        assert_eq!(v4.read(None, true).unwrap().unwrap().host(), "10.0.0.1");
        let both = Given { ipv6: some("fd00::1"), ..v4.clone() };
        assert_eq!(both.read(None, true).unwrap_err(), [Fault::new("ip", "one_of")]);
        assert_eq!(Given::default().read(None, true).unwrap_err(), [Fault::new("ip", "one_of")]);
        let old = Address::V4(Ipv4Addr::new(10, 0, 0, 2));
        assert_eq!(Given::default().read(Some(&old), true), Ok(None));
        let named = Given { domain: some("web.example"), ..Given::default() };
        assert_eq!(named.read(Some(&old), true).unwrap().unwrap().host(), "web.example");
        let cleared = Given { ipv4: Edit::Clear, ..Given::default() };
        assert_eq!(cleared.read(Some(&old), true).unwrap_err(), [Fault::new("ip", "one_of")]);
        let wrong = Given { ipv4: some("010.0.0.1"), ..Given::default() };
        assert_eq!(wrong.read(None, true).unwrap_err(), [Fault::new("ipv4_address", "malformed")]);
        let mapped = Given { ipv6: some("::ffff:10.0.0.1"), ..Given::default() };
        assert_eq!(mapped.read(None, true).unwrap().unwrap().host(), "10.0.0.1", "one text per target");
        let refused = Given { ipv6: some("fe80::1"), ..Given::default() };
        assert_eq!(refused.read(None, true).unwrap_err(), [Fault::new("ipv6_address", "forbidden_address")]);
    }

    proptest::proptest! {
        #[test]
        fn a_host_is_read_again_as_itself(text in "[a-z0-9.:x-]{0,40}") {
            if let Some(address) = Address::from_host(&text) {
                let host = address.host();
                proptest::prop_assert_eq!(Address::from_host(&host).map(|again| again.host()), Some(host));
            }
        }

        #[test]
        fn a_name_never_parses_as_an_address(text in "[0-9a-fx.]{1,20}") {
            if let Some(name) = domain(&text) {
                proptest::prop_assert!(name.parse::<IpAddr>().is_err());
            }
        }

        #[test]
        fn a_mapped_address_is_judged_like_the_address(bits in proptest::prelude::any::<u32>(), loopback in proptest::prelude::any::<bool>()) {
            let v4 = Ipv4Addr::from(bits);
            let mapped = IpAddr::V6(v4.to_ipv6_mapped());
            proptest::prop_assert_eq!(is_forbidden(mapped, loopback), is_forbidden(IpAddr::V4(v4), loopback));
        }
    }
}
