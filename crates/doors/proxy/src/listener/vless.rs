//! The VLESS request (specs/proxy.md §5.4).

use super::tunnel::{Command, Hello, Request};
use crate::{addr::Address, table::UserTable};

/// Protobuf field 1, length-delimited: the flow.
const FLOW_TAG: u8 = 0x0A;

/// Reads `version, uuid, addons, command, address`; foreign until the uuid is a user's.
pub(crate) fn parse(bytes: &[u8], table: &UserTable) -> Hello {
    let Some((version, rest)) = bytes.split_first() else { return Hello::More };
    if *version != 0 {
        return Hello::Foreign("not_vless");
    }
    let Some((uuid, rest)) = rest.split_first_chunk::<16>() else { return Hello::More };
    let Some(user) = table.by_uuid(uuid) else { return Hello::Foreign("unknown_user") };
    let Some((addons, rest)) = rest.split_first() else { return Hello::More };
    let Some((addons, rest)) = rest.split_at_checked(usize::from(*addons)) else { return Hello::More };
    if let [FLOW_TAG, length, ..] = addons
        && *length > 0
    {
        return Hello::Refused("flow_unsupported");
    }
    let length = 1 + 16 + 1 + addons.len() + 1;
    let Some((command, rest)) = rest.split_first() else { return Hello::More };
    if *command == 3 {
        return Hello::Request(Request { user, command: Command::Xudp }, length);
    }
    let command = match command {
        1 => Command::Connect,
        2 => Command::VlessUdp,
        _ => return Hello::Refused("command"),
    };
    match Address::parse_vless(rest) {
        Ok(Some((target, more))) => Hello::Request(Request { user, command: command(target) }, length + more),
        Ok(None) => Hello::More,
        Err(_) => Hello::Refused("address"),
    }
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

    fn request(addons: &[u8], rest: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0];
        bytes.extend_from_slice(testing::uuid(1).as_bytes());
        bytes.push(u8::try_from(addons.len()).unwrap());
        bytes.extend_from_slice(addons);
        bytes.extend_from_slice(rest);
        bytes
    }

    #[test]
    fn requests_are_read_however_they_are_cut() {
        let table = table();
        for rest in [&b"\x01\x01\xbb\x02\x0bexample.com"[..], b"\x02\x00\x35\x01\x08\x08\x08\x08", b"\x03"] {
            let bytes = request(&[], rest);
            for cut in 0..bytes.len() {
                assert!(matches!(parse(&bytes[..cut], &table), Hello::More), "{cut}");
            }
            let with_payload = [&bytes[..], b"payload"].concat();
            assert!(matches!(parse(&with_payload, &table), Hello::Request(_, length) if length == bytes.len()));
        }
    }

    #[test]
    fn vision_and_strangers_are_refused() {
        let table = table();
        let vision = request(&[&[FLOW_TAG, 16][..], b"xtls-rprx-vision"].concat(), b"\x01");
        assert!(matches!(parse(&vision, &table), Hello::Refused("flow_unsupported")));
        let seed = request(&[0x12, 2, 1, 1], b"\x03");
        assert!(matches!(parse(&seed, &table), Hello::Request(..)));
        assert!(matches!(parse(&[1], &table), Hello::Foreign(_)));
        assert!(matches!(parse(&[0; 17], &table), Hello::Foreign("unknown_user")));
        assert!(matches!(parse(&request(&[], b"\x04"), &table), Hello::Refused("command")));
    }

    proptest! {
        #[test]
        fn any_bytes_after_a_good_uuid_do_no_harm(tail in prop::collection::vec(any::<u8>(), 0..400)) {
            let bytes = [&request(&[], &[])[..17], &tail].concat();
            if let Hello::Request(_, length) = parse(&bytes, &table()) {
                prop_assert!(length <= bytes.len());
            }
        }
    }
}
