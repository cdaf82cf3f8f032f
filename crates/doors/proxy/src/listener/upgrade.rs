//! The HTTP request that opens a WebSocket (specs/proxy.md §5.6). Whatever it is not, the fallback serves.

use std::net::IpAddr;

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use ipnet::IpNet;

/// Longest head: early data of 8,192 bytes in base64, and what browsers and CDNs send beside it.
pub(crate) const HEAD: usize = 20 << 10;
/// Longest payload in front of the first message.
const EARLY: usize = 8_192;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

/// What a listener upgrades.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) path: String,
    /// `None`: any host.
    pub(crate) host: Option<String>,
}

/// What the first bytes inside TLS are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// More bytes are needed.
    More,
    /// Something else.
    Foreign(&'static str),
    /// A handshake for us.
    Upgrade(Upgrade),
}

/// A handshake.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Upgrade {
    /// What to send.
    pub(crate) answer: Vec<u8>,
    /// Payload that came with the request.
    pub(crate) early: Vec<u8>,
    /// Bytes the request took.
    pub(crate) length: usize,
    /// `X-Forwarded-For`, last header last.
    forwarded: Vec<String>,
}

impl Site {
    /// Reads a request from the first bytes of a connection.
    pub(crate) fn parse(&self, bytes: &[u8]) -> Head {
        if !b"GET /".starts_with(bytes.get(..5).unwrap_or(bytes)) {
            return Head::Foreign("not_http");
        }
        let Some(end) = bytes.windows(4).position(|end| end == b"\r\n\r\n") else {
            return if bytes.len() < HEAD { Head::More } else { Head::Foreign("long_head") };
        };
        let head = bytes.get(..end).and_then(|head| std::str::from_utf8(head).ok());
        head.and_then(|head| self.read(head, end + 4)).map_or(Head::Foreign("no_upgrade"), Head::Upgrade)
    }

    fn read(&self, head: &str, length: usize) -> Option<Upgrade> {
        let (first, rest) = head.split_once("\r\n")?;
        let target = first.strip_prefix("GET ")?.strip_suffix(" HTTP/1.1")?;
        if target.split('?').next()? != self.path {
            return None;
        }
        let mut headers = Vec::new();
        for line in rest.split("\r\n") {
            let (name, value) = line.split_once(':')?;
            headers.push((name, value.trim()));
        }
        let all = |wanted: &'static str| {
            headers.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| *value)
        };
        let only = |wanted| {
            let mut values = all(wanted);
            values.next().filter(|_| values.next().is_none())
        };
        let lists = |wanted, word: &str| {
            all(wanted).flat_map(|value| value.split(',')).any(|listed| listed.trim().eq_ignore_ascii_case(word))
        };
        let is_host = |wanted: &str| {
            let asked = only("host")?;
            let bare =
                asked.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(asked, |(name, _)| name);
            (asked.eq_ignore_ascii_case(wanted) || bare.eq_ignore_ascii_case(wanted)).then_some(())
        };
        if let Some(host) = &self.host {
            is_host(host)?;
        }
        if !lists("upgrade", "websocket") || !lists("connection", "upgrade") || only("sec-websocket-version")? != "13" {
            return None;
        }
        let accept = gatehouse_websocket::accept(only("sec-websocket-key")?.as_bytes())?;
        let mut answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"
        );
        let protocol = only("sec-websocket-protocol");
        let early = protocol.and_then(early_data).unwrap_or_default();
        if let Some(protocol) = protocol.filter(|_| !early.is_empty()) {
            answer.push_str("Sec-WebSocket-Protocol: ");
            answer.push_str(protocol);
            answer.push_str("\r\n");
        }
        answer.push_str("\r\n");
        let forwarded = all("x-forwarded-for").map(str::to_owned).collect();
        Some(Upgrade { answer: answer.into_bytes(), early, length, forwarded })
    }
}

impl Upgrade {
    /// The client's address: what the last proxies we know say, else the peer's own.
    pub(crate) fn client(&self, peer: IpAddr, proxies: &[IpNet]) -> IpAddr {
        let is_proxy = |ip: IpAddr| proxies.iter().any(|net| net.contains(&ip));
        let mut client = peer.to_canonical();
        for hop in self.forwarded.iter().rev().flat_map(|line| line.rsplit(',')) {
            if !is_proxy(client) {
                break;
            }
            let Ok(ip) = hop.trim().parse::<IpAddr>() else { break };
            client = ip.to_canonical();
        }
        client
    }
}

/// Payload in the place of a subprotocol, in either alphabet; none if it is none.
fn early_data(text: &str) -> Option<Vec<u8>> {
    let alphabet = if text.contains(['-', '_']) { alphabet::URL_SAFE } else { alphabet::STANDARD };
    let data = GeneralPurpose::new(&alphabet, LENIENT).decode(text).ok()?;
    (data.len() <= EARLY).then_some(data)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn site(host: Option<&str>) -> Site {
        Site { path: "/ray".to_owned(), host: host.map(str::to_owned) }
    }

    fn request(target: &str, more: &str) -> String {
        format!(
            "GET {target} HTTP/1.1\r\nHost: Cdn.example.com:8443\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{more}\r\n"
        )
    }

    fn upgrade(site: &Site, request: &str) -> Option<Upgrade> {
        match site.parse(request.as_bytes()) {
            Head::Upgrade(upgrade) => Some(upgrade),
            Head::Foreign(_) => None,
            Head::More => panic!("a whole head: {request}"),
        }
    }

    #[test]
    fn a_handshake_is_read_however_it_is_cut() {
        let request = request("/ray?ed=2048", "");
        for cut in 0..request.len() {
            assert_eq!(site(None).parse(&request.as_bytes()[..cut]), Head::More, "{cut}");
        }
        for host in [None, Some("cdn.example.com"), Some("cdn.example.com:8443")] {
            let upgrade = upgrade(&site(host), &format!("{request}more")).unwrap();
            assert_eq!((upgrade.length, upgrade.early.len()), (request.len(), 0));
            let answer = String::from_utf8(upgrade.answer).unwrap();
            assert!(answer.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{answer}");
            assert!(answer.ends_with("\r\n\r\n") && !answer.contains("Protocol:"), "{answer}");
        }
    }

    #[test]
    fn everything_else_is_foreign() {
        let good = request("/ray", "");
        for (what, text) in [
            ("path", request("/other", "")),
            ("longer path", request("/rays", "")),
            ("no upgrade", good.replace("Upgrade: WebSocket\r\n", "")),
            ("no connection", good.replace("keep-alive, Upgrade", "keep-alive")),
            ("version", good.replace("13", "8")),
            ("key", good.replace(KEY, "x")),
            ("two keys", request("/ray", &format!("Sec-WebSocket-Key: {KEY}\r\n"))),
            ("old HTTP", good.replace("HTTP/1.1", "HTTP/1.0")),
            ("method", good.replace("GET", "PUT")),
            ("no header", request("/ray", "nonsense\r\n")),
            ("endless head", format!("GET /{}", "a".repeat(HEAD))),
        ] {
            assert!(upgrade(&site(None), &text).is_none(), "{what}");
        }
        assert!(upgrade(&site(Some("other.example.com")), &good).is_none(), "host");
        assert_eq!(site(None).parse(b"\x16"), Head::Foreign("not_http"));
    }

    #[test]
    fn early_data_comes_in_both_alphabets_and_is_echoed() {
        for text in ["-_-_", "+/+/", "+/+/AA==", "-_-_AA"] {
            let upgrade =
                upgrade(&site(None), &request("/ray", &format!("Sec-WebSocket-Protocol: {text}\r\n"))).unwrap();
            assert_eq!(upgrade.early[..3], [0xfb, 0xff, 0xbf], "{text}");
            let answer = String::from_utf8(upgrade.answer).unwrap();
            assert!(answer.contains(&format!("Sec-WebSocket-Protocol: {text}\r\n")), "{answer}");
        }
        for text in ["not base64!".to_owned(), "A".repeat(12_000)] {
            let upgrade =
                upgrade(&site(None), &request("/ray", &format!("Sec-WebSocket-Protocol: {text}\r\n"))).unwrap();
            assert!(upgrade.early.is_empty() && !String::from_utf8(upgrade.answer).unwrap().contains("Protocol:"));
        }
    }

    #[test]
    fn only_known_proxies_say_who_the_client_is() {
        let more = "X-Forwarded-For: 203.0.113.1, 203.0.113.9\r\nx-forwarded-for: 10.0.0.2\r\n";
        let upgrade = upgrade(&site(None), &request("/ray", more)).unwrap();
        let client = |peer: &str, proxies: &[&str]| {
            let proxies: Vec<_> = proxies.iter().map(|net| net.parse().unwrap()).collect();
            upgrade.client(peer.parse().unwrap(), &proxies).to_string()
        };
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client("192.0.2.1", &["10.0.0.0/8"]), "192.0.2.1");
        assert_eq!(client("10.0.0.1", &["10.0.0.0/30"]), "203.0.113.9");
        assert_eq!(client("::ffff:10.0.0.1", &["10.0.0.1/32"]), "10.0.0.2");
    }

    proptest! {
        #[test]
        fn any_head_does_no_harm(tail in prop::collection::vec(any::<u8>(), 0..400), text in "[ -~\r\n]{0,200}") {
            let site = site(None);
            let _ = site.parse(&[b"GET /ray HTTP/1.1\r\n", &tail[..], b"\r\n\r\n"].concat());
            let _ = site.parse(request("/ray", &text).as_bytes());
            let _ = site.parse(&tail);
        }
    }
}
