//! Why the panel does not do what was asked: refusals whose texts are part of its contract (specs/panel.md §1.1, §1.3).

use crate::Error;

/// What a use case of the panel returns.
pub type Outcome<T> = Result<T, Failure>;

/// Why it returned nothing.
#[derive(Debug)]
pub enum Failure {
    /// A rule of the panel.
    Refused(Refusal),
    /// What every surface may meet.
    Error(Error),
}

/// A rule of the panel that is in the way, named by its English text: callers compare texts, so texts are identities here. Each is in
/// the surface's tables for every language; a test of the surface finds those that are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of rule.
    pub kind: Kind,
    /// The text's key: its English wording, with `:name` where a value goes.
    pub text: &'static str,
    /// These values.
    pub values: Vec<(&'static str, String)>,
}

/// What kind of rule is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A rule of business.
    Rule,
    /// A parameter breaks its form; its name.
    Input(&'static str),
    /// Too often.
    Often,
    /// There is no such thing.
    Missing,
    /// The caller may not.
    Denied,
    /// The caller is nobody.
    Nobody,
}

impl Refusal {
    const fn new(kind: Kind, text: &'static str) -> Self {
        Self { kind, text, values: Vec::new() }
    }

    /// A rule of business.
    pub const fn rule(text: &'static str) -> Self {
        Self::new(Kind::Rule, text)
    }

    /// A parameter breaks its form.
    pub const fn input(field: &'static str, text: &'static str) -> Self {
        Self::new(Kind::Input(field), text)
    }

    /// Too often.
    pub const fn often(text: &'static str) -> Self {
        Self::new(Kind::Often, text)
    }

    /// There is no such thing.
    pub const fn missing(text: &'static str) -> Self {
        Self::new(Kind::Missing, text)
    }

    /// The caller may not.
    pub const fn denied(text: &'static str) -> Self {
        Self::new(Kind::Denied, text)
    }

    /// The caller is nobody.
    pub const fn nobody(text: &'static str) -> Self {
        Self::new(Kind::Nobody, text)
    }

    /// The same with a value for `:name`.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "callers give numbers and texts of their own")]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.values.push((name, value.to_string()));
        self
    }
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

impl From<gatehouse_store::Error> for Failure {
    fn from(error: gatehouse_store::Error) -> Self {
        Self::Error(error.into())
    }
}
