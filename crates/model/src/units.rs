//! Quantities with their unit in the type.

/// A point in time or a length of it: milliseconds, since the Unix epoch when a point.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize, sqlx::Type,
)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// This moment plus a duration; saturates.
    #[must_use]
    pub fn plus(self, span: std::time::Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This moment minus a duration; saturates.
    #[must_use]
    pub fn minus(self, span: std::time::Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// RFC 3339 in UTC with milliseconds, for people and logs.
    pub fn to_rfc3339(self) -> String {
        jiff::Timestamp::from_millisecond(self.0).map_or_else(|_| self.0.to_string(), |t| format!("{t:.3}"))
    }
}

/// A count of bytes on the wire.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize, sqlx::Type,
)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct Bytes(pub i64);

/// An amount of money in hundredths of the currency's unit.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize, sqlx::Type,
)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct Money(pub i64);

/// A text that is no amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an amount such as \"12.50\"")]
pub struct ParseMoneyError(String);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// With both decimals: `12.50`, `-10.00`.
    pub fn to_decimal(self) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let whole = self.0.unsigned_abs();
        format!("{sign}{}.{:02}", whole / 100, whole % 100)
    }

    /// As short as it can be said: `10`, `9.9`, `9.99`.
    pub fn to_shortest(self) -> String {
        let text = self.to_decimal();
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    /// This part of it, `numerator / denominator`, rounded once, half away from nothing; saturates. The denominator must not be 0.
    #[must_use]
    pub fn part(self, numerator: i64, denominator: i64) -> Self {
        let product = i128::from(self.0) * i128::from(numerator);
        let denominator = i128::from(denominator.max(1));
        let half = if product < 0 { -denominator } else { denominator };
        let rounded = (product * 2 + half) / (denominator * 2);
        Self(i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX }))
    }

    /// With the sign turned; saturates.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self(self.0.saturating_neg())
    }

    /// Both together; saturates.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Less another; saturates.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl std::str::FromStr for Money {
    type Err = ParseMoneyError;

    /// Digits, at most two decimals after `.` or `,`, and a `-` before.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseMoneyError(text.chars().take(40).collect());
        let (is_negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, cents) =
            digits.split_once(['.', ',']).map_or((digits, None), |(whole, cents)| (whole, Some(cents)));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || cents.is_some_and(|cents| !is_number(cents) || cents.len() > 2) {
            return Err(wrong());
        }
        let cents: i64 = format!("{:0<2}", cents.unwrap_or("")).parse().map_err(|_| wrong())?;
        let whole: i64 = whole.parse().map_err(|_| wrong())?;
        let sum = whole.checked_mul(100).and_then(|sum| sum.checked_add(cents)).ok_or_else(wrong)?;
        Ok(Self(if is_negative { -sum } else { sum }))
    }
}

#[cfg(test)]
mod tests {
    use super::Money;

    #[test]
    fn money_is_read_and_written_in_hundredths() {
        for (text, sum) in [("12.50", 1_250), ("-10.00", -1_000), ("0.01", 1), ("131072.01", 13_107_201)] {
            assert_eq!(text.parse(), Ok(Money(sum)));
            assert_eq!(Money(sum).to_decimal(), text);
        }
        assert_eq!("12,5".parse(), Ok(Money(1_250)));
        assert_eq!("7".parse(), Ok(Money(700)));
        for text in
            ["", "-", ".5", "1.", "1.005", "1e9", "+1", " 1", "abc", "--1", "99999999999999999999", "1.2.3", "٣"]
        {
            assert!(text.parse::<Money>().is_err(), "{text}");
        }
        assert_eq!([1_000, 990, 999, 0, -50].map(|sum| Money(sum).to_shortest()), ["10", "9.9", "9.99", "0", "-0.5"]);
    }

    #[test]
    fn parts_are_rounded_once_and_half_up() {
        assert_eq!(Money(999).part(85, 100), Money(849), "849.15");
        assert_eq!(Money(1).part(1, 2), Money(1));
        assert_eq!(Money(-1).part(1, 2), Money(-1));
        assert_eq!(Money(10_000).part(3_333, 10_000), Money(3_333));
        assert_eq!(Money(i64::MAX).part(3, 1), Money(i64::MAX));
    }
}
