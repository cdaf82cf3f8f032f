//! Chinese identity numbers: 18 characters of region, day of birth, order and check digit (GB 11643).

use gatehouse_model::{Millis, Secret};
use jiff::{Timestamp, civil::Date, tz::TimeZone};

/// A number of the right form. Not printable.
pub(super) struct IdentityNumber {
    text: Secret,
    born: Date,
    is_checksum_right: bool,
}

/// What is wrong with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Its form: characters, region or day.
    Form,
    /// The check digit, where that counts.
    Checksum,
}

/// Provinces and regions: the first two digits.
const REGIONS: [&str; 36] = [
    "11", "12", "13", "14", "15", "21", "22", "23", "31", "32", "33", "34", "35", "36", "37", "41", "42", "43", "44",
    "45", "46", "50", "51", "52", "53", "54", "61", "62", "63", "64", "65", "71", "81", "82", "83", "91",
];

const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];

/// The day it is in a time zone; an unknown zone counts as UTC.
pub(super) fn today(now: Millis, zone: &str) -> Date {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    Timestamp::from_millisecond(now.0).unwrap_or_default().to_zoned(zone).date()
}

impl IdentityNumber {
    /// Reads a number; a small `x` at the end is a large one.
    pub(super) fn parse(text: &str, today: Date, must_check: bool) -> Result<Self, Fault> {
        let text = text.trim().to_ascii_uppercase();
        let (head, last) = text.split_at_checked(17).ok_or(Fault::Form)?;
        let is_formed =
            head.bytes().all(|b| b.is_ascii_digit()) && (last == "X" || last.parse::<u8>().is_ok() && last.len() == 1);
        if !is_formed || !last.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(Fault::Form);
        }
        let region = head.get(..2).unwrap_or_default();
        let born = born(head).filter(|born| *born <= today && born.year() >= 1_900);
        let (true, Some(born)) = (REGIONS.contains(&region), born) else { return Err(Fault::Form) };
        let is_checksum_right = last.starts_with(check_digit(head));
        if must_check && !is_checksum_right {
            return Err(Fault::Checksum);
        }
        Ok(Self { text: Secret::new(text), born, is_checksum_right })
    }

    /// The number itself.
    pub(super) fn text(&self) -> &str {
        self.text.expose()
    }

    /// Region and end, the rest hidden.
    pub(super) fn masked(&self) -> String {
        let text = self.text.expose();
        let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
        format!("{}***********{}", part(0..3), part(14..18))
    }

    pub(super) const fn is_checksum_right(&self) -> bool {
        self.is_checksum_right
    }

    /// Full years on a day.
    pub(super) fn age(&self, today: Date) -> i64 {
        let had_birthday = (today.month(), today.day()) >= (self.born.month(), self.born.day());
        i64::from(today.year()) - i64::from(self.born.year()) - i64::from(!had_birthday)
    }
}

fn born(head: &str) -> Option<Date> {
    let number = |range: std::ops::Range<usize>| head.get(range).and_then(|digits| digits.parse::<i16>().ok());
    let (year, month, day) = (number(6..10)?, number(10..12)?, number(12..14)?);
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// ISO 7064 mod 11-2.
fn check_digit(head: &str) -> char {
    let digits = head.chars().filter_map(|c| c.to_digit(10));
    let sum: u32 = digits.zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum();
    match (12 - sum % 11) % 11 {
        10 => 'X',
        digit => char::from_digit(digit, 10).unwrap_or('0'),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn read(text: &str) -> Result<IdentityNumber, Fault> {
        IdentityNumber::parse(text, date(2_026, 11, 21), false)
    }

    #[test]
    fn the_documented_sample_has_a_wrong_check_digit_and_counts_all_the_same() {
        let sample = read("110101199001011234").unwrap_or_else(|_| panic!("the sample is formed"));
        assert!(!sample.is_checksum_right());
        assert_eq!(sample.masked(), "110***********1234");
        assert!(read("110101199001011237").unwrap_or_else(|_| panic!("formed")).is_checksum_right());
        let checked = IdentityNumber::parse("110101199001011234", date(2_026, 11, 21), true);
        assert_eq!(checked.err(), Some(Fault::Checksum));
    }

    #[test]
    fn a_small_x_is_the_large_one() {
        let (small, large) = (read("11010519491231002x"), read("11010519491231002X"));
        let (small, large) = (small.unwrap_or_else(|_| panic!()), large.unwrap_or_else(|_| panic!()));
        assert!(small.is_checksum_right() && small.text() == large.text());
    }

    #[test]
    fn what_is_not_formed_is_refused() {
        for text in [
            "",
            "11010119900101123",
            "1101011990010112345",
            "11010119901301123X4",
            "110101199013011234",
            "110101199002301234",
            "110101202612311234",
            "110101189912311234",
            "000101199001011234",
            "990101199001011234",
            "1101011990010112 4",
            "11010119900101x234",
            "1101011990010112３4",
            "一一0101199001011234",
            "+10101199001011234",
            "11010119900101123+",
            "11010119900101123-",
        ] {
            assert_eq!(read(text).err(), Some(Fault::Form), "{text}");
        }
    }

    #[test]
    fn age_counts_full_years() {
        let born = read("110101200811221234").unwrap_or_else(|_| panic!("formed"));
        assert_eq!(born.age(date(2_026, 11, 21)), 17);
        assert_eq!(born.age(date(2_026, 11, 22)), 18);
    }
}
