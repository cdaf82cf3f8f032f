//! Mutated packets: 100,000, and on for `FUZZ_SECONDS` where that is set, with other packets than the run before:
//! `FUZZ_SECONDS=600 cargo test --release -p gatehouse-radius-wire --test it fuzz -- --nocapture`.

use std::time::{Duration, Instant};

use gatehouse_radius_wire::{Builder, Code, Packet, attribute, chap, dictionary, mppe, mschap, password};

const SECRET: &[u8] = b"xyzzy5461";
const COUNT: u64 = 100_000;

/// A small generator (`SplitMix64`).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}

/// Valid packets of every kind that the door reads.
fn seeds() -> Vec<Vec<u8>> {
    let mut pap = Builder::request(Code::AccessRequest, 1, [1; 16]).signed();
    pap.put_text(attribute::USER_NAME, "nemo");
    pap.put(attribute::USER_PASSWORD, &password::hide(SECRET, &[1; 16], b"arctangent").unwrap());
    pap.put_text(attribute::CALLING_STATION_ID, "192.0.2.9");
    pap.put(attribute::PROXY_STATE, b"state");
    let mut chap = Builder::request(Code::AccessRequest, 2, [2; 16]);
    chap.put_text(attribute::USER_NAME, "nemo");
    chap.put(attribute::CHAP_PASSWORD, &[3; 17]);
    chap.put(attribute::CHAP_CHALLENGE, &[4; 16]);
    let mut mschap = Builder::request(Code::AccessRequest, 3, [5; 16]);
    mschap.put_text(attribute::USER_NAME, "DOMAIN\\nemo");
    mschap.put_vendor(attribute::MICROSOFT, attribute::microsoft::CHAP_CHALLENGE, &[6; 16]);
    mschap.put_vendor(attribute::MICROSOFT, attribute::microsoft::CHAP2_RESPONSE, &[7; 50]);
    let mut eap = Builder::request(Code::AccessRequest, 4, [8; 16]).signed();
    eap.put_split(attribute::EAP_MESSAGE, &[9; 600]);
    let mut stop = Builder::request(Code::AccountingRequest, 5, [0; 16]);
    stop.put_integer(attribute::ACCT_STATUS_TYPE, 2);
    stop.put_text(attribute::ACCT_SESSION_ID, "0000ABCD");
    stop.put_integer(attribute::ACCT_INPUT_OCTETS, u32::MAX);
    let mut accept = Builder::request(Code::AccessAccept, 6, [0; 16]).signed();
    accept.put(attribute::DELEGATED_IPV6_PREFIX, &[0; 18]);
    accept.put_vendor(attribute::MICROSOFT, attribute::microsoft::MPPE_SEND_KEY, &[10; 34]);
    accept.put_vendor(attribute::ERX, 65, b"\x01inet");
    let mut nak = Builder::request(Code::DisconnectNak, 7, [0; 16]);
    nak.put_integer(attribute::ERROR_CAUSE, 503);
    let status = Builder::request(Code::StatusServer, 8, [11; 16]).signed();
    [pap, chap, mschap, eap, stop, accept, nak, status].map(|builder| builder.finish(SECRET).unwrap()).to_vec()
}

/// Changes a packet: bytes, lengths, cuts, repeats; half of the time the length field is made to fit again, so that the mutation
/// gets past the first check.
fn mutate(packet: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(packet.len());
        match random.below(6) {
            0 => packet[at] = random.byte(),
            1 => packet[at] ^= 1 << random.below(8),
            2 => packet.truncate(at.max(1)),
            3 => packet.insert(at, random.byte()),
            4 => {
                let piece = packet[at..packet.len().min(at + 40)].to_vec();
                packet.extend(piece);
            }
            _ => {
                packet.remove(at);
                packet.push(0);
            }
        }
    }
    if packet.len() >= 20 && random.below(2) == 0 {
        let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
        packet[2..4].copy_from_slice(&length);
    }
}

/// Does to a datagram whatever a server does.
fn take_apart(datagram: &[u8]) -> bool {
    let Ok(packet) = Packet::parse(datagram) else { return false };
    let read: usize = packet.attributes().map(|attribute| attribute.value.len() + 2).sum();
    assert_eq!(read + 20, packet.bytes().len());
    _ = packet.verify_request(SECRET);
    _ = packet.verify_reply(SECRET, &[1; 16]);
    for value in packet.all(attribute::USER_PASSWORD) {
        assert!(password::reveal(SECRET, packet.authenticator(), value).is_none_or(|plain| plain.len() <= value.len()));
    }
    for value in packet.all(attribute::CHAP_PASSWORD) {
        assert!(!chap::Chap::read(&packet, value).is_some_and(|chap| chap.matches(b"arctangent")));
    }
    for attribute in packet.vendor_attributes(attribute::MICROSOFT) {
        if let Some(response) = mschap::Response::read(attribute.value) {
            assert!(!response.matches(&[6; 16], b"nemo", &mschap::nt_hash("arctangent")));
        }
        _ = mppe::decrypt(SECRET, packet.authenticator(), attribute.value);
    }
    let lines = dictionary::describe(&packet);
    assert!(lines.len() <= packet.bytes().len());
    // The reply repeats Proxy-State, of which a packet can be full; then attribute 80 does not fit.
    if let Ok(reply) = Builder::reply(Code::AccessReject, packet).finish(SECRET) {
        let reply = Packet::parse(&reply).unwrap();
        assert!(reply.verify_reply(SECRET, packet.authenticator()).is_ok());
        assert!(reply.all(attribute::PROXY_STATE).eq(packet.all(attribute::PROXY_STATE)));
    }
    true
}

#[test]
fn mutated_packets_are_taken_apart_or_dropped() {
    #[expect(clippy::disallowed_methods, reason = "a knob of this test, not configuration")]
    let seconds: Option<u64> = std::env::var("FUZZ_SECONDS").ok().map(|seconds| seconds.parse().unwrap());
    let until = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let seeds = seeds();
    assert!(seeds.iter().all(|seed| take_apart(seed)));
    // The short run is the same every time; a failure of a long one prints the packet that failed.
    let mut random = Random(if seconds.is_some() { std::process::id().into() } else { 2_865 });
    let (mut count, mut parsed) = (0_u64, 0_u64);
    while count < COUNT || until.is_some_and(|until| Instant::now() < until) {
        let mut packet = seeds[random.below(seeds.len())].clone();
        mutate(&mut packet, &mut random);
        let taken = std::panic::catch_unwind(|| take_apart(&packet));
        parsed += u64::from(taken.unwrap_or_else(|_| panic!("packet {}", hex::encode(&packet))));
        count += 1;
    }
    println!("{count} packets, {parsed} well-formed");
    assert!(parsed > count / 20, "the mutations reach what is behind the first check");
}
