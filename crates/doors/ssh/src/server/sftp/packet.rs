//! Packets of SFTP version 3: lengths, fields, status answers.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

/// Largest packet, its length included.
const LARGEST: usize = (256 << 10) + 1_024;

pub(super) const INIT: u8 = 1;
pub(super) const VERSION: u8 = 2;
pub(super) const OPEN: u8 = 3;
pub(super) const CLOSE: u8 = 4;
pub(super) const READ: u8 = 5;
pub(super) const WRITE: u8 = 6;
pub(super) const LSTAT: u8 = 7;
pub(super) const FSTAT: u8 = 8;
pub(super) const SETSTAT: u8 = 9;
pub(super) const FSETSTAT: u8 = 10;
pub(super) const OPENDIR: u8 = 11;
pub(super) const READDIR: u8 = 12;
pub(super) const REMOVE: u8 = 13;
pub(super) const MKDIR: u8 = 14;
pub(super) const RMDIR: u8 = 15;
pub(super) const REALPATH: u8 = 16;
pub(super) const STAT: u8 = 17;
pub(super) const RENAME: u8 = 18;
pub(super) const READLINK: u8 = 19;
pub(super) const SYMLINK: u8 = 20;
pub(super) const STATUS: u8 = 101;
pub(super) const HANDLE: u8 = 102;
pub(super) const DATA: u8 = 103;
pub(super) const EXTENDED: u8 = 200;

pub(super) const STATUS_OK: u32 = 0;
pub(super) const STATUS_EOF: u32 = 1;
pub(super) const PERMISSION_DENIED: u32 = 3;
pub(super) const FAILURE: u32 = 4;
pub(super) const UNSUPPORTED: u32 = 8;

/// No packet of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// Puts packets together.
#[derive(Debug, Default)]
pub(super) struct Frames {
    buffer: BytesMut,
    is_broken: bool,
}

impl Frames {
    pub(super) fn push(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    /// The next whole packet with its length.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, Malformed> {
        let Some(Ok(length)) = self.buffer.get(..4).map(<[u8; 4]>::try_from) else { return Ok(None) };
        let whole = 4 + usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX - 4);
        if !(5..=LARGEST).contains(&whole) {
            self.is_broken = true;
            return Err(Malformed);
        }
        if self.buffer.len() < whole {
            return Ok(None);
        }
        Ok(Some(self.buffer.split_to(whole).freeze()))
    }

    pub(super) fn is_broken(&self) -> bool {
        self.is_broken
    }
}

/// Reads the fields of a packet.
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The fields after the length; the first is the kind.
    pub(super) fn new(packet: &'a [u8]) -> Self {
        Self(packet.get(4..).unwrap_or_default())
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        self.0.try_get_u8().map_err(|_| Malformed)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        self.0.try_get_u32().map_err(|_| Malformed)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Malformed> {
        self.0.try_get_u64().map_err(|_| Malformed)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.u32()?).map_err(|_| Malformed)?;
        let (field, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(field)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A packet of a kind and its fields.
pub(super) fn packet(kind: u8, fields: &[u8]) -> Bytes {
    let mut packet = BytesMut::with_capacity(5 + fields.len());
    packet.put_u32(u32::try_from(fields.len() + 1).unwrap_or(u32::MAX));
    packet.put_u8(kind);
    packet.put_slice(fields);
    packet.freeze()
}

/// An answer of ours.
pub(super) fn status(id: u32, code: u32, text: &str) -> Bytes {
    let mut fields = BytesMut::new();
    fields.put_u32(id);
    fields.put_u32(code);
    string(&mut fields, text.as_bytes());
    string(&mut fields, b"");
    packet(STATUS, &fields)
}

pub(super) fn string(into: &mut BytesMut, text: &[u8]) {
    into.put_u32(u32::try_from(text.len()).unwrap_or(u32::MAX));
    into.put_slice(text);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn packets_are_found_whatever_the_pieces(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..10), size in 1_usize..40) {
            let packets: Vec<_> = packets.iter().map(|fields| packet(OPEN, fields)).collect();
            let mut frames = Frames::default();
            let mut found = Vec::new();
            for piece in packets.concat().chunks(size) {
                frames.push(piece);
                while let Some(frame) = frames.next().unwrap() {
                    found.push(frame);
                }
            }
            prop_assert_eq!(found, packets);
        }

        #[test]
        fn anything_may_come(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut frames = Frames::default();
            frames.push(&bytes);
            while let Ok(Some(frame)) = frames.next() {
                let mut fields = Fields::new(&frame);
                let _ = (fields.byte(), fields.u32(), fields.bytes(), fields.u64(), fields.is_empty());
            }
        }
    }

    #[test]
    fn a_packet_too_large_or_empty_breaks_the_connection() {
        for length in [0_u32, 300_000, u32::MAX] {
            let mut frames = Frames::default();
            frames.push(&length.to_be_bytes());
            assert_eq!(frames.next(), Err(Malformed));
            assert!(frames.is_broken());
        }
    }
}
