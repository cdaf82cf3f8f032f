//! Values as text.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::text::cut;

/// What the value of an attribute is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// UTF-8, cut at a character boundary where it is too long.
    Text,
    /// Bytes; written as hex digits, with or without `0x`.
    Octets,
    /// 32 bits; decimal, or hex after `0x`.
    Integer,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// An IPv6 prefix, `2001:db8::/48`.
    Ipv6Prefix,
    /// Seconds since 1970.
    Date,
    /// Made by the protocol itself, like passwords, keys and checksums: not written as text, and not shown.
    Protocol,
}

/// A text that is no value of its attribute.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadValue {
    /// Not of the format.
    #[error("`{text}` is not {wanted}")]
    Malformed {
        /// What was given.
        text: String,
        /// What is wanted.
        wanted: &'static str,
    },
    /// More bytes than an attribute holds.
    #[error("the value is longer than {max} bytes")]
    TooLong {
        /// How many fit.
        max: usize,
    },
}

impl FromStr for Format {
    type Err = ();

    /// Reads the name of a format, as it ends `26/VENDOR/TYPE:format`.
    fn from_str(name: &str) -> Result<Self, ()> {
        Ok(match name {
            "text" | "string" => Self::Text,
            "octets" => Self::Octets,
            "integer" => Self::Integer,
            "ipv4" | "ipaddr" => Self::Ipv4,
            "ipv6" | "ipv6addr" => Self::Ipv6,
            "ipv6prefix" => Self::Ipv6Prefix,
            "date" => Self::Date,
            _ => return Err(()),
        })
    }
}

impl Format {
    /// Writes a text as the value of an attribute that holds `max` bytes.
    pub fn encode(self, text: &str, max: usize) -> Result<Vec<u8>, BadValue> {
        let malformed = || BadValue::Malformed { text: cut(text, 64).to_owned(), wanted: self.wanted() };
        let value = match self {
            Self::Text => cut(text, max).as_bytes().to_vec(),
            Self::Octets => hex::decode(text.strip_prefix("0x").unwrap_or(text)).map_err(|_| malformed())?,
            Self::Integer | Self::Date => number(text).ok_or_else(malformed)?.to_be_bytes().to_vec(),
            Self::Ipv4 => text.parse::<Ipv4Addr>().map_err(|_| malformed())?.octets().to_vec(),
            Self::Ipv6 => text.parse::<Ipv6Addr>().map_err(|_| malformed())?.octets().to_vec(),
            Self::Ipv6Prefix => {
                let (address, length) = text.split_once('/').ok_or_else(malformed)?;
                let length = length.parse().ok().filter(|length| *length <= 128).ok_or_else(malformed)?;
                prefix(address.parse().map_err(|_| malformed())?, length).to_vec()
            }
            Self::Protocol => return Err(malformed()),
        };
        if value.len() > max { Err(BadValue::TooLong { max }) } else { Ok(value) }
    }

    /// Shows a value as text; one that is not of the format as hex digits.
    pub fn show(self, value: &[u8]) -> String {
        let shown = match self {
            Self::Text => str::from_utf8(value).ok().map(str::to_owned),
            Self::Octets => None,
            Self::Integer | Self::Date => value.try_into().ok().map(|bytes| u32::from_be_bytes(bytes).to_string()),
            Self::Ipv4 => <[u8; 4]>::try_from(value).ok().map(|bytes| Ipv4Addr::from(bytes).to_string()),
            Self::Ipv6 => <[u8; 16]>::try_from(value).ok().map(|bytes| Ipv6Addr::from(bytes).to_string()),
            Self::Ipv6Prefix => show_prefix(value),
            Self::Protocol => Some(format!("({} bytes)", value.len())),
        };
        shown.unwrap_or_else(|| format!("0x{}", hex::encode(value)))
    }

    fn wanted(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Octets => "bytes as hex digits",
            Self::Integer => "a number from 0 to 4294967295",
            Self::Ipv4 => "an IPv4 address",
            Self::Ipv6 => "an IPv6 address",
            Self::Ipv6Prefix => "an IPv6 prefix like 2001:db8::/48",
            Self::Date => "a time in seconds since 1970",
            Self::Protocol => "settable: the protocol makes this attribute",
        }
    }
}

fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Writes an IPv6 prefix (RFC 3162 §2.3), its bits beyond the length zero. Lengths over 128 count as 128.
pub fn prefix(address: Ipv6Addr, length: u8) -> [u8; 18] {
    let length = length.min(128);
    let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
    let mut value = [0; 18];
    let octets = (address.to_bits() & mask).to_be_bytes();
    value.iter_mut().zip([0, length].into_iter().chain(octets)).for_each(|(to, from)| *to = from);
    value
}

fn show_prefix(value: &[u8]) -> Option<String> {
    let (&[_reserved, length], rest) = value.split_first_chunk()?;
    let mut octets = [0; 16];
    octets.get_mut(..rest.len())?.copy_from_slice(rest);
    (length <= 128).then(|| format!("{}/{length}", Ipv6Addr::from(octets)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_values_and_back() {
        let cases: [(Format, &str, &[u8], &str); 10] = [
            (Format::Text, "5M/10M", b"5M/10M", "5M/10M"),
            (Format::Octets, "0x01AB", &[1, 0xab], "0x01ab"),
            (Format::Octets, "01ab", &[1, 0xab], "0x01ab"),
            (Format::Integer, "3600", &[0, 0, 14, 16], "3600"),
            (Format::Integer, "0xffffffff", &[255; 4], "4294967295"),
            (Format::Date, "1", &[0, 0, 0, 1], "1"),
            (Format::Ipv4, "192.0.2.7", &[192, 0, 2, 7], "192.0.2.7"),
            (Format::Ipv6, "::1", &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "::1"),
            (
                Format::Ipv6Prefix,
                "2001:db8:ffff::/36",
                &[0, 36, 0x20, 1, 0x0d, 0xb8, 0xf0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                "2001:db8:f000::/36",
            ),
            (Format::Ipv6Prefix, "::1/0", &[0; 18], "::/0"),
        ];
        for (format, text, value, shown) in cases {
            assert_eq!(format.encode(text, 253).unwrap(), value, "{text}");
            assert_eq!(format.show(value), shown);
        }
        assert_eq!(Format::Ipv6Prefix.show(&[0, 32, 0x20, 1, 0x0d, 0xb8]), "2001:db8::/32");
        assert_eq!(Format::Text.encode("añb", 2).unwrap(), b"a");
    }

    #[test]
    fn what_is_no_value_is_refused_and_shown_as_bytes() {
        let wrong = [
            (Format::Octets, "0x1"),
            (Format::Integer, "-1"),
            (Format::Integer, "4294967296"),
            (Format::Date, "tomorrow"),
            (Format::Ipv4, "192.0.2"),
            (Format::Ipv6, "192.0.2.1"),
            (Format::Ipv6Prefix, "2001:db8::"),
            (Format::Ipv6Prefix, "2001:db8::/129"),
            (Format::Protocol, "x"),
        ];
        for (format, text) in wrong {
            assert!(matches!(format.encode(text, 253), Err(BadValue::Malformed { .. })), "{text}");
        }
        assert_eq!(Format::Octets.encode("010203", 2), Err(BadValue::TooLong { max: 2 }));
        assert_eq!(Format::Ipv6Prefix.show(&[0, 129, 1]), "0x008101");
        assert_eq!(Format::Ipv6Prefix.show(&[0; 19]), format!("0x{}", "00".repeat(19)));
        assert_eq!(Format::Integer.show(&[1]), "0x01");
        assert_eq!(Format::Text.show(&[0xff]), "0xff");
    }
}
