//! Frames as bytes.

use bytes::{BufMut, Bytes, BytesMut};

/// Largest payload of a control frame.
pub const CONTROL_LIMIT: usize = 125;

/// Kinds of frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// More of a message.
    Continuation,
    /// A text message.
    Text,
    /// A binary message.
    Binary,
    /// The end.
    Close,
    /// Asks whether the peer is there.
    Ping,
    /// Answers that.
    Pong,
}

impl Kind {
    const fn opcode(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    const fn of(opcode: u8) -> Option<Self> {
        match opcode {
            0 => Some(Self::Continuation),
            1 => Some(Self::Text),
            2 => Some(Self::Binary),
            8 => Some(Self::Close),
            9 => Some(Self::Ping),
            10 => Some(Self::Pong),
            _ => None,
        }
    }

    /// Whether it is about the connection and may stand between the parts of a message.
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// The head of a client's frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Whether the message ends with it.
    pub is_last: bool,
    /// What it is.
    pub kind: Kind,
    /// What the payload is masked with.
    pub mask: [u8; 4],
    /// Length of the payload.
    pub payload: u64,
    /// Length of the head itself.
    pub length: usize,
}

/// A frame that breaks the protocol.
#[derive(Debug, PartialEq, Eq)]
pub struct Violation;

impl Head {
    /// Reads a head from the first bytes of a frame; `None`: more bytes are needed.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, Violation> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        let kind = Kind::of(first & 0x0f).ok_or(Violation)?;
        let is_last = first & 0x80 != 0;
        // No extension was agreed on, and clients mask.
        if first & 0x70 != 0 || second & 0x80 == 0 {
            return Err(Violation);
        }
        let (payload, extended) = match second & 0x7f {
            126 => match rest.first_chunk::<2>() {
                Some(length) => (u64::from(u16::from_be_bytes(*length)), 2),
                None => return Ok(None),
            },
            127 => match rest.first_chunk::<8>() {
                Some(length) => (u64::from_be_bytes(*length), 8),
                None => return Ok(None),
            },
            length => (u64::from(length), 0),
        };
        if kind.is_control() && (!is_last || payload > CONTROL_LIMIT as u64) {
            return Err(Violation);
        }
        let Some(mask) = rest.get(extended..).and_then(<[u8]>::first_chunk::<4>) else { return Ok(None) };
        Ok(Some(Self { is_last, kind, mask: *mask, payload, length: 2 + extended + 4 }))
    }
}

/// Takes the mask off a whole payload.
pub fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

/// The head of one of our frames, each of which is a whole message.
pub fn head(kind: Kind, payload: usize) -> Bytes {
    let mut head = BytesMut::with_capacity(10);
    put_head(&mut head, kind, payload);
    head.freeze()
}

/// A whole frame of ours.
pub fn whole(kind: Kind, payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(10 + payload.len());
    put_head(&mut frame, kind, payload.len());
    frame.put_slice(payload);
    frame.freeze()
}

fn put_head(buffer: &mut BytesMut, kind: Kind, payload: usize) {
    buffer.put_u8(0x80 | kind.opcode());
    match (u8::try_from(payload), u16::try_from(payload)) {
        (Ok(short), _) if short < 126 => buffer.put_u8(short),
        (_, Ok(medium)) => {
            buffer.put_u8(126);
            buffer.put_u16(medium);
        }
        _ => {
            buffer.put_u8(127);
            buffer.put_u64(payload as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn heads_of_all_lengths_are_read_and_written() {
        assert_eq!(head(Kind::Text, 125).as_ref(), [0x81, 125]);
        assert_eq!(head(Kind::Binary, 126).as_ref(), [0x82, 126, 0, 126]);
        assert_eq!(head(Kind::Binary, 65_536).as_ref(), [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
        let expected = Head { is_last: true, kind: Kind::Text, mask: [1, 2, 3, 4], payload: 300, length: 8 };
        let bytes = [0x81, 0xfe, 1, 44, 1, 2, 3, 4, 99];
        assert_eq!(Head::parse(&bytes), Ok(Some(expected)));
        for cut in 0..8 {
            assert_eq!(Head::parse(&bytes[..cut]), Ok(None), "{cut} bytes are not enough");
        }
    }

    #[test]
    fn frames_that_break_the_protocol_are_seen() {
        let broken: [(&[u8], &str); 5] = [
            (&[0x81, 0x01], "without a mask"),
            (&[0xc1, 0x81], "a reserved bit"),
            (&[0x83, 0x81], "an unknown kind"),
            (&[0x09, 0x81, 0, 0, 0, 0], "a ping in parts"),
            (&[0x89, 0xfe, 0, 126, 0, 0, 0, 0], "a ping too long"),
        ];
        for (bytes, what) in broken {
            assert_eq!(Head::parse(bytes), Err(Violation), "{what}");
        }
    }

    proptest! {
        #[test]
        fn masking_twice_changes_nothing_and_once_is_byte_by_byte(payload: Vec<u8>, mask: [u8; 4]) {
            let mut masked = payload.clone();
            unmask(&mut masked, mask);
            let by_byte: Vec<u8> = payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]).collect();
            prop_assert_eq!(&masked, &by_byte);
            unmask(&mut masked, mask);
            prop_assert_eq!(masked, payload);
        }
    }
}
