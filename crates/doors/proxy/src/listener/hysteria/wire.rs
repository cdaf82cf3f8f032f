//! Hysteria 2 as bytes: requests and answers of TCP streams, and datagrams with their fragments.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

use crate::{addr::Address, relay::udp::MAX_PAYLOAD};

/// What a TCP stream begins with.
const TCP_REQUEST: u64 = 0x401;
/// Longest address: a name of 255 bytes, a port, brackets.
const ADDRESS: u64 = 300;
/// Longest padding.
const PADDING: u64 = 4_096;
/// The part of a datagram's head before the address.
const HEAD: usize = 4 + 2 + 1 + 1;

/// The bytes can never make sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// A QUIC variable-length integer and its length; `None`: more bytes are needed.
fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let length = 1 << (first >> 6);
    let rest = bytes.get(1..length)?;
    let value = rest.iter().fold(u64::from(first & 0x3f), |value, byte| value << 8 | u64::from(*byte));
    Some((value, length))
}

fn put_varint(value: usize, out: &mut impl BufMut) {
    match (u8::try_from(value), u16::try_from(value)) {
        (Ok(short), _) if short < 0x40 => out.put_u8(short),
        (_, Ok(medium)) if medium < 0x4000 => out.put_u16(0x4000 | medium),
        // Nothing we send is longer than that.
        _ => out.put_u32(0x8000_0000 | u32::try_from(value & 0x3fff_ffff).unwrap_or(0)),
    }
}

/// A length of at most `most` and the bytes it stands for.
fn field(bytes: &[u8], at: usize, most: u64) -> Result<Option<Range<usize>>, Malformed> {
    let Some((length, head)) = bytes.get(at..).and_then(varint) else { return Ok(None) };
    let start = at + head;
    if length > most {
        return Err(Malformed);
    }
    let end = start + usize::try_from(length).map_err(|_| Malformed)?;
    Ok((end <= bytes.len()).then_some(start..end))
}

/// Reads what a TCP stream asks for, and how many bytes that took; `None`: more bytes are needed.
pub(crate) fn parse_request(bytes: &[u8]) -> Result<Option<(Address, usize)>, Malformed> {
    let Some((kind, at)) = varint(bytes) else { return Ok(None) };
    if kind != TCP_REQUEST {
        return Err(Malformed);
    }
    let Some(address) = field(bytes, at, ADDRESS)? else { return Ok(None) };
    let target = bytes.get(address.clone()).and_then(Address::parse_text).ok_or(Malformed)?;
    Ok(field(bytes, address.end, PADDING)?.map(|padding| (target, padding.end)))
}

/// The answer to a TCP stream; `padding` hides its length.
pub(crate) fn answer(is_open: bool, padding: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(padding.len() + 16);
    out.push(u8::from(!is_open));
    // What went wrong is none of the client's business.
    let message: &[u8] = if is_open { b"" } else { b"unreachable" };
    put_varint(message.len(), &mut out);
    out.extend_from_slice(message);
    put_varint(padding.len(), &mut out);
    out.extend_from_slice(padding);
    out
}

/// A datagram from the client: all of a packet or a part.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Datagram {
    pub(crate) session: u32,
    pub(crate) packet: u16,
    pub(crate) fragment: u8,
    /// Never 0, and more than `fragment`.
    pub(crate) count: u8,
    pub(crate) target: Address,
    pub(crate) payload: Bytes,
}

impl Datagram {
    /// Reads a datagram; `None`: it makes no sense.
    pub(crate) fn parse(bytes: &Bytes) -> Option<Self> {
        let [s0, s1, s2, s3, p0, p1, fragment, count] = *bytes.first_chunk::<HEAD>()?;
        let address = field(bytes, HEAD, ADDRESS).ok()??;
        let end = address.end;
        if fragment >= count {
            return None;
        }
        Some(Self {
            session: u32::from_be_bytes([s0, s1, s2, s3]),
            packet: u16::from_be_bytes([p0, p1]),
            fragment,
            count,
            target: Address::parse_text(bytes.get(address)?)?,
            payload: bytes.slice(end..),
        })
    }
}

/// The datagrams that carry a packet, each of at most `most` bytes. None, if it does not fit in 255.
pub(crate) fn datagrams(session: u32, packet: u16, from: &str, payload: &[u8], most: usize) -> Vec<Bytes> {
    let mut head = BytesMut::with_capacity(from.len() + 2);
    put_varint(from.len(), &mut head);
    head.put_slice(from.as_bytes());
    let room = most.saturating_sub(HEAD + head.len());
    if room == 0 {
        return Vec::new();
    }
    let count = payload.len().max(1).div_ceil(room);
    let Ok(count) = u8::try_from(count) else { return Vec::new() };
    let part = |fragment: u8| {
        let start = usize::from(fragment) * room;
        let part = payload.get(start..payload.len().min(start + room)).unwrap_or_default();
        let mut out = BytesMut::with_capacity(HEAD + head.len() + part.len());
        out.put_u32(session);
        out.put_u16(packet);
        out.put_u8(fragment);
        out.put_u8(count);
        out.put_slice(&head);
        out.put_slice(part);
        out.freeze()
    };
    (0..count).map(part).collect()
}

/// The parts of one packet as they come.
#[derive(Debug)]
pub(crate) struct Parts {
    packet: u16,
    pieces: Vec<Option<Bytes>>,
    bytes: usize,
}

impl Parts {
    pub(crate) fn new(first: &Datagram) -> Self {
        Self { packet: first.packet, pieces: vec![None; usize::from(first.count)], bytes: 0 }
    }

    /// Whether a datagram is of this packet.
    pub(crate) fn is_of(&self, datagram: &Datagram) -> bool {
        self.packet == datagram.packet && self.pieces.len() == usize::from(datagram.count)
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes a part; gives the payload once it is whole. `Err`: it would be too long for a datagram.
    pub(crate) fn take(&mut self, fragment: u8, payload: Bytes) -> Result<Option<Vec<u8>>, Malformed> {
        let Some(slot) = self.pieces.get_mut(usize::from(fragment)) else { return Err(Malformed) };
        if slot.is_none() {
            self.bytes += payload.len();
            *slot = Some(payload);
        }
        if self.bytes > MAX_PAYLOAD {
            return Err(Malformed);
        }
        if self.pieces.iter().any(Option::is_none) {
            return Ok(None);
        }
        Ok(Some(self.pieces.iter().flatten().flat_map(|part| part.iter().copied()).collect()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn requests_are_read_however_they_are_cut() {
        let request = b"\x44\x01\x0fexample.com:443\x03pad";
        for cut in 0..request.len() {
            assert_eq!(parse_request(&request[..cut]), Ok(None), "{cut}");
        }
        let (target, length) = parse_request(&[&request[..], b"payload"].concat()).unwrap().unwrap();
        assert_eq!((target.to_string().as_str(), length), ("example.com:443", request.len()));
        let v6 = b"\x44\x01\x10[2001:db8::1]:80\x00";
        assert_eq!(parse_request(v6).unwrap().unwrap().0.to_string(), "[2001:db8::1]:80");
    }

    #[test]
    fn malformed_requests_are_seen_at_once() {
        for bytes in [
            &b"\x44\x02"[..],
            b"\x00",
            b"\x44\x01\x80\x01\x00\x00",
            b"\x44\x01\x0bexample.com\x00",
            b"\x44\x01\x0dexample.com:0",
            b"\x44\x01\x0e exam ple.com:1",
            b"\x44\x01\x00",
            b"\x44\x01\x071.2.3:4\x80\x01\x00\x00",
            b"\x44\x01\x09::1:65536",
        ] {
            assert_eq!(parse_request(bytes), Err(Malformed), "{bytes:?}");
        }
    }

    #[test]
    fn the_shortest_answer_is_three_zeros() {
        assert_eq!(answer(true, b""), [0, 0, 0]);
        assert_eq!(answer(false, &[7; 100])[..13], *b"\x01\x0bunreachable");
        assert_eq!(answer(true, &[7; 100])[..4], [0, 0, 0x40, 100]);
    }

    #[test]
    fn impossible_fragments_are_dropped() {
        let datagram = |bytes: &'static [u8]| Datagram::parse(&Bytes::from_static(bytes));
        assert!(datagram(b"\0\0\0\x01\0\x02\x00\x01\x091.2.3.4:5hi").is_some());
        assert!(datagram(b"\0\0\0\x01\0\x02\x00\x00\x091.2.3.4:5hi").is_none(), "none of none");
        assert!(datagram(b"\0\0\0\x01\0\x02\x02\x02\x091.2.3.4:5hi").is_none(), "beyond the last");
        assert!(datagram(b"\0\0\0\x01\0\x02\x00\x01\x0a1.2.3.4:5").is_none(), "cut");
        assert!(datagram(b"\0\0\0\x01\0\x02").is_none());
        let first = Datagram::parse(&datagrams(1, 2, "1.2.3.4:5", &[0; 3_000], 1_200)[0]).unwrap();
        let mut parts = Parts::new(&first);
        assert_eq!(parts.take(9, Bytes::new()), Err(Malformed));
        assert_eq!(parts.take(0, Bytes::from(vec![0; 65_000])), Ok(None));
        assert_eq!(parts.take(1, Bytes::from(vec![0; 1_000])), Err(Malformed));
        assert!(datagrams(1, 2, "1.2.3.4:5", &[0; 9], 18).is_empty(), "no room");
        assert!(datagrams(1, 2, "1.2.3.4:5", &[0; 900], 20).is_empty(), "too many");
    }

    proptest! {
        #[test]
        fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(Some((_, length))) = parse_request(&bytes) {
                prop_assert!(length <= bytes.len());
            }
            let tail = [&b"\x44\x01"[..], &bytes].concat();
            if let Ok(Some((_, length))) = parse_request(&tail) {
                prop_assert!(length <= tail.len());
                prop_assert_eq!(parse_request(&tail[..length - 1]), Ok(None));
            }
            if let Some(datagram) = Datagram::parse(&Bytes::from(bytes.clone())) {
                prop_assert!(datagram.payload.len() + HEAD < bytes.len());
            }
        }

        #[test]
        fn integers_are_those_of_quic(value in 0usize..0x3fff_ffff) {
            let mut out = Vec::new();
            put_varint(value, &mut out);
            prop_assert_eq!(varint(&out), Some((value as u64, out.len())));
            for cut in 0..out.len() {
                prop_assert_eq!(varint(&out[..cut]), None);
            }
        }

        #[test]
        fn packets_come_together_again_in_any_order(
            payload in prop::collection::vec(any::<u8>(), 0..9_000), most in 80usize..1_500, reverse: bool,
        ) {
            let mut parts = datagrams(7, 9, "[2001:db8::1]:53", &payload, most);
            prop_assert!(!parts.is_empty() && parts.iter().all(|part| part.len() <= most));
            if reverse {
                parts.reverse();
            }
            let parts: Vec<_> = parts.iter().map(|part| Datagram::parse(part).unwrap()).collect();
            let mut whole = Parts::new(&parts[0]);
            let mut read = None;
            for part in parts {
                prop_assert!(read.is_none() && whole.is_of(&part) && part.session == 7);
                read = whole.take(part.fragment, part.payload).unwrap();
            }
            prop_assert_eq!(read, Some(payload));
        }
    }
}
