//! Ports clients connect to: one, or a range that Hysteria hops over.

use std::{fmt, str::FromStr};

use serde_json::Value;

/// `443` or `20000-30000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortSpec {
    first: u16,
    last: u16,
}

/// A text that is neither a port nor a range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no port (1 to 65535) and no range such as \"20000-30000\"")]
pub struct ParsePortError(String);

impl PortSpec {
    /// One port; none for 0.
    pub const fn single(port: u16) -> Option<Self> {
        if port == 0 { None } else { Some(Self { first: port, last: port }) }
    }

    /// Reads a number or a text.
    ///
    /// Errors: anything else.
    pub fn from_value(value: &Value) -> Result<Self, ParsePortError> {
        match value {
            Value::String(text) => text.parse(),
            other => other.to_string().parse(),
        }
    }

    /// The port a number chooses.
    pub const fn pick(self, number: u64) -> u16 {
        let count = (self.last - self.first) as u64 + 1;
        // Below 65,536, as the remainder is smaller than the count.
        #[expect(clippy::cast_possible_truncation, reason = "a remainder of at most 65,535")]
        let step = (number % count) as u16;
        self.first + step
    }

    /// First and last port, where they differ.
    pub const fn range(self) -> Option<(u16, u16)> {
        if self.first == self.last { None } else { Some((self.first, self.last)) }
    }
}

impl FromStr for PortSpec {
    type Err = ParsePortError;

    fn from_str(text: &str) -> Result<Self, ParsePortError> {
        let port = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port != 0);
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        port(first)
            .zip(port(last))
            .filter(|(first, last)| first <= last)
            .map(|(first, last)| Self { first, last })
            .ok_or_else(|| ParsePortError(text.chars().take(40).collect()))
    }
}

impl fmt::Display for PortSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.range() {
            None => write!(f, "{}", self.first),
            Some((first, last)) => write!(f, "{first}-{last}"),
        }
    }
}
