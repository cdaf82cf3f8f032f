//! Rates by time of day (specs/panel-nodes.md N4.3). A rate is an integer of hundredths: 150 is 1.5.

use serde_json::{Value, json};

use super::Fault;

/// From a minute of the day to another, over midnight when the end is not later than the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateWindow {
    /// Minute of the day it begins.
    pub start: u16,
    /// Minute of the day it ends, not included.
    pub end: u16,
    /// Hundredths.
    pub rate: i64,
}

impl RateWindow {
    /// Whether a minute of the day, 0 to 1439, lies in it. The same start and end is the whole day.
    pub const fn contains(&self, minute: u16) -> bool {
        if self.start < self.end {
            self.start <= minute && minute < self.end
        } else {
            minute >= self.start || minute < self.end
        }
    }

    /// `{start:"HH:MM", end, rate}`, the rate as a number with up to two places.
    pub fn to_value(&self) -> Value {
        let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        json!({ "start": clock(self.start), "end": clock(self.end), "rate": decimal(self.rate) })
    }
}

/// The rate in force at a minute of the day in the panel's time zone: of the first window that contains it, else `base`.
pub fn rate_at(windows: &[RateWindow], base: i64, minute: u16) -> i64 {
    windows.iter().find(|window| window.contains(minute)).map_or(base, |window| window.rate)
}

/// Reads `rate_time_ranges`.
///
/// Errors: one fault for each window that is wrong, under `rate_time_ranges.N.KEY`.
pub fn read_windows(value: &Value) -> Result<Vec<RateWindow>, Vec<Fault>> {
    let empty = Vec::new();
    let list = match value {
        Value::Null => &empty,
        Value::Array(list) => list,
        _ => return Err(vec![Fault::new("rate_time_ranges", "must be a list")]),
    };
    if list.len() > 100 {
        return Err(vec![Fault::new("rate_time_ranges", "must have at most 100 entries")]);
    }
    let mut windows = Vec::new();
    let mut faults = Vec::new();
    for (index, item) in list.iter().enumerate() {
        let mut clock = |key: &str| {
            let found = item.get(key).and_then(Value::as_str).and_then(minute_of_day);
            if found.is_none() {
                faults.push(Fault::new(format!("rate_time_ranges.{index}.{key}"), "must be a time such as \"23:00\""));
            }
            found
        };
        let (start, end) = (clock("start"), clock("end"));
        let rate = item.get("rate").and_then(hundredths);
        if rate.is_none() {
            faults.push(Fault::new(
                format!("rate_time_ranges.{index}.rate"),
                "must be a number from 0 to 1000 with at most two places",
            ));
        }
        if let (Some(start), Some(end), Some(rate)) = (start, end, rate) {
            // The family writes the last minute of the day as the end.
            let end = if end == 23 * 60 + 59 { 0 } else { end };
            windows.push(RateWindow { start, end, rate });
        }
    }
    if faults.is_empty() { Ok(windows) } else { Err(faults) }
}

fn minute_of_day(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let (hour, minute) = (hour.parse::<u16>().ok()?, minute.get(..2).unwrap_or(minute).parse::<u16>().ok()?);
    if hour == 24 && minute == 0 {
        return Some(0);
    }
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

/// A decimal as hundredths, from its text, so that no float rounds.
fn hundredths(value: &Value) -> Option<i64> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let (whole, places) = text.split_once('.').unwrap_or((&text, ""));
    let places = places.trim_end_matches('0');
    if places.len() > 2 || !places.bytes().chain(whole.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let places: i64 = format!("{places:0<2}").parse().ok()?;
    Some(whole * 100 + places).filter(|rate| *rate <= 100_000)
}

/// Hundredths as a JSON number.
fn decimal(rate: i64) -> Value {
    if rate % 100 == 0 {
        return json!(rate / 100);
    }
    let text = format!("{}.{:02}", rate / 100, rate % 100);
    text.parse::<f64>().map_or(Value::Null, |number| json!(number))
}
