//! From bytes of a target to text: streaming, never failing (specs/bastion.md §7.3).

use bytes::{Bytes, BytesMut};
use encoding_rs::{CoderResult, Decoder as Stream, GBK};
use gatehouse_domain::bastion::terminal::Encoding;

const REPLACEMENT: &[u8] = "\u{FFFD}".as_bytes();

/// Decodes one stream of output.
pub(crate) enum Decoder {
    Utf8(Utf8),
    Gbk(Box<Stream>),
}

impl Decoder {
    pub(crate) fn new(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Utf8 => Self::Utf8(Utf8::default()),
            Encoding::Gbk => Self::Gbk(Box::new(GBK.new_decoder_without_bom_handling())),
        }
    }

    /// What became text. Shares memory with the bytes when it equals them, or a part of them.
    pub(crate) fn decode(&mut self, bytes: &Bytes) -> Bytes {
        match self {
            Self::Utf8(utf8) => utf8.decode(bytes),
            Self::Gbk(stream) => gbk(stream, bytes),
        }
    }

    /// What is left when nothing follows.
    pub(crate) fn finish(&mut self) -> Bytes {
        match self {
            Self::Utf8(utf8) => utf8.finish(),
            Self::Gbk(stream) => converted(stream, &[], true),
        }
    }
}

fn gbk(stream: &mut Stream, bytes: &Bytes) -> Bytes {
    if bytes.is_ascii() && stream.latin1_byte_compatible_up_to(bytes) == Some(bytes.len()) {
        return bytes.clone();
    }
    converted(stream, bytes, false)
}

fn converted(stream: &mut Stream, mut bytes: &[u8], is_last: bool) -> Bytes {
    let mut text = String::new();
    loop {
        text.reserve(stream.max_utf8_buffer_length(bytes.len()).unwrap_or(bytes.len()).max(16));
        let (result, read, _) = stream.decode_to_string(bytes, &mut text, is_last);
        bytes = bytes.get(read..).unwrap_or_default();
        if result == CoderResult::InputEmpty {
            return Bytes::from(text);
        }
    }
}

/// UTF-8 with up to three bytes that wait for the rest of their character.
#[derive(Debug, Default)]
pub(crate) struct Utf8 {
    waiting: Vec<u8>,
}

impl Utf8 {
    fn decode(&mut self, bytes: &Bytes) -> Bytes {
        if self.waiting.is_empty() {
            let Err(valid) = std::str::from_utf8(bytes) else { return bytes.clone() };
            if valid.error_len().is_none() {
                self.waiting.extend_from_slice(bytes.get(valid.valid_up_to()..).unwrap_or_default());
                return bytes.slice(..valid.valid_up_to());
            }
        }
        let mut all = std::mem::take(&mut self.waiting);
        all.extend_from_slice(bytes);
        let mut text = BytesMut::with_capacity(all.len() + REPLACEMENT.len());
        let mut rest = all.as_slice();
        loop {
            let Err(error) = std::str::from_utf8(rest) else {
                text.extend_from_slice(rest);
                return text.freeze();
            };
            let (good, bad) = rest.split_at(error.valid_up_to());
            text.extend_from_slice(good);
            let Some(length) = error.error_len() else {
                self.waiting = bad.to_vec();
                return text.freeze();
            };
            text.extend_from_slice(REPLACEMENT);
            rest = bad.get(length..).unwrap_or_default();
        }
    }

    fn finish(&mut self) -> Bytes {
        if std::mem::take(&mut self.waiting).is_empty() { Bytes::new() } else { Bytes::from_static(REPLACEMENT) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(encoding: Encoding, pieces: &[&[u8]]) -> String {
        let mut decoder = Decoder::new(encoding);
        let mut all = Vec::new();
        for piece in pieces {
            let part = decoder.decode(&Bytes::copy_from_slice(piece));
            assert!(std::str::from_utf8(&part).is_ok());
            all.extend_from_slice(&part);
        }
        all.extend_from_slice(&decoder.finish());
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn the_vectors_of_the_specification() {
        let utf8 = |pieces: &[&[u8]]| text(Encoding::Utf8, pieces);
        assert_eq!(utf8(&[b"\xFF\xFE"]), "\u{FFFD}\u{FFFD}");
        assert_eq!(utf8(&[b"\xE4\xB8", b"\xAD"]), "中");
        assert_eq!(utf8(&[b"\xE4\xB8A"]), "\u{FFFD}A");
        assert_eq!(utf8(&[b"\xE4\xB8", b"A"]), "\u{FFFD}A");
        assert_eq!(utf8(&[b"\xC0\x80"]), "\u{FFFD}\u{FFFD}");
        assert_eq!(utf8(&[b"\xED\xA0\x80"]), "\u{FFFD}\u{FFFD}\u{FFFD}");
        assert_eq!(utf8(&[b"\xF0\x9F\x98"]), "\u{FFFD}");
        assert_eq!(utf8(&[b"\xF0", b"\x9F", b"\x98", b"\x80!"]), "😀!");
    }

    #[test]
    fn whole_text_is_not_copied() {
        let bytes = Bytes::from_static("plain 中".as_bytes());
        let mut decoder = Decoder::new(Encoding::Utf8);
        assert_eq!(decoder.decode(&bytes).as_ptr(), bytes.as_ptr());
        let cut = bytes.slice(..bytes.len() - 1);
        assert_eq!((decoder.decode(&cut).as_ptr(), decoder.decode(&bytes.slice(bytes.len() - 1..))), {
            (bytes.as_ptr(), Bytes::from_static("中".as_bytes()))
        });
        let mut gbk = Decoder::new(Encoding::Gbk);
        let ascii = Bytes::from_static(b"ls -la");
        assert_eq!(gbk.decode(&ascii).as_ptr(), ascii.as_ptr());
    }

    #[test]
    fn gbk_arrives_in_pieces_too() {
        let gbk = |pieces: &[&[u8]]| text(Encoding::Gbk, pieces);
        assert_eq!(gbk(&[b"\xD6\xD0\xCE\xC4 abc"]), "中文 abc");
        assert_eq!(gbk(&[b"\xD6", b"\xD0\xCE", b"\xC4", b"abc"]), "中文abc");
        assert_eq!(gbk(&[b"\xD6"]), "\u{FFFD}");
    }

    proptest! {
        #[test]
        fn pieces_give_what_the_whole_gives(bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0xE0..=0xF4_u8, 0x80..=0xBF_u8], 0..200), at in 0_usize..200) {
            let at = at.min(bytes.len());
            let (one, two) = bytes.split_at(at);
            prop_assert_eq!(text(Encoding::Utf8, &[one, two]), String::from_utf8_lossy(&bytes));
            prop_assert_eq!(text(Encoding::Gbk, &[one, two]), GBK.decode_without_bom_handling(&bytes).0);
        }
    }
}
