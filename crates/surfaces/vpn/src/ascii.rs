//! JSON in pure ASCII, as the original writes it: `\uXXXX` in lower case, `/` as `\/` (specs/vpn.md §5.1).

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Writes a value.
pub(crate) fn to_vec(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    // Room for most answers: growing moves what was written.
    let mut text = Vec::with_capacity(1024);
    value.serialize(&mut Serializer::with_formatter(&mut text, Ascii))?;
    Ok(text)
}

/// Writes a text with its quotes.
pub(crate) fn quoted(text: &str) -> Vec<u8> {
    // Writing a text to memory cannot fail; an empty text would still be JSON.
    to_vec(&text).unwrap_or_else(|_never| b"\"\"".to_vec())
}

struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: io::Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(|c: char| !c.is_ascii() || c == '/') {
            let (plain, from) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut chars = from.chars();
            match chars.next() {
                Some('/') => writer.write_all(b"\\/")?,
                Some(foreign) => {
                    for unit in foreign.encode_utf16(&mut [0; 2]) {
                        write!(writer, "\\u{unit:04x}")?;
                    }
                }
                None => {}
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text;

    #[test]
    fn texts_are_escaped_as_the_original_does() {
        let written = |text: &str| String::from_utf8(quoted(text)).unwrap();
        assert_eq!(written("添加用户成功"), r#""\u6dfb\u52a0\u7528\u6237\u6210\u529f""#);
        assert_eq!(written("操作成功"), r#""\u64cd\u4f5c\u6210\u529f""#);
        assert_eq!(written("删除用户成功"), r#""\u5220\u9664\u7528\u6237\u6210\u529f""#);
        assert_eq!(written(text::PASSWORD_MASK), r#""\u2642\u2640\u263a\u266a\u266b\u25d9\u2642\u2640""#);
        assert_eq!(written("/某\"\\\n\u{1f600}x"), r#""\/\u67d0\"\\\n\ud83d\ude00x""#);
        assert_eq!(written(""), r#""""#);
    }

    proptest! {
        #[test]
        fn every_text_comes_back_and_is_ascii(text in any::<String>()) {
            let written = quoted(&text);
            prop_assert!(written.is_ascii());
            prop_assert_eq!(serde_json::from_slice::<String>(&written).unwrap(), text);
        }
    }
}
