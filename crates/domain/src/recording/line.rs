//! Lines of asciicast v2: `[seconds, kind, text]`, seconds since the beginning with three digits.

use std::io::Write as _;

use serde_json::json;

use crate::bastion::terminal::Size;

/// What an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Output,
    Input,
    Resize,
    Marker,
}

impl Event {
    const fn letter(self) -> char {
        match self {
            Self::Output => 'o',
            Self::Input => 'i',
            Self::Resize => 'r',
            Self::Marker => 'm',
        }
    }
}

/// The header line, without line end.
pub(super) fn header(size: Size, began: i64, term: &str, title: &str) -> String {
    json!({
        "version": 2,
        "width": size.cols,
        "height": size.rows,
        "timestamp": began.div_euclid(1_000),
        "env": {"TERM": term},
        "title": title,
    })
    .to_string()
}

/// Appends one event with its line end; `at` in milliseconds.
pub(super) fn push(lines: &mut Vec<u8>, at: i64, event: Event, text: &str) {
    // Writing into a vector cannot fail.
    let _ = write!(lines, "[{}.{:03},\"{}\",", at.div_euclid(1_000), at.rem_euclid(1_000), event.letter());
    escape(lines, text);
    lines.extend_from_slice(b"]\n");
}

/// Appends a JSON string. Output is mostly plain: eight bytes are looked at together, which takes a third of the time of
/// one by one.
fn escape(lines: &mut Vec<u8>, text: &str) {
    lines.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (plain, special) = rest.split_at(plain_length(rest));
        lines.extend_from_slice(plain);
        let Some((byte, after)) = special.split_first() else { break };
        match byte {
            b'"' => lines.extend_from_slice(b"\\\""),
            b'\\' => lines.extend_from_slice(b"\\\\"),
            b'\n' => lines.extend_from_slice(b"\\n"),
            b'\r' => lines.extend_from_slice(b"\\r"),
            b'\t' => lines.extend_from_slice(b"\\t"),
            // Only control characters remain.
            byte => {
                let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' + value - 10 };
                lines.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
            }
        }
        rest = after;
    }
    lines.push(b'"');
}

/// How many bytes stand as they are: no control characters, quotes or backslashes.
fn plain_length(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // Bytes below n or equal to a byte; a byte of 0x80 and more is neither (the usual bit trick).
    let below = |word: u64, n: u64| word.wrapping_sub(ONES * n) & !word;
    let equal = |word: u64, byte: u64| below(word ^ (ONES * byte), 1);
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let special = (below(word, 0x20) | equal(word, u64::from(b'"')) | equal(word, u64::from(b'\\'))) & HIGH;
        if special != 0 {
            // The lowest marked byte is always right; only those above it may be marked by a borrow.
            return index * 8 + special.trailing_zeros() as usize / 8;
        }
    }
    let is_special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    words.len() * 8 + rest.iter().position(is_special).unwrap_or(rest.len())
}

/// The time of a line in milliseconds; none for what is no event.
pub(super) fn time(line: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(line.get(1..)?).ok()?;
    let (seconds, rest) = text.split_once('.')?;
    let millis = rest.get(..3)?;
    seconds.parse::<i64>().ok()?.checked_mul(1_000)?.checked_add(millis.parse().ok()?)
}

/// Whether a line is a change of size.
pub(super) fn is_resize(line: &[u8]) -> bool {
    let comma = line.iter().take(24).position(|byte| *byte == b',');
    comma.and_then(|at| line.get(at..)).is_some_and(|rest| rest.starts_with(b",\"r\","))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_a_line_that_json_reads_back(text in "(\\PC|[\x00-\x7f\"\\\\]){0,60}", at in 0_i64..100_000_000) {
            let mut lines = Vec::new();
            push(&mut lines, at, Event::Output, &text);
            prop_assert_eq!(lines.iter().position(|byte| *byte == b'\n'), Some(lines.len() - 1));
            let (seconds, letter, read): (f64, char, String) = serde_json::from_slice(&lines).unwrap();
            prop_assert_eq!(letter, 'o');
            prop_assert_eq!(format!("{seconds:.3}"), format!("{}.{:03}", at / 1_000, at % 1_000));
            prop_assert_eq!(read, text);
            prop_assert_eq!(time(&lines), Some(at));
        }
    }

    #[test]
    fn a_change_of_size_is_told_from_output_that_looks_like_one() {
        let line = |event, text| {
            let mut lines = Vec::new();
            push(&mut lines, 1_500, event, text);
            lines
        };
        assert_eq!(line(Event::Resize, "80x24"), b"[1.500,\"r\",\"80x24\"]\n");
        assert!(is_resize(&line(Event::Resize, "80x24")));
        assert!(!is_resize(&line(Event::Output, "[1.0,\"r\",\"80x24\"]")));
        assert_eq!(time(b"{\"version\":2}"), None);
    }

    #[test]
    fn the_header_is_what_players_expect() {
        let header = header(Size { cols: 80, rows: 24 }, 1_767_225_600_123, "xterm", "a \"b\"");
        let read: serde_json::Value = serde_json::from_str(&header).unwrap();
        let wanted = json!({"version": 2, "width": 80, "height": 24, "timestamp": 1_767_225_600, "env": {"TERM": "xterm"}, "title": "a \"b\""});
        assert_eq!(read, wanted);
    }
}
