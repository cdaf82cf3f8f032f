//! What an action comes to: a success, a refusal with a code of the contract, or an error.

use gatehouse_domain::{Error, Fault};
use serde::Serialize;

use crate::{ascii, text::Text};

/// What every action gives.
pub(crate) type Outcome = Result<Success, Failure>;

/// `code` 0.
pub(crate) struct Success {
    pub(crate) message: Message,
    /// JSON in ASCII.
    pub(crate) result: Option<Vec<u8>>,
}

/// A text of the tables, or one with something in it.
pub(crate) enum Message {
    Text(Text),
    Literal(String),
}

impl Success {
    /// Says a text of the tables.
    pub(crate) fn new(text: Text) -> Self {
        Self { message: Message::Text(text), result: None }
    }

    /// Says a text that the choice of `vpn.messages` does not change.
    pub(crate) fn literal(text: String) -> Self {
        Self { message: Message::Literal(text), result: None }
    }

    /// Adds `result`, its keys in the order of the type.
    pub(crate) fn with(self, result: &impl Serialize) -> Result<Self, Failure> {
        let result = ascii::to_vec(result).map_err(Error::internal)?;
        Ok(Self { result: Some(result), ..self })
    }
}

/// A failure of the contract: `code` ≠ 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: i32,
    pub(crate) text: Text,
    /// What is wrong with a required argument, if it is that.
    pub(crate) argument: Argument,
}

/// What is wrong with a required argument. Actions of the seed show it less (specs/vpn.md §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Argument {
    /// The failure is another one.
    Fine,
    /// It is there but empty.
    Empty,
    /// The argument of this name is absent.
    Absent(&'static str),
}

/// A refusal by code and text.
pub(crate) const fn refusal(code: i32, text: Text) -> Refusal {
    Refusal { code, text, argument: Argument::Fine }
}

impl Refusal {
    /// The same, because an argument is absent.
    pub(crate) const fn missing(self, name: &'static str) -> Self {
        Self { argument: Argument::Absent(name), ..self }
    }

    /// The same, because an argument is empty.
    pub(crate) const fn empty(self) -> Self {
        Self { argument: Argument::Empty, ..self }
    }
}

/// Why an action did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// By the contract.
    Refused(Refusal),
    /// A domain error that the action has no words of its own for.
    Error(Error),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Field (or kind of thing) and rule of a domain error, and the refusal that says it. An empty rule stands for every rule.
pub(crate) type Words = &'static [(&'static str, &'static str, Refusal)];

/// Puts a domain error into an action's words: `.map_err(told(&[("parent_group", "unknown", …)]))`. Of several faults the first
/// counts; `NotFound` has the rule `unknown` and `Conflict` the rule `taken`.
pub(crate) fn told(words: Words) -> impl Fn(Error) -> Failure {
    move |error| {
        let what = match &error {
            Error::Fields(faults) => faults.first().map(|Fault { field, rule }| (*field, *rule)),
            Error::Invalid { field, .. } => {
                words.iter().find(|(name, _, _)| name == field).map(|(name, _, _)| (*name, ""))
            }
            Error::NotFound { what } => Some((*what, "unknown")),
            Error::Conflict { what, .. } => Some((*what, "taken")),
            Error::Unauthenticated { .. }
            | Error::Forbidden { .. }
            | Error::Expired { .. }
            | Error::Locked { .. }
            | Error::QuotaExceeded { .. }
            | Error::InsufficientFunds
            | Error::RateLimited { .. }
            | Error::Upstream { .. }
            | Error::Unavailable(_)
            | Error::Internal(_) => None,
        };
        let fits = |(field, rule): (&str, &str)| {
            words.iter().find(|(name, wanted, _)| *name == field && (wanted.is_empty() || *wanted == rule))
        };
        match what.and_then(fits) {
            Some((_, _, refusal)) => Failure::Refused(*refusal),
            None => Failure::Error(error),
        }
    }
}
