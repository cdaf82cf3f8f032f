//! What is wrong with a configuration, in words that name key, value and place.

use std::fmt;

/// One value that cannot be used.
#[derive(Debug)]
pub(crate) struct Problem {
    /// Dotted key, list elements as `key[0]`.
    pub(crate) key: String,
    /// What would be accepted.
    pub(crate) rule: String,
}

impl Problem {
    /// A problem of one key.
    pub(crate) fn new(key: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { key: key.into(), rule: rule.into() }
    }
}

/// Why a configuration was refused, one line per problem.
#[derive(Debug)]
pub(crate) struct ConfigError(Vec<String>);

impl ConfigError {
    /// From the lines to show.
    pub(crate) fn new(lines: Vec<String>) -> Self {
        Self(lines)
    }

    /// A single line.
    pub(crate) fn one(line: String) -> Self {
        Self(vec![line])
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for ConfigError {}
