//! The calendar of services: when a period ends and which part of a whole one it is (specs/billing.md §8.1).
//!
//! Months are counted in wall time of `billing.time_zone`. A wall time that a change of clocks skips means the first moment after
//! it, a doubled one the first of both.

use gatehouse_model::Millis;
use jiff::{
    SignedDuration, Timestamp,
    civil::{self, DateTime},
    tz::{AmbiguousOffset, TimeZone},
};

use crate::{Error, Result};

/// How long periods of a service are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeriodMode {
    /// So many seconds, at least one.
    Seconds(i64),
    /// For ever; charged once.
    Endless,
    /// To the same day of the next month.
    Month,
    /// To the end of the month; of the first one only what is left of it is charged.
    MonthEnd,
    /// Nothing is connected, only charged.
    Once,
}

impl PeriodMode {
    /// Reads the stored form; none: it means nothing.
    pub fn parse(mode: &str, seconds: i64) -> Option<Self> {
        match (mode, seconds) {
            ("seconds", 0) => Some(Self::Endless),
            ("seconds", 1..) => Some(Self::Seconds(seconds)),
            ("month", _) => Some(Self::Month),
            ("month_end", _) => Some(Self::MonthEnd),
            ("once", _) => Some(Self::Once),
            _ => None,
        }
    }

    /// The stored form.
    pub const fn stored(self) -> (&'static str, i64) {
        match self {
            Self::Seconds(seconds) => ("seconds", seconds),
            Self::Endless => ("seconds", 0),
            Self::Month => ("month", 0),
            Self::MonthEnd => ("month_end", 0),
            Self::Once => ("once", 0),
        }
    }
}

impl std::fmt::Display for PeriodMode {
    /// As the wire has it: seconds, `month`, `month_end`, `once`, `0` for ever.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.stored() {
            ("seconds", seconds) => seconds.fmt(f),
            (mode, _) => mode.fmt(f),
        }
    }
}

/// A whole period, in hundredths.
pub const WHOLE: i64 = 100;

/// One period of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Its start.
    pub start: Millis,
    /// Its end; none: endless.
    pub end: Option<Millis>,
    /// What later periods keep the day of the month and the time of day of.
    pub anchor: Millis,
    /// Which part of a whole one it is, hundredths, at least one.
    pub part: i64,
}

/// The period that starts at a moment. `before` is the start and the anchor of the period that ends there, if one does.
///
/// Errors: `Internal` beyond the years that calendars have. Source: specs/billing.md §8.1.
pub fn begin(zone: &TimeZone, mode: PeriodMode, start: Millis, before: Option<(Millis, Millis)>) -> Result<Period> {
    let whole = |end| Period { start, end, anchor: start, part: WHOLE };
    match mode {
        PeriodMode::Seconds(seconds) => {
            let end = seconds.checked_mul(1_000).and_then(|millis| start.0.checked_add(millis)).ok_or_else(beyond)?;
            Ok(whole(Some(Millis(end))))
        }
        PeriodMode::Endless => Ok(whole(None)),
        PeriodMode::Once => Ok(whole(Some(start))),
        PeriodMode::MonthEnd => {
            let from = wall(zone, start)?;
            let (first, next) = (from.date().first_of_month(), month_after(from.date())?);
            let end = moment(zone, next.to_datetime(civil::Time::midnight()))?;
            Ok(Period { part: part_left(from, first, next), ..whole(Some(end)) })
        }
        PeriodMode::Month => {
            // The anchor holds as long as every period since was a month under it: a pause or another service begins a new one.
            let anchor = match before {
                Some((since, anchor)) if month(zone, since, anchor)? == start => anchor,
                _ => start,
            };
            Ok(Period { anchor, ..whole(Some(month(zone, start, anchor)?)) })
        }
    }
}

/// The anchor's day of the month after the one that holds `start`, or its last day where it is shorter.
fn month(zone: &TimeZone, start: Millis, anchor: Millis) -> Result<Millis> {
    let (anchor, next) = (wall(zone, anchor)?, month_after(wall(zone, start)?.date())?);
    let day = anchor.day().min(next.days_in_month());
    let date = civil::Date::new(next.year(), next.month(), day).map_err(Error::internal)?;
    moment(zone, date.to_datetime(anchor.time()))
}

/// What is left of the month in wall time: hundredths, half up, at least one.
fn part_left(from: DateTime, first: civil::Date, next: civil::Date) -> i64 {
    let millis = |span: SignedDuration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    let (first, next) = (first.to_datetime(civil::Time::midnight()), next.to_datetime(civil::Time::midnight()));
    let (left, all) = (millis(from.duration_until(next)), millis(first.duration_until(next)).max(1));
    ((left * 2 * WHOLE + all) / (all * 2)).clamp(1, WHOLE)
}

/// The first day of the month after a date's.
fn month_after(date: civil::Date) -> Result<civil::Date> {
    date.last_of_month().tomorrow().map_err(Error::internal)
}

/// What a wall clock shows at a moment.
pub(crate) fn wall(zone: &TimeZone, at: Millis) -> Result<DateTime> {
    Ok(zone.to_datetime(Timestamp::from_millisecond(at.0).map_err(Error::internal)?))
}

/// The moment that a wall clock shows a time.
pub(crate) fn moment(zone: &TimeZone, wall: DateTime) -> Result<Millis> {
    let ambiguous = zone.to_ambiguous_timestamp(wall);
    let at = match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => {
            ambiguous.earlier().map_err(Error::internal)?
        }
        AmbiguousOffset::Gap { .. } => {
            // Read by the clock before the change it lies after the change, or is the change.
            let after = ambiguous.later().map_err(Error::internal)?;
            let change = zone.preceding(after + SignedDuration::from_secs(1)).next();
            change.map_or(after, |change| change.timestamp())
        }
    };
    Ok(Millis(at.as_millisecond()))
}

fn beyond() -> Error {
    Error::internal("a period ends after the end of time")
}

#[cfg(test)]
#[path = "period_test.rs"]
mod tests;
