//! Limits of texts on the vpn surface, in bytes of UTF-8 (specs/vpn.md §6 "Limits").

use gatehouse_model::Millis;

/// Notes, passwords, and the names of users, roles, resources and resource groups.
pub(crate) const SHORT: usize = 48;
/// Phone numbers, all together.
pub(crate) const PHONE: usize = 30;
/// Names of groups.
pub(crate) const GROUP_NAME: usize = 96;
/// Paths of groups: an index entry of PostgreSQL ends at about 2,700.
pub(crate) const GROUP_PATH: usize = 2_000;

/// Whether a text is short enough and without control characters. An empty one is.
pub(crate) fn is_text(text: &str, limit: usize) -> bool {
    text.len() <= limit && is_askable(text)
}

/// Whether a text is a name: not empty, without a leading comma.
pub(crate) fn is_name(text: &str, limit: usize) -> bool {
    !text.is_empty() && !text.starts_with(',') && is_text(text, limit)
}

/// Whether a row of this name can exist at all; PostgreSQL does not even take the question for one with a NUL.
pub(crate) fn is_askable(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// The beginning of a day, `YYYY-MM-DD`, in a time zone. None for what is no day, and for days before 1971: 0 means never.
pub(crate) fn day(text: &str, zone: &str) -> Option<Millis> {
    let is_plain = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let date: jiff::civil::Date = if is_plain { text.parse().ok()? } else { return None };
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let start = date.to_zoned(zone).ok()?;
    (date.year() > 1970).then(|| Millis(start.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_count_bytes() {
        assert!(is_name(&"x".repeat(48), SHORT) && !is_name(&"x".repeat(49), SHORT));
        assert!(is_name(&"张".repeat(16), SHORT) && !is_name(&"张".repeat(17), SHORT));
        assert!(!is_name("", SHORT) && !is_name(",a", SHORT) && !is_name("a\0", SHORT) && is_text("", SHORT));
        assert!(!is_text("a\u{85}b", SHORT), "a control character of the second kind");
    }

    #[test]
    fn a_day_begins_in_its_zone() {
        assert_eq!(day("2030-02-24", "Asia/Shanghai"), Some(Millis(1_898_092_800_000)));
        assert_eq!(day("2030-02-24", "UTC"), Some(Millis(1_898_121_600_000)));
        for wrong in
            ["", "2030-2-24", "2030-02-30", "20300224", "2030-02-24T00:00", "2030/02/24", "-000001-1", "1970-01-02"]
        {
            assert_eq!(day(wrong, "UTC"), None, "{wrong}");
        }
    }
}
