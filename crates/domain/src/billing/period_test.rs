use gatehouse_model::Millis;
use jiff::{Timestamp, tz::TimeZone};
use proptest::prelude::*;

use super::{PeriodMode, begin};

fn kyiv() -> TimeZone {
    TimeZone::get("Europe/Kyiv").unwrap()
}

/// A wall time of Kyiv with its offset: `2026-03-31T10:00+03`.
fn at(text: &str) -> Millis {
    Millis(text.parse::<Timestamp>().unwrap().as_millisecond())
}

/// The ends of the first periods, as they follow one another.
fn ends(mode: PeriodMode, start: &str, count: usize) -> Vec<Millis> {
    let (zone, mut start, mut before, mut ends) = (kyiv(), at(start), None, Vec::new());
    for _ in 0..count {
        let period = begin(&zone, mode, start, before).unwrap();
        let end = period.end.unwrap();
        before = Some((start, period.anchor));
        start = end;
        ends.push(end);
    }
    ends
}

fn moments(texts: &[&str]) -> Vec<Millis> {
    texts.iter().map(|text| at(text)).collect()
}

#[test]
fn a_month_keeps_the_day_it_began_on() {
    let shown = moments(&[
        "2026-02-28T10:00:00+02",
        "2026-03-31T10:00:00+03",
        "2026-04-30T10:00:00+03",
        "2026-05-31T10:00:00+03",
    ]);
    assert_eq!(ends(PeriodMode::Month, "2026-01-31T10:00:00+02", 4), shown, "a common year");
    let leap = moments(&["2028-02-29T10:00:00+02", "2028-03-31T10:00:00+03"]);
    assert_eq!(ends(PeriodMode::Month, "2028-01-31T10:00:00+02", 2), leap);
    let over = moments(&["2027-01-15T23:59:59+02", "2027-02-15T23:59:59+02"]);
    assert_eq!(ends(PeriodMode::Month, "2026-12-15T23:59:59+02", 2), over, "over the new year");
    let short = moments(&["2026-03-28T00:00:00+02", "2026-04-28T00:00:00+03"]);
    assert_eq!(ends(PeriodMode::Month, "2026-02-28T00:00:00+02", 2), short, "28 February is a day of its own");
}

#[test]
fn a_skipped_time_is_the_first_moment_after_it_and_a_doubled_one_its_first() {
    // On 2026-03-29 03:00 becomes 04:00, on 2026-10-25 04:00 becomes 03:00.
    let skipped = moments(&["2026-03-29T04:00:00+03", "2026-04-29T03:30:00+03"]);
    // 2027 has no 29 February: what is shorter does not last either.
    assert_eq!(ends(PeriodMode::Month, "2026-02-28T03:30:00+02", 1), moments(&["2026-03-28T03:30:00+02"]));
    let from_january = ends(PeriodMode::Month, "2026-01-29T03:30:00+02", 3);
    assert_eq!(from_january[0], at("2026-02-28T03:30:00+02"));
    assert_eq!(from_january[1..], skipped);
    let edge = ends(PeriodMode::Month, "2026-01-29T03:00:00+02", 2);
    assert_eq!(edge[1], at("2026-03-29T04:00:00+03"), "the first skipped second");
    let doubled = ends(PeriodMode::Month, "2026-09-25T03:30:00+03", 2);
    assert_eq!(doubled, moments(&["2026-10-25T03:30:00+03", "2026-11-25T03:30:00+02"]));
    // Where midnight itself is skipped the month ends all the same: Havana, 2026-03-08 00:00 becomes 01:00.
    let havana = TimeZone::get("America/Havana").unwrap();
    let period = begin(&havana, PeriodMode::Month, at("2026-02-08T00:00:00-05"), None).unwrap();
    assert_eq!(period.end, Some(at("2026-03-08T01:00:00-04")));
}

#[test]
fn to_the_end_of_the_month_is_the_part_that_is_left() {
    let zone = kyiv();
    let part = |start: &str| begin(&zone, PeriodMode::MonthEnd, at(start), None).unwrap();
    for (start, end, hundredths) in [
        ("2026-04-16T00:00:00+03", "2026-05-01T00:00:00+03", 50),
        ("2026-04-01T00:00:00+03", "2026-05-01T00:00:00+03", 100),
        ("2026-04-01T03:00:00+03", "2026-05-01T00:00:00+03", 100),
        ("2026-04-30T23:59:59+03", "2026-05-01T00:00:00+03", 1),
        ("2026-03-16T12:00:00+02", "2026-04-01T00:00:00+03", 50),
        ("2026-10-16T12:00:00+03", "2026-11-01T00:00:00+02", 50),
        ("2026-02-15T00:00:00+02", "2026-03-01T00:00:00+02", 50),
        ("2028-02-15T00:00:00+02", "2028-03-01T00:00:00+02", 52),
        ("2026-12-31T00:00:00+02", "2027-01-01T00:00:00+02", 3),
    ] {
        let period = part(start);
        assert_eq!((period.end, period.part), (Some(at(end)), hundredths), "{start}");
    }
    let next = part("2026-05-01T00:00:00+03");
    assert_eq!((next.end, next.part), (Some(at("2026-06-01T00:00:00+03")), 100), "later ones are whole");
}

#[test]
fn seconds_are_seconds_whatever_the_clocks_do() {
    assert_eq!(
        ends(PeriodMode::Seconds(86_400), "2026-03-28T12:00:00+02", 2),
        moments(&["2026-03-29T13:00:00+03", "2026-03-30T13:00:00+03"])
    );
    let zone = kyiv();
    let start = at("2026-03-28T12:00:00+02");
    assert_eq!(begin(&zone, PeriodMode::Endless, start, None).unwrap().end, None);
    assert_eq!(begin(&zone, PeriodMode::Once, start, None).unwrap().end, Some(start));
    begin(&zone, PeriodMode::Seconds(i64::MAX), start, None).unwrap_err();
    begin(&zone, PeriodMode::Month, Millis(i64::MAX), None).unwrap_err();
}

#[test]
fn a_pause_or_another_service_begins_a_new_anchor() {
    let zone = kyiv();
    let (start, anchor) = (at("2026-02-28T10:00:00+02"), at("2026-01-31T10:00:00+02"));
    let kept = begin(&zone, PeriodMode::Month, at("2026-03-31T10:00:00+03"), Some((start, anchor))).unwrap();
    assert_eq!((kept.anchor, kept.end), (anchor, Some(at("2026-04-30T10:00:00+03"))));
    let moved = begin(&zone, PeriodMode::Month, at("2026-04-07T10:00:00+03"), Some((start, anchor))).unwrap();
    assert_eq!(moved.end, Some(at("2026-05-07T10:00:00+03")), "frozen for a week");
}

#[test]
fn modes_are_stored_and_said() {
    for (mode, seconds, said) in [
        ("seconds", 2_592_000, "2592000"),
        ("seconds", 0, "0"),
        ("month", 0, "month"),
        ("month_end", 0, "month_end"),
        ("once", 0, "once"),
    ] {
        let parsed = PeriodMode::parse(mode, seconds).unwrap();
        assert_eq!((parsed.stored(), parsed.to_string().as_str()), ((mode, seconds), said));
    }
    assert_eq!((PeriodMode::parse("seconds", -1), PeriodMode::parse("week", 1)), (None, None));
}

proptest! {
    #[test]
    fn months_follow_each_other_and_do_not_drift(
        start in 0_i64..4_000_000_000,
        name in prop::sample::select(vec!["Europe/Kyiv", "America/Havana", "Asia/Shanghai", "Australia/Lord_Howe", "UTC"]),
    ) {
        let zone = TimeZone::get(name).unwrap();
        let first = Millis(start * 1_000);
        let (mut start, mut before) = (first, None);
        for _ in 0..24 {
            let period = begin(&zone, PeriodMode::Month, start, before).unwrap();
            let end = period.end.unwrap();
            prop_assert_eq!(period.anchor, first);
            let days = (end.0 - start.0) / 3_600_000;
            prop_assert!((27 * 24..=31 * 24 + 25).contains(&days), "{} hours", days);
            before = Some((start, period.anchor));
            start = end;
        }
        let (began, now) = (zone.to_datetime(Timestamp::from_millisecond(first.0).unwrap()), zone.to_datetime(Timestamp::from_millisecond(start.0).unwrap()));
        prop_assert_eq!((began.year() + 2, began.month()), (now.year(), now.month()));
    }
}
