//! Rows that come from the database as one JSON text, where many columns would cost more on their way than the look-up itself: each
//! value of a row is copied out of SQLite alone. An object of JSON is an array there, in the order of the struct's fields.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Unexpected, Visitor};

use crate::Error;

/// Reads what a statement gave.
#[track_caller]
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> crate::Result<T> {
    serde_json::from_str(text).map_err(|error| Error::other(std::panic::Location::caller(), error))
}

struct Flag;

impl Visitor<'_> for Flag {
    type Value = Option<bool>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a flag: true, false, 0, 1 or null")
    }

    fn visit_bool<E: serde::de::Error>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Some(flag))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Self::Value, E> {
        match number {
            0 => Ok(Some(false)),
            1 => Ok(Some(true)),
            _ => Err(E::invalid_value(Unexpected::Unsigned(number), &self)),
        }
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// A flag: SQLite writes a number.
pub(crate) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    deserializer.deserialize_any(Flag)?.ok_or_else(|| D::Error::invalid_type(Unexpected::Unit, &Flag))
}

/// A flag that may be missing.
pub(crate) fn optional_flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    deserializer.deserialize_any(Flag)
}

/// Octets, written in hexadecimal digits.
pub(crate) fn octets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let digits = Option::<&'de str>::deserialize(deserializer)?.unwrap_or_default();
    hex::decode(digits).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Things(
        #[serde(deserialize_with = "flag")] bool,
        #[serde(deserialize_with = "optional_flag")] Option<bool>,
        #[serde(deserialize_with = "octets")] Vec<u8>,
    );

    #[test]
    fn both_engines_flags_and_octets_are_read() {
        for (text, things) in [
            (r#"[1, 0, "ff00"]"#, Things(true, Some(false), vec![255, 0])),
            (r#"[false, true, "FF"]"#, Things(false, Some(true), vec![255])),
            (r"[0, null, null]", Things(false, None, vec![])),
        ] {
            assert_eq!(read::<Things>(text).unwrap(), things);
        }
        for wrong in [r#"[2, 0, ""]"#, r#"[null, 0, ""]"#, r#"[1, "1", ""]"#, r#"[1, 1, "f"]"#] {
            assert!(read::<Things>(wrong).is_err(), "{wrong}");
        }
    }
}
