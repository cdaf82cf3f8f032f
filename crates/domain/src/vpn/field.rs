//! Limits of what the WebApi writes, in bytes of UTF-8 (specs/vpn.md §6 "Limits").

use gatehouse_model::Millis;

use crate::{Error, Result};

/// Names of users, roles, resources and resource groups; notes; passwords.
pub(crate) const MAX_NAME: usize = 48;
/// Phone numbers, all together.
pub(crate) const MAX_PHONE: usize = 30;
/// Names of groups.
pub(crate) const MAX_GROUP_NAME: usize = 96;
/// Paths of groups: an index entry of PostgreSQL ends at about 2,700.
pub(crate) const MAX_PATH: usize = 2_000;
/// Host of a web resource.
pub(crate) const MAX_HOST: usize = 254;
/// Entries of an address list.
pub(crate) const MAX_ADDRESSES: usize = 10;

/// Refuses a text that is too long or holds control characters.
pub(crate) fn text(field: &'static str, text: &str, max: usize) -> Result<()> {
    if is_text(text, max) { Ok(()) } else { Err(Error::field(field, "malformed")) }
}

/// As [`text`], and refuses an empty one or a comma, which separates names in every list of this API.
pub(crate) fn name(field: &'static str, name: &str) -> Result<()> {
    text(field, name, MAX_NAME)?;
    if name.is_empty() || name.contains(',') {
        return Err(Error::field(field, "malformed"));
    }
    Ok(())
}

/// Whether a text is short enough and without control characters. An empty one is.
pub(crate) fn is_text(text: &str, max: usize) -> bool {
    text.len() <= max && is_askable(text)
}

/// Whether a row of this name can exist at all. PostgreSQL does not even take the question for one with a NUL.
pub(crate) fn is_askable(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// As [`is_askable`]; whoever names such a thing hears that there is none.
pub(crate) fn askable(name: &str, what: &'static str) -> Result<()> {
    if is_askable(name) { Ok(()) } else { Err(Error::NotFound { what }) }
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
        assert!(is_text(&"x".repeat(48), MAX_NAME) && !is_text(&"x".repeat(49), MAX_NAME));
        assert!(is_text(&"张".repeat(16), MAX_NAME) && !is_text(&"张".repeat(17), MAX_NAME));
        assert!(!is_text("a\0", MAX_NAME) && is_text("", MAX_NAME));
        assert!(!is_text("a\u{85}b", MAX_NAME), "a control character of the second kind");
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
