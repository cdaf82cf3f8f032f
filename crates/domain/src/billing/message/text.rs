//! What a message may say, and how it is stored (specs/billing.md §5.3).

use crate::billing::Refusal;

/// Longest run of characters without a blank.
const RUN: usize = 64;

/// A text as it is stored: control characters other than newlines dropped, at most two newlines in a row, runs of more than 64
/// characters without a blank wrapped.
///
/// Errors: `MessageLong` for more than `most` characters as sent; `MessageEmpty` for nothing but white space, and for `0`, which
/// is nothing to the product that the API is of.
pub(super) fn normalise(text: &str, most: usize) -> Result<String, Refusal> {
    if text.chars().count() > most {
        return Err(Refusal::MessageLong);
    }
    let mut stored = String::with_capacity(text.len());
    let (mut newlines, mut run) = (0, 0);
    for c in text.chars() {
        if c == '\n' {
            newlines += 1;
            run = 0;
            if newlines > 2 {
                continue;
            }
        } else if c.is_control() {
            continue;
        } else if c.is_whitespace() {
            newlines = 0;
            run = 0;
        } else {
            newlines = 0;
            if run == RUN {
                stored.push('\n');
                run = 0;
            }
            run += 1;
        }
        stored.push(c);
    }
    if stored.trim().is_empty() || stored == "0" {
        return Err(Refusal::MessageEmpty);
    }
    Ok(stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(text: &str) -> String {
        normalise(text, 1_500).unwrap()
    }

    #[test]
    fn a_text_is_stored_as_sent_but_for_what_breaks_pages() {
        assert_eq!(stored("<b>У меня</b> & \"так\""), "<b>У меня</b> & \"так\"");
        assert_eq!(stored("a\u{0}b\tc\r\nd\u{1b}[31m"), "abc\nd[31m");
        assert_eq!(stored("a\n\nb\n\n\n\n\nc"), "a\n\nb\n\nc");
        assert_eq!(stored("a\r\n\r\n\r\nb"), "a\n\nb");
        let run = "я".repeat(64);
        assert_eq!(stored(&run), run);
        assert_eq!(stored(&format!("{run}{run}z")), format!("{run}\n{run}\nz"));
        assert_eq!(stored(&format!("{run} {run}")), format!("{run} {run}"));
    }

    #[test]
    fn nothing_is_refused_and_so_is_too_much() {
        for text in ["", " \n\t ", "0", "\u{1}\u{2}"] {
            assert_eq!(normalise(text, 1_500), Err(Refusal::MessageEmpty), "{text:?}");
        }
        assert_eq!(stored("00"), "00");
        assert!(normalise(&"a ".repeat(750), 1_500).is_ok());
        assert_eq!(normalise(&"я".repeat(1_501), 1_500), Err(Refusal::MessageLong));
        assert_eq!(normalise(&" ".repeat(1_501), 1_500), Err(Refusal::MessageLong), "length comes first");
    }

    proptest::proptest! {
        #[test]
        fn what_is_stored_is_stored_the_same_again(text in "[a-zя\\n\\r\\t <&\u{7}]{0,200}") {
            if let Ok(once) = normalise(&text, 1_500) {
                proptest::prop_assert_eq!(normalise(&once, usize::MAX), Ok(once.clone()));
                proptest::prop_assert!(!once.contains("\n\n\n"));
                proptest::prop_assert!(once.split_whitespace().all(|run| run.chars().count() <= RUN));
            }
        }
    }
}
