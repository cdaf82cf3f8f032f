//! Weekly windows: when a grant or a policy holds (specs/bastion.md §11.1).

use gatehouse_model::Millis;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

const MINUTES_OF_DAY: i64 = 24 * 60;

/// Some days of the week from a time to a time, in the time zone of the bastion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Days, Monday 1 to Sunday 7.
    pub days: Vec<u8>,
    /// `HH:MM`, 00:00–23:59.
    pub from: String,
    /// `HH:MM`, 00:01–24:00. Before `from`: the window ends on the next day.
    pub to: String,
}

/// The windows as (from, until) in minutes since Monday 00:00, merged and in order; one over the end of the week is cut in two.
///
/// Errors: `Invalid` on `schedule`.
pub fn minutes(windows: &[Window]) -> Result<Vec<(i64, i64)>> {
    const WEEK: i64 = 7 * MINUTES_OF_DAY;
    let mut spans = Vec::new();
    for window in windows {
        let (from, to) = (clock(&window.from)?, clock(&window.to)?);
        if window.days.is_empty() || from == to || from == MINUTES_OF_DAY {
            return Err(wrong());
        }
        let length = if to > from { to - from } else { to + MINUTES_OF_DAY - from };
        for day in &window.days {
            if !(1..=7).contains(day) {
                return Err(wrong());
            }
            let start = (i64::from(*day) - 1) * MINUTES_OF_DAY + from;
            spans.push((start, (start + length).min(WEEK)));
            if start + length > WEEK {
                spans.push((0, start + length - WEEK));
            }
        }
    }
    spans.sort_unstable();
    let mut merged: Vec<(i64, i64)> = Vec::new();
    for (from, until) in spans {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(until),
            _ => merged.push((from, until)),
        }
    }
    Ok(merged)
}

fn clock(text: &str) -> Result<i64> {
    let (hours, minutes) = text.split_once(':').ok_or_else(wrong)?;
    let part = |text: &str| {
        let is_plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_plain { text.parse::<i64>().ok() } else { None }
    };
    let (hours, minutes) = part(hours).zip(part(minutes)).ok_or_else(wrong)?;
    let at = hours * 60 + minutes;
    if minutes < 60 && at <= MINUTES_OF_DAY { Ok(at) } else { Err(wrong()) }
}

fn wrong() -> Error {
    Error::invalid(
        "schedule",
        "windows like {\"days\":[1,2,3,4,5],\"from\":\"09:00\",\"to\":\"18:00\"}, days 1 (Monday) to 7",
    )
}

/// Minutes since Monday 00:00 in a time zone, 0–10,079. A zone nobody knows counts as UTC; the configuration refuses such.
pub fn minute_of_week(at: Millis, zone: &str) -> i64 {
    let Ok(timestamp) = jiff::Timestamp::from_millisecond(at.0) else { return 0 };
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let local = timestamp.to_zoned(zone);
    let day = i64::from(local.weekday().to_monday_zero_offset());
    day * MINUTES_OF_DAY + i64::from(local.hour()) * 60 + i64::from(local.minute())
}

/// Milliseconds from a moment to the next at which being inside or outside the windows may change; none without windows.
pub fn next_change(windows: &[(i64, i64)], minute: i64) -> Option<i64> {
    const WEEK: i64 = 7 * MINUTES_OF_DAY;
    let edges = windows.iter().flat_map(|(from, until)| [*from, *until]);
    edges.map(|edge| (edge - minute).rem_euclid(WEEK)).filter(|wait| *wait > 0).min().map(|wait| wait * 60_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(days: &[u8], from: &str, to: &str) -> Window {
        Window { days: days.to_vec(), from: from.to_owned(), to: to.to_owned() }
    }

    #[test]
    fn windows_become_minutes_of_the_week() {
        assert_eq!(minutes(&[window(&[1], "09:00", "18:00")]).unwrap(), [(540, 1_080)]);
        assert_eq!(minutes(&[window(&[2, 1], "00:00", "24:00")]).unwrap(), [(0, 2_880)]);
        assert_eq!(minutes(&[window(&[7], "22:00", "06:00")]).unwrap(), [(0, 360), (9_960, 10_080)]);
        assert_eq!(minutes(&[]).unwrap(), []);
        for (days, from, to) in [
            (&[0_u8][..], "09:00", "18:00"),
            (&[8], "09:00", "18:00"),
            (&[], "09:00", "18:00"),
            (&[1], "9:00", "18:00"),
            (&[1], "09:60", "18:00"),
            (&[1], "09:00", "24:01"),
            (&[1], "09:00", "09:00"),
            (&[1], "24:00", "01:00"),
        ] {
            assert!(minutes(&[window(days, from, to)]).is_err(), "{days:?} {from} {to}");
        }
    }

    #[test]
    fn the_minute_is_that_of_the_zone() {
        // 1970-01-01 was a Thursday.
        assert_eq!(minute_of_week(Millis(0), "UTC"), 3 * 1_440);
        assert_eq!(minute_of_week(Millis(0), "Asia/Shanghai"), 3 * 1_440 + 480);
        assert_eq!(minute_of_week(Millis(-60_000), "UTC"), 3 * 1_440 - 1);
    }

    #[test]
    fn the_next_change_is_the_nearest_edge() {
        assert_eq!(next_change(&[(540, 1_080)], 0), Some(540 * 60_000));
        assert_eq!(next_change(&[(540, 1_080)], 600), Some(480 * 60_000));
        assert_eq!(next_change(&[(540, 1_080)], 1_080), Some((10_080 - 540) * 60_000));
        assert_eq!(next_change(&[], 5), None);
    }
}
