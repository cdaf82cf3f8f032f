//! Values of the state file that need more than a plain type.

use gatehouse_model::{ByteSize, Millis, Money};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};

/// Whether the thing an entry names shall exist.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    /// It exists as described.
    #[default]
    Present,
    /// It does not exist.
    Absent,
}

/// A traffic factor in hundredths, written as a decimal number of at most two places: `1.5`, `"0.25"`, `2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(pub i64);

impl Rate {
    fn parse(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !is_number(whole) || !is_number(part) || part.len() > 2 {
            return None;
        }
        let hundredths: i64 = format!("{part:0<2}").parse().ok()?;
        whole.parse::<i64>().ok()?.checked_mul(100)?.checked_add(hundredths).map(Self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyNumber;
        impl Visitor<'_> for AnyNumber {
            type Value = Rate;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number of at most two decimal places, such as 1.5")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Rate, E> {
                Rate::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }

            // The shortest text that gives the same float again is what was written, so nothing is lost or rounded.
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Rate, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Rate, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Rate, E> {
                self.visit_str(&number.to_string())
            }
        }
        deserializer.deserialize_any(AnyNumber)
    }
}

/// An amount of money, a decimal number of at most two places: `"12.50"`, `-10`, `9.9`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount(pub Money);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyNumber;
        impl Visitor<'_> for AnyNumber {
            type Value = Amount;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an amount of at most two decimal places, such as \"12.50\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Amount, E> {
                text.parse().map(Amount).map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }

            // As of rates: the shortest text is what was written.
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Amount, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Amount, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Amount, E> {
                self.visit_str(&number.to_string())
            }
        }
        deserializer.deserialize_any(AnyNumber)
    }
}

/// A size limit: `"100GiB"`, or `"unlimited"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(pub Option<ByteSize>);

impl Limit {
    /// As the store keeps it: bytes, or none. Larger than the store can hold is as good as unlimited.
    pub fn bytes(self) -> Option<i64> {
        self.0.and_then(|size| i64::try_from(size.0).ok())
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "unlimited" {
            return Ok(Self(None));
        }
        text.parse()
            .map(|size| Self(Some(size)))
            .map_err(|error| de::Error::custom(format!("{error}, and not \"unlimited\"")))
    }
}

/// A moment as RFC 3339, or `"never"`. In TOML an unquoted date-time with an offset will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry(pub Option<Millis>);

impl<'de> Deserialize<'de> for Expiry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Moment;
        impl<'de> Visitor<'de> for Moment {
            type Value = Expiry;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a moment such as \"2027-01-31T00:00:00Z\", or \"never\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Expiry, E> {
                if text == "never" {
                    return Ok(Expiry(None));
                }
                let moment: jiff::Timestamp =
                    text.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))?;
                Ok(Expiry(Some(Millis(moment.as_millisecond()))))
            }

            // The toml package hands its own date-times over as a map of one text.
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Expiry, A::Error> {
                match map.next_entry::<String, String>()? {
                    Some((_, text)) => self.visit_str(&text),
                    None => Err(de::Error::invalid_type(de::Unexpected::Map, &self)),
                }
            }
        }
        deserializer.deserialize_any(Moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_without_a_rounding_error() {
        for (json, hundredths) in
            [("1", 100), ("1.15", 115), ("\"0.29\"", 29), ("0.07", 7), ("100", 10_000), ("\"1.5\"", 150), ("2.30", 230)]
        {
            assert_eq!(serde_json::from_str::<Rate>(json).unwrap(), Rate(hundredths), "{json}");
        }
        for json in ["-1", "1.005", "\"1.005\"", "\"x\"", "\"1.\"", "\".5\"", "1e300", "\"\"", "true"] {
            assert!(serde_json::from_str::<Rate>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn an_amount_is_read_without_a_rounding_error() {
        for (json, hundredths) in [("10", 1_000), ("9.9", 990), ("\"-10.00\"", -1_000), ("0.07", 7), ("-1", -100)] {
            assert_eq!(serde_json::from_str::<Amount>(json).unwrap(), Amount(Money(hundredths)), "{json}");
        }
        for json in ["1.005", "\"1e3\"", "true", "\"\"", "1e300"] {
            assert!(serde_json::from_str::<Amount>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn limits_and_moments_can_be_lifted_by_a_word() {
        assert_eq!(serde_json::from_str::<Limit>("\"2GiB\"").unwrap().bytes(), Some(2 << 30));
        assert_eq!(serde_json::from_str::<Limit>("\"unlimited\"").unwrap(), Limit(None));
        assert!(serde_json::from_str::<Limit>("\"2\"").is_err());
        assert_eq!(serde_json::from_str::<Expiry>("\"never\"").unwrap(), Expiry(None));
        let moment = Expiry(Some(Millis(1_798_675_200_000)));
        assert_eq!(serde_json::from_str::<Expiry>("\"2026-12-31T00:00:00Z\"").unwrap(), moment);
        assert_eq!(serde_json::from_str::<Expiry>("\"2026-12-31T08:00:00+08:00\"").unwrap(), moment);
        // The shape in which the toml package shows 2026-12-31T00:00:00Z.
        let toml = "{\"$__toml_private_datetime\": \"2026-12-31T00:00:00Z\"}";
        assert_eq!(serde_json::from_str::<Expiry>(toml).unwrap(), moment);
        assert!(serde_json::from_str::<Expiry>("\"2026-12-31\"").is_err());
    }

    proptest::proptest! {
        #[test]
        fn every_rate_of_two_places_survives_text_and_float(hundredths in 0_i64..=1_000_000) {
            let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
            proptest::prop_assert_eq!(serde_json::from_str::<Rate>(&text).unwrap(), Rate(hundredths));
            proptest::prop_assert_eq!(serde_json::from_str::<Rate>(&format!("\"{text}\"")).unwrap(), Rate(hundredths));
        }
    }
}
