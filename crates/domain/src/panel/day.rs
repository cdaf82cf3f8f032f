//! Days, months and minutes as the panel counts them: in `panel.time_zone`.

use gatehouse_model::Millis;
use jiff::{Timestamp, Zoned, civil::Date};

use super::calendar::zone;
use crate::App;

fn zoned(app: &App, at: Millis) -> Zoned {
    Timestamp::from_millisecond(at.0).unwrap_or_default().to_zoned(zone(app))
}

fn first_of(day: Result<Zoned, jiff::Error>, otherwise: Millis) -> Millis {
    day.map_or(otherwise, |day| Millis(day.timestamp().as_millisecond()))
}

/// The first moment of a moment's day.
pub fn start(app: &App, at: Millis) -> Millis {
    first_of(zoned(app, at).start_of_day(), at)
}

/// The first moment of the day that lies so many days away.
pub fn shifted(app: &App, at: Millis, days: i64) -> Millis {
    let span = jiff::Span::new().try_days(days);
    first_of(span.and_then(|span| zoned(app, at).checked_add(span)).and_then(|day| day.start_of_day()), at)
}

/// The first moment of a moment's month.
pub fn month(app: &App, at: Millis) -> Millis {
    first_of(zoned(app, at).first_of_month().and_then(|day| day.start_of_day()), at)
}

/// The minute of a moment's day, 0 to 1439.
pub fn minute(app: &App, at: Millis) -> u16 {
    let zoned = zoned(app, at);
    let minute = i16::from(zoned.hour()) * 60 + i16::from(zoned.minute());
    u16::try_from(minute).unwrap_or_default()
}

/// `YYYY-MM-DD`.
pub fn date(app: &App, at: Millis) -> String {
    zoned(app, at).date().to_string()
}

/// The first moment of a day given as `YYYY-MM-DD`.
pub fn parse(app: &App, text: &str) -> Option<Millis> {
    let date: Date = text.trim().parse().ok()?;
    let day = date.to_zoned(zone(app)).ok()?.start_of_day().ok()?;
    Some(Millis(day.timestamp().as_millisecond()))
}
