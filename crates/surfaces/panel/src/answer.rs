//! What an endpoint comes to (specs/panel.md §1.1).

use axum::response::Response;
use gatehouse_domain::{
    Error,
    panel::{self, Refusal},
};
use serde_json::{Map, Value};

/// What every endpoint gives.
pub(crate) type Outcome = Result<Answer, Failure>;

/// An answer without an error.
pub(crate) enum Answer {
    /// `data` of the envelope.
    Data(Value),
    /// The same, with keys beside it.
    Beside(Value, Map<String, Value>),
    /// A whole reply without envelope.
    Bare(Value),
    /// A reply of its own kind: a page, a file, a redirect, a 304.
    Raw(Box<Response>),
}

impl Answer {
    /// `true`: it was done.
    pub(crate) const fn done() -> Self {
        Self::Data(Value::Bool(true))
    }
}

/// Why an endpoint did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// By the contract.
    Refused(Refusal),
    /// Several parameters break their form: `(name, refusal)`.
    Inputs(Vec<Refusal>),
    /// A reply of its own kind, such as the text that a payment system expects.
    Raw(Box<Response>),
    /// What any use case may meet.
    Error(Error),
}

impl Failure {
    /// Nobody is logged in.
    pub(crate) fn nobody() -> Self {
        Self::Refused(Refusal::denied("未登录或登陆已过期"))
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

impl From<panel::Failure> for Failure {
    fn from(failure: panel::Failure) -> Self {
        match failure {
            panel::Failure::Refused(refusal) => Self::Refused(refusal),
            panel::Failure::Error(error) => Self::Error(error),
        }
    }
}
