//! Moments as this surface writes and reads them (specs/bastion.md §4.4).

use std::fmt::Write as _;

use gatehouse_model::Millis;
use jiff::{Timestamp, Zoned, civil, tz::TimeZone};

/// ISO 8601 with the zone's offset; six fractional digits, omitted when zero.
pub(crate) fn shown(at: Millis, zone: &TimeZone) -> String {
    let Ok(at) = Timestamp::from_millisecond(at.0) else { return String::new() };
    let at = at.to_zoned(zone.clone());
    let mut text = at.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let micros = at.subsec_nanosecond() / 1_000;
    if micros != 0 {
        // Writing into a String cannot fail.
        let _ = write!(text, ".{micros:06}");
    }
    text.push_str(&at.strftime("%:z").to_string());
    text
}

/// The first and the last moment that a text means: ISO 8601, or `YYYY-MM-DD[ HH:MM[:SS[.ffffff]]]` in the zone. A day means
/// all of it, a second all of it.
pub(crate) fn parse(text: &str, zone: &TimeZone) -> Option<(Millis, Millis)> {
    let text = text.trim();
    if let Ok(date) = text.parse::<civil::Date>()
        && text.len() == 10
    {
        let from = date.to_zoned(zone.clone()).ok()?;
        let until = date.tomorrow().ok()?.to_zoned(zone.clone()).ok()?;
        return Some((millis(&from), Millis(millis(&until).0 - 1)));
    }
    // A plus of an offset that nobody encoded arrives as a blank.
    let at = match text.parse::<Timestamp>().or_else(|_| with_plus(text).parse()) {
        Ok(at) => at,
        Err(_) => text.parse::<civil::DateTime>().ok()?.to_zoned(zone.clone()).ok()?.timestamp(),
    };
    let from = Millis(at.as_millisecond());
    let is_whole = at.subsec_nanosecond() == 0;
    Some((from, if is_whole { Millis(from.0 + 999) } else { from }))
}

fn with_plus(text: &str) -> String {
    match text.rsplit_once(' ') {
        Some((moment, offset)) => format!("{moment}+{offset}"),
        None => text.to_owned(),
    }
}

fn millis(at: &Zoned) -> Millis {
    Millis(at.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone() -> TimeZone {
        TimeZone::get("Asia/Shanghai").unwrap()
    }

    #[test]
    fn moments_are_written_like_the_seeds() {
        assert_eq!(shown(Millis(1_735_689_600_000), &zone()), "2025-01-01T08:00:00+08:00");
        assert_eq!(shown(Millis(1_735_689_600_120), &zone()), "2025-01-01T08:00:00.120000+08:00");
        assert_eq!(shown(Millis(1_735_689_600_000), &TimeZone::UTC), "2025-01-01T00:00:00+00:00");
    }

    #[test]
    fn moments_are_read_in_every_form() {
        let at = 1_735_689_600_000;
        let second = Some((Millis(at), Millis(at + 999)));
        for text in [
            "2025-01-01T08:00:00+08:00",
            "2025-01-01T08:00:00 08:00",
            "2025-01-01T00:00:00Z",
            "2025-01-01 08:00:00",
            "2025-01-01T08:00:00",
        ] {
            assert_eq!(parse(text, &zone()), second, "{text}");
        }
        assert_eq!(parse("2025-01-01T08:00:00.120000+08:00", &zone()), Some((Millis(at + 120), Millis(at + 120))));
        let day = at - 8 * 3_600_000;
        assert_eq!(parse("2025-01-01", &zone()), Some((Millis(day), Millis(day + 86_399_999))));
        for text in ["", "x", "2025-13-01", "2025-01-01 25:00:00", "1735689600"] {
            assert_eq!(parse(text, &zone()), None, "{text}");
        }
    }
}
