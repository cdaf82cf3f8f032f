//! Moments as the original wrote them: Go's RFC 822, `21 Nov 26 10:47 CST`.

use gatehouse_model::Millis;
use jiff::{
    civil::{Date, DateTime, Time},
    tz::{Offset, TimeZone},
};

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Reads a moment. `UTC`, `GMT` and numeric offsets mean what they say; other letters are ambiguous (CST is used on
/// three continents) and mean `local`.
pub(super) fn read(text: &str, local: &TimeZone) -> Option<Millis> {
    let mut parts = text.split_ascii_whitespace();
    let (day, month, year, time) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let zone = parts.next().unwrap_or_default();
    if parts.next().is_some() {
        return None;
    }
    let month = MONTHS.iter().zip(1..).find(|(name, _)| name.eq_ignore_ascii_case(month))?.1;
    // Two digits of the year, read as Go reads them.
    let year = match i16::from(number(year, 2)?) {
        year @ 0..69 => 2_000 + year,
        year => 1_900 + year,
    };
    let (hour, minute) = time.split_once(':')?;
    let date = Date::new(year, month, number(day, 2)?).ok()?;
    let time = Time::new(number(hour, 2)?, number(minute, 2)?, 0, 0).ok()?;
    let moment = DateTime::from_parts(date, time).to_zoned(self::zone(zone, local)?).ok()?;
    Some(Millis(moment.timestamp().as_millisecond()))
}

fn zone(text: &str, local: &TimeZone) -> Option<TimeZone> {
    let (sign, digits) = match text.split_at_checked(1) {
        Some(("+", digits)) => (1, digits),
        Some(("-", digits)) => (-1, digits),
        _ if matches!(text, "UTC" | "GMT") => return Some(TimeZone::UTC),
        _ if text.chars().all(|c| c.is_ascii_alphabetic()) => return Some(local.clone()),
        _ => return None,
    };
    // Go writes +08 for a zone without a name, +0800 in its numeric layout.
    let digits = digits.replace(':', "");
    let (hours, minutes) = digits.split_at_checked(2)?;
    let minutes = if minutes.is_empty() { 0 } else { i32::from(number(minutes, 2)?) };
    let seconds = i32::from(number(hours, 2)?) * 3_600 + minutes * 60;
    Some(TimeZone::fixed(Offset::from_seconds(sign * seconds).ok()?))
}

/// A number of at most so many digits and no sign.
fn number(text: &str, digits: usize) -> Option<i8> {
    let is_number = !text.is_empty() && text.len() <= digits && text.bytes().all(|b| b.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<String> {
        let shanghai = TimeZone::fixed(Offset::from_seconds(8 * 3_600).unwrap());
        read(text, &shanghai).map(Millis::to_rfc3339)
    }

    #[test]
    fn zones_mean_what_they_say_and_other_letters_the_given_zone() {
        for (text, expected) in [
            ("21 Nov 26 10:47 CST", "2026-11-21T02:47:00.000Z"),
            ("21 Nov 26 10:47 EST", "2026-11-21T02:47:00.000Z"),
            ("21 Nov 26 10:47", "2026-11-21T02:47:00.000Z"),
            ("21 Nov 26 10:47 UTC", "2026-11-21T10:47:00.000Z"),
            ("21 Nov 26 10:47 GMT", "2026-11-21T10:47:00.000Z"),
            ("21 Nov 26 10:47 +0530", "2026-11-21T05:17:00.000Z"),
            ("21 Nov 26 10:47 -03", "2026-11-21T13:47:00.000Z"),
            ("21 Nov 26 10:47 +08:00", "2026-11-21T02:47:00.000Z"),
            ("01 Jan 00 00:00 UTC", "2000-01-01T00:00:00.000Z"),
            ("31 Dec 68 23:59 UTC", "2068-12-31T23:59:00.000Z"),
            ("01 Jan 69 00:00 UTC", "1969-01-01T00:00:00.000Z"),
            ("9 feb 24 7:05 UTC", "2024-02-09T07:05:00.000Z"),
        ] {
            assert_eq!(at(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in [
            "",
            "21 Nov 26",
            "21 Nov 2026 10:47 CST",
            "32 Nov 26 10:47 CST",
            "30 Feb 26 10:47 CST",
            "21 Nox 26 10:47 CST",
            "21 Nov 26 24:47 CST",
            "21 Nov 26 1047 CST",
            "-1 Nov 26 10:47 CST",
            "21 Nov 26 10:47 +x",
            "21 Nov 26 10:47 +99",
            "21 Nov 26 10:47 C5T",
            "21 Nov 26 10:47 CST CST",
            "2026-11-21T10:47:00Z",
        ] {
            assert_eq!(at(text), None, "{text}");
        }
    }

    #[test]
    fn a_zone_with_summer_time_is_followed() {
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let at = |text: &str| read(text, &berlin).unwrap().to_rfc3339();
        assert_eq!(at("15 Jan 26 12:00 CET"), "2026-01-15T11:00:00.000Z");
        assert_eq!(at("15 Jul 26 12:00 CEST"), "2026-07-15T10:00:00.000Z");
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_a_panic(text in ".{0,40}", day in 0_u32..99, hour in 0_u32..99) {
            at(&text);
            at(&format!("{day} Nov 26 {hour}:00 {text}"));
        }
    }
}
