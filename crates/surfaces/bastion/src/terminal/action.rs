//! What clients ask for, in either protocol.

use bytes::Bytes;
use gatehouse_domain::bastion::terminal::{Encoding, Size};
use serde_json::Value;

/// Largest width and height.
const LARGEST: u64 = 1_000;

/// One message of a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Bytes for the target, as it wants them.
    Input(Bytes),
    /// A new size.
    Resize(Size),
    /// A signal, without `SIG`.
    Signal(String),
    /// Bytes that have arrived.
    Acknowledge(u64),
    /// Bytes that may be in flight.
    Window(u64),
    /// Throw away what waits.
    Drop,
    /// The answer to a question.
    Answer {
        /// The question.
        id: u64,
        /// Yes.
        accept: bool,
    },
    /// To be answered with the same value.
    Ping(Value),
    /// The person leaves.
    End,
    /// Nothing that could be used.
    Bad,
}

/// A size as clients write it: integers, brought to 1–1000 each; negative ones and anything else are no size.
pub(super) fn size(value: &Value) -> Option<Size> {
    let side = |name| Some(value.get(name)?.as_u64()?.clamp(1, LARGEST)).and_then(|side| u32::try_from(side).ok());
    Some(Size { cols: side("cols")?, rows: side("rows")? })
}

/// Text as the target reads it. Characters that its encoding lacks become question marks.
pub(super) fn encode(text: String, encoding: Encoding) -> Bytes {
    match encoding {
        Encoding::Utf8 => text.into(),
        Encoding::Gbk => {
            let mut encoded = Vec::with_capacity(text.len());
            let mut utf8 = [0; 4];
            for character in text.chars() {
                let (bytes, _, is_lossy) = encoding_rs::GBK.encode(character.encode_utf8(&mut utf8));
                encoded.extend_from_slice(if is_lossy { b"?" } else { &bytes });
            }
            encoded.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sizes_are_brought_into_bounds_or_are_none() {
        let read = |cols: Value, rows: Value| size(&json!({"cols": cols, "rows": rows})).map(|s| (s.cols, s.rows));
        assert_eq!(read(json!(80), json!(24)), Some((80, 24)));
        assert_eq!(read(json!(0), json!(9_999_999_999_u64)), Some((1, 1_000)));
        for unusable in [json!(-1), json!(1.5), json!("80"), json!(null), json!([80]), json!(true)] {
            assert_eq!(read(unusable.clone(), json!(24)), None, "{unusable}");
            assert_eq!(read(json!(24), unusable.clone()), None, "{unusable}");
        }
        assert_eq!(size(&json!({"cols": 80})), None);
    }

    #[test]
    fn text_is_encoded_for_the_target() {
        assert_eq!(encode("中a".to_owned(), Encoding::Utf8), "中a");
        assert_eq!(encode("中a".to_owned(), Encoding::Gbk).as_ref(), [0xd6, 0xd0, b'a']);
        assert_eq!(encode("a😀b".to_owned(), Encoding::Gbk), "a?b");
    }
}
