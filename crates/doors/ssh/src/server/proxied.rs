//! Whose connection it is, as a proxy in front says: the PROXY protocol, versions 1 and 2 (haproxy's proxy-protocol.txt).
//!
//! Only peers that the operator listed are asked; what others send is ssh or nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::{io::AsyncReadExt as _, net::TcpStream};

/// Longest header of version 1, with its line end.
const LINE: usize = 107;
/// Longest header of version 2 that is read, further facts included; proxies send a few hundred bytes.
const BLOCK: usize = 4 << 10;
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const PREFIX: &[u8] = b"PROXY ";

/// What the first bytes of a connection are.
#[derive(Debug, PartialEq, Eq)]
enum Head {
    /// A header of so many bytes. No client: the proxy speaks for itself, or does not know.
    Whole { client: Option<IpAddr>, length: usize },
    /// The beginning of a header, as far as can be seen.
    Unfinished,
    /// No header.
    Wrong,
}

/// Reads a header; gives the client it names, and what was read beyond it. None: there is no header.
pub(super) async fn read(stream: &mut TcpStream) -> Option<(Option<IpAddr>, Vec<u8>)> {
    let mut bytes = Vec::with_capacity(2 * LINE);
    loop {
        match parse(&bytes) {
            Head::Whole { client, length } => {
                let rest = bytes.split_off(length);
                return Some((client, rest));
            }
            Head::Wrong => return None,
            Head::Unfinished => {}
        }
        if !matches!(stream.read_buf(&mut bytes).await, Ok(1..)) {
            return None;
        }
    }
}

fn parse(bytes: &[u8]) -> Head {
    if let Some(rest) = bytes.strip_prefix(SIGNATURE) {
        return block(rest).unwrap_or(Head::Wrong);
    }
    if let Some(rest) = bytes.strip_prefix(PREFIX) {
        return line(rest).unwrap_or(Head::Wrong);
    }
    if SIGNATURE.starts_with(bytes) || PREFIX.starts_with(bytes) { Head::Unfinished } else { Head::Wrong }
}

/// Version 1: `TCP4 192.0.2.1 192.0.2.2 4711 22` or `UNKNOWN …`, and a line end.
fn line(rest: &[u8]) -> Option<Head> {
    let seen = rest.get(..rest.len().min(LINE - PREFIX.len()))?;
    let Some(end) = seen.windows(2).position(|pair| pair == b"\r\n") else {
        return (seen.len() < LINE - PREFIX.len()).then_some(Head::Unfinished);
    };
    let text = std::str::from_utf8(seen.get(..end)?).ok()?;
    let length = PREFIX.len() + end + 2;
    let mut words = text.split(' ');
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(Head::Whole { client: None, length });
    }
    let (source, destination) = (words.next()?, words.next()?);
    let address = |word: &str| match family {
        "TCP4" => word.parse().ok().map(IpAddr::V4),
        "TCP6" => word.parse().ok().map(IpAddr::V6),
        _ => None,
    };
    let client = address(source).filter(|_| address(destination).is_some())?;
    let ports = is_port(words.next()?) && is_port(words.next()?);
    (ports && words.next().is_none()).then_some(Head::Whole { client: Some(client.to_canonical()), length })
}

fn is_port(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit()) && word.parse::<u16>().is_ok()
}

/// Version 2 behind its signature: version and command, family and transport, length, addresses, further facts.
fn block(rest: &[u8]) -> Option<Head> {
    let Some((&[command, family, high, low], body)) = rest.split_first_chunk() else { return Some(Head::Unfinished) };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let whole = SIGNATURE.len() + 4 + length;
    if !matches!(command, 0x20 | 0x21) || whole > BLOCK {
        return None;
    }
    let Some(body) = body.get(..length) else { return Some(Head::Unfinished) };
    let client = match (command, family) {
        // Its own connection, as when it looks whether we are alive; or one of a kind that has no address.
        (0x20, _) | (_, 0x00 | 0x31) => None,
        (_, 0x11) => Some(IpAddr::V4(Ipv4Addr::from(*body.get(..12)?.first_chunk::<4>()?))),
        (_, 0x21) => Some(IpAddr::V6(Ipv6Addr::from(*body.get(..36)?.first_chunk::<16>()?)).to_canonical()),
        _ => return None,
    };
    Some(Head::Whole { client, length: whole })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn client(text: &str) -> Head {
        parse(text.as_bytes())
    }

    fn whole(address: &str, length: usize) -> Head {
        Head::Whole { client: Some(address.parse().unwrap()), length }
    }

    fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family], &length, body].concat()
    }

    #[test]
    fn lines_of_version_one() {
        assert_eq!(client("PROXY TCP4 192.0.2.1 192.0.2.2 4711 22\r\nSSH-2.0-x\r\n"), whole("192.0.2.1", 40));
        assert_eq!(client("PROXY TCP6 2001:db8::7 2001:db8::1 4711 22\r\n"), whole("2001:db8::7", 44));
        assert_eq!(client("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 22\r\n"), whole("192.0.2.1", 38));
        assert_eq!(client("PROXY UNKNOWN\r\n"), Head::Whole { client: None, length: 15 });
        assert_eq!(client("PROXY UNKNOWN ffff:f...f 65535 65535\r\n"), Head::Whole { client: None, length: 38 });
        for wrong in [
            "SSH-2.0-OpenSSH_9.2p1\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 4711\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 4711 22 \r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 4711 65536\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 +471 22\r\n",
            "PROXY TCP4 2001:db8::7 192.0.2.2 4711 22\r\n",
            "PROXY TCP4  192.0.2.1 192.0.2.2 4711 22\r\n",
            "PROXY TCP4 192.0.2.1 nowhere 4711 22\r\n",
            "PROXY UDP4 192.0.2.1 192.0.2.2 4711 22\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 4711 22\n\r\n",
            "PROXY \r\n",
        ] {
            assert_eq!(client(wrong), Head::Wrong, "{wrong:?}");
        }
        let endless = format!("PROXY UNKNOWN {}", "x".repeat(LINE));
        assert_eq!(client(&endless[..LINE - 1]), Head::Unfinished);
        assert_eq!(client(&endless[..LINE]), Head::Wrong);
    }

    #[test]
    fn blocks_of_version_two() {
        let four = [&[192, 0, 2, 1, 192, 0, 2, 2][..], &[0x12, 0x67, 0, 22]].concat();
        let six = ["2001:db8::7", "2001:db8::1"].map(|text| text.parse::<Ipv6Addr>().unwrap().octets()).concat();
        let six = [&six[..], &[0x12, 0x67, 0, 22]].concat();
        assert_eq!(parse(&v2(0x21, 0x11, &four)), whole("192.0.2.1", 28));
        assert_eq!(parse(&v2(0x21, 0x21, &six)), whole("2001:db8::7", 52));
        let facts = [&four[..], &[0x04, 0, 1, 7]].concat();
        assert_eq!(parse(&[&v2(0x21, 0x11, &facts)[..], b"SSH"].concat()), whole("192.0.2.1", 32));
        for (command, family) in [(0x20, 0x00), (0x20, 0x11), (0x21, 0x00), (0x21, 0x31)] {
            assert_eq!(parse(&v2(command, family, &four)), Head::Whole { client: None, length: 28 });
        }
        for (command, family, body) in [
            (0x11, 0x11, &four[..]),
            (0x22, 0x11, &four),
            (0x21, 0x12, &four),
            (0x21, 0x11, &four[..11]),
            (0x21, 0x21, &six[..35]),
        ] {
            assert_eq!(parse(&v2(command, family, body)), Head::Wrong, "{command:x} {family:x}");
        }
        assert_eq!(parse(&v2(0x21, 0x11, &vec![0; BLOCK])), Head::Wrong);
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_answer_and_never_an_endless_one(
            start in prop_oneof![Just(Vec::new()), Just(SIGNATURE.to_vec()), Just(PREFIX.to_vec()), Just(b"PROXY TCP4 ".to_vec()),
                Just([SIGNATURE, &[0x21, 0x11]].concat()), Just([SIGNATURE, &[0x21, 0x21]].concat())],
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b' '), Just(b'\r'), Just(b'\n'), b'0'..=b'9'], 0..300),
        ) {
            let all = [start, bytes].concat();
            match parse(&all) {
                Head::Whole { length, .. } => {
                    prop_assert!(length <= all.len());
                    // What follows does not matter, and what comes in pieces is waited for.
                    prop_assert_eq!(parse(&all[..length]), parse(&all));
                    prop_assert!((0..length).all(|cut| parse(&all[..cut]) == Head::Unfinished));
                }
                Head::Unfinished => prop_assert!(all.len() < BLOCK),
                Head::Wrong => {}
            }
        }
    }
}
