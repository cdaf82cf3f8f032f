//! The Trojan request (specs/proxy.md §5.3).

use super::tunnel::{Command, Hello, Request};
use crate::{
    addr::{Address, be16},
    table::UserTable,
};

const HASH: usize = 56;

/// Reads `hex(SHA-224) CRLF command address CRLF`; foreign as soon as a byte cannot match.
pub(crate) fn parse(bytes: &[u8], table: &UserTable) -> Hello {
    let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let (hash, rest) = bytes.split_at(bytes.len().min(HASH));
    if !hash.iter().all(is_hex) || !b"\r\n".starts_with(rest.get(..2).unwrap_or(rest)) {
        return Hello::Foreign("not_trojan");
    }
    let Some(rest) = rest.get(2..) else { return Hello::More };
    let mut key = [0; 28];
    let user = hex::decode_to_slice(hash, &mut key).ok().and_then(|()| table.by_trojan_hash(&key));
    let Some(user) = user else { return Hello::Foreign("unknown_user") };
    let Some((command, rest)) = rest.split_first() else { return Hello::More };
    if !matches!(command, 1 | 3) {
        return Hello::Foreign("command");
    }
    let (target, length) = match Address::parse_socks(rest) {
        Ok(Some(parsed)) => parsed,
        Ok(None) => return Hello::More,
        // UDP associate names no target; clients may write port 0.
        Err(_) if *command == 3 => return associate(user, rest),
        Err(_) => return Hello::Foreign("address"),
    };
    let end = rest.get(length..).unwrap_or_default();
    if !b"\r\n".starts_with(end.get(..2).unwrap_or(end)) {
        return Hello::Foreign("address");
    }
    if end.len() < 2 {
        return Hello::More;
    }
    let command = if *command == 1 { Command::Connect(target) } else { Command::TrojanUdp };
    Hello::Request(Request { user, command }, HASH + 2 + 1 + length + 2)
}

/// A UDP associate whose address has port 0.
fn associate(user: std::sync::Arc<crate::user::User>, rest: &[u8]) -> Hello {
    let length = match rest {
        [1, ..] => 1 + 4,
        [3, length, ..] => 2 + usize::from(*length),
        [4, ..] => 1 + 16,
        _ => return Hello::Foreign("address"),
    };
    let Some(end) = rest.get(length + 2..) else { return Hello::More };
    if be16(rest, length) != Some(0) || !b"\r\n".starts_with(end.get(..2).unwrap_or(end)) {
        return Hello::Foreign("address");
    }
    if end.len() < 2 {
        return Hello::More;
    }
    Hello::Request(Request { user, command: Command::TrojanUdp }, HASH + 2 + 1 + length + 2 + 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{table::Used, testing};

    fn table() -> UserTable {
        let table = UserTable::new();
        table.apply(&[testing::row(1, testing::uuid(1))], &[], Used::Settled, gatehouse_model::Millis(0));
        table
    }

    fn request(command: u8) -> Vec<u8> {
        let hash = crate::user::trojan_hash(testing::uuid(1).to_string().as_bytes());
        let mut bytes = hex::encode(hash).into_bytes();
        bytes.extend_from_slice(b"\r\n");
        bytes.push(command);
        bytes.extend_from_slice(b"\x03\x0bexample.com\x00\x50\r\n");
        bytes
    }

    #[test]
    fn a_request_is_read_however_it_is_cut() {
        let table = table();
        for command in [1, 3] {
            let bytes = request(command);
            for cut in 0..bytes.len() {
                assert!(matches!(parse(&bytes[..cut], &table), Hello::More), "{cut}");
            }
            let with_payload = [&bytes[..], b"GET /"].concat();
            let Hello::Request(_, length) = parse(&with_payload, &table) else { panic!("no request") };
            assert_eq!(length, bytes.len());
        }
    }

    #[test]
    fn an_associate_without_port_is_read_however_it_is_cut() {
        let table = table();
        let mut bytes = request(3);
        bytes.truncate(HASH + 3);
        bytes.extend_from_slice(b"\x01\0\0\0\0\0\0\r\n");
        for cut in 0..bytes.len() {
            assert!(matches!(parse(&bytes[..cut], &table), Hello::More), "{cut}");
        }
        assert!(matches!(parse(&bytes, &table), Hello::Request(_, length) if length == bytes.len()));
    }

    #[test]
    fn strangers_are_told_at_the_first_byte_that_cannot_match() {
        let table = table();
        for foreign in [&b"G"[..], b"0123A", &request(2), &[&request(1)[..56], b"\n"].concat(), &[b'0'; 58]] {
            assert!(matches!(parse(foreign, &table), Hello::Foreign(_)));
        }
        let unknown = [&[b'0'; 56][..], b"\r\n"].concat();
        assert!(matches!(parse(&unknown, &table), Hello::Foreign("unknown_user")));
    }

    proptest! {
        #[test]
        fn any_bytes_after_a_good_hash_do_no_harm(tail in prop::collection::vec(any::<u8>(), 0..300)) {
            let bytes = [&request(1)[..58], &tail].concat();
            if let Hello::Request(_, length) = parse(&bytes, &table()) {
                prop_assert!(length <= bytes.len());
            }
        }
    }
}
