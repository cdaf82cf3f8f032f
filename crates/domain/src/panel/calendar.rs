//! The panel's calendar: months that keep their day, resets of traffic (specs/panel.md §3.1 month arithmetic, §3.7).

use gatehouse_model::Millis;
use jiff::{
    civil::{Date, Time},
    tz::TimeZone,
};

use crate::{
    App, Error, Result,
    billing::period::{moment, wall},
};

/// The last moment that is counted with: the beginning of the year 9999.
const LATEST: Millis = Millis(253_370_764_800_000);

/// The zone of the panel's days and months. Its name was checked when the configuration was read.
pub(crate) fn zone(app: &App) -> TimeZone {
    TimeZone::get(&app.settings().panel.time_zone).unwrap_or(TimeZone::UTC)
}

fn bounded(at: Millis) -> Millis {
    at.clamp(Millis(0), LATEST)
}

/// The day of the month of a moment.
pub(crate) fn day_of(zone: &TimeZone, at: Millis) -> Result<i64> {
    Ok(wall(zone, bounded(at))?.day().into())
}

/// So many calendar months after a moment, at the same time of day, on the anchor's day or the month's last where it is shorter.
pub(crate) fn months_after(zone: &TimeZone, at: Millis, months: i64, anchor: i64) -> Result<Millis> {
    let from = wall(zone, bounded(at))?;
    let Some(first) = shifted(from.date(), months) else { return Ok(LATEST) };
    Ok(bounded(moment(zone, on_day(first, anchor)?.to_datetime(from.time()))?))
}

/// When traffic is set to nothing next, by a method of specs/panel.md §3.7; none: never. Who never expires is not reset.
pub(crate) fn next_reset(
    zone: &TimeZone,
    method: i64,
    expires_at: Option<Millis>,
    anchor: i64,
    now: Millis,
) -> Result<Option<Millis>> {
    let Some(end) = expires_at.filter(|end| *end > now) else { return Ok(None) };
    let (today, end) = (wall(zone, bounded(now))?.date(), wall(zone, bounded(end))?);
    // What this month or year has, if that is still to come; else what the next one has.
    let first_after = |candidates: [Option<(Date, Time)>; 2]| -> Result<Option<Millis>> {
        for (date, time) in candidates.into_iter().flatten() {
            let at = moment(zone, date.to_datetime(time))?;
            if at > now {
                return Ok(Some(at));
            }
        }
        Ok(None)
    };
    let midnight = Time::midnight();
    let january = |years: i16| Date::new(today.year().saturating_add(years), 1, 1).ok();
    match method {
        0 => first_after([shifted(today, 1).map(|date| (date, midnight)), None]),
        1 => {
            let on = |months| -> Result<Option<(Date, Time)>> {
                let Some(first) = shifted(today, months) else { return Ok(None) };
                Ok(Some((on_day(first, anchor)?, end.time())))
            };
            first_after([on(0)?, on(1)?])
        }
        3 => first_after([january(1).map(|date| (date, midnight)), None]),
        4 => {
            let on = |years| -> Result<Option<(Date, Time)>> {
                let Some(year) = january(years) else { return Ok(None) };
                let first = Date::new(year.year(), end.month(), 1).map_err(Error::internal)?;
                Ok(Some((on_day(first, end.day().into())?, end.time())))
            };
            first_after([on(0)?, on(1)?])
        }
        _ => Ok(None),
    }
}

/// The first day of the month so many months after a date's; none beyond the calendar.
fn shifted(date: Date, months: i64) -> Option<Date> {
    let index = i64::from(date.year()) * 12 + i64::from(date.month()) - 1 + months;
    let (year, month) = (i16::try_from(index.div_euclid(12)).ok()?, i8::try_from(index.rem_euclid(12)).ok()? + 1);
    Date::new(year, month, 1).ok()
}

/// A day of a month, or its last where it is shorter.
fn on_day(first: Date, day: i64) -> Result<Date> {
    let day = i8::try_from(day.clamp(1, 31)).unwrap_or(1).min(first.days_in_month());
    Date::new(first.year(), first.month(), day).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shanghai() -> TimeZone {
        TimeZone::get("Asia/Shanghai").unwrap()
    }

    fn at(text: &str) -> Millis {
        moment(&shanghai(), text.parse().unwrap()).unwrap()
    }

    fn months(from: &str, months: i64, anchor: i64) -> String {
        wall(&shanghai(), months_after(&shanghai(), at(from), months, anchor).unwrap()).unwrap().to_string()
    }

    #[test]
    fn months_keep_their_day() {
        assert_eq!(months("2026-01-31T08:00:00", 1, 31), "2026-02-28T08:00:00");
        assert_eq!(months("2026-02-28T08:00:00", 1, 31), "2026-03-31T08:00:00");
        assert_eq!(months("2028-02-29T00:00:00", 12, 29), "2029-02-28T00:00:00");
        assert_eq!(months("2026-03-15T10:20:30", 1, 15), "2026-04-15T10:20:30");
        assert_eq!(months("2026-11-30T23:59:59", 3, 30), "2027-02-28T23:59:59");
        assert_eq!(months("2026-05-31T00:00:00", 36, 31), "2029-05-31T00:00:00");
        assert_eq!(months_after(&shanghai(), Millis(i64::MAX), 36, 1).unwrap(), LATEST);
    }

    #[test]
    fn resets_come_by_method_and_short_months_clamp() {
        let zone = shanghai();
        let next = |method, end: &str, now: &str| {
            let anchor = day_of(&zone, at(end)).unwrap();
            let next = next_reset(&zone, method, Some(at(end)), anchor, at(now)).unwrap();
            next.map(|next| wall(&zone, next).unwrap().to_string())
        };
        let end = "2027-01-31T10:20:30";
        assert_eq!(next(0, end, "2026-01-31T23:59:59").as_deref(), Some("2026-02-01T00:00:00"));
        assert_eq!(next(0, end, "2026-12-01T00:00:00").as_deref(), Some("2027-01-01T00:00:00"));
        assert_eq!(next(1, end, "2026-01-31T10:20:29").as_deref(), Some("2026-01-31T10:20:30"));
        assert_eq!(next(1, end, "2026-01-31T10:20:30").as_deref(), Some("2026-02-28T10:20:30"));
        assert_eq!(next(1, end, "2026-04-30T12:00:00").as_deref(), Some("2026-05-31T10:20:30"));
        assert_eq!(next(2, end, "2026-01-01T00:00:00"), None);
        assert_eq!(next(3, end, "2026-01-01T00:00:00").as_deref(), Some("2027-01-01T00:00:00"));
        assert_eq!(next(4, end, "2026-01-01T00:00:00").as_deref(), Some("2026-01-31T10:20:30"));
        assert_eq!(next(4, "2028-02-29T00:00:00", "2026-03-01T00:00:00").as_deref(), Some("2027-02-28T00:00:00"));
        assert_eq!(next(1, "2026-01-01T00:00:00", "2026-01-02T00:00:00"), None, "expired");
        assert_eq!(next_reset(&zone, 0, None, 1, at(end)).unwrap(), None, "never expires");
    }
}
