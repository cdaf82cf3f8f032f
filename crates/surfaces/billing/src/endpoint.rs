//! What an action is. One file per action in `action/`; each defines a constant `ENDPOINT` and a function that decodes the
//! parameters, calls one use case, and renders its answer.

use std::pin::Pin;

use gatehouse_domain::{
    billing::{Who, session::Session},
    settings::{BillingSettings, Language},
};
use http::Method;

use crate::{
    answer::{Failure, Outcome},
    params::Params,
    writer::Writer,
};

/// One action.
pub(crate) struct Endpoint {
    /// `a` on the wire.
    pub(crate) action: &'static str,
    /// Who may call it.
    pub(crate) role: For,
    /// Whether this call of it changes something.
    pub(crate) changes: fn(&Params, &Method) -> bool,
    /// Does it.
    pub(crate) handle: for<'a> fn(&'a Call) -> Answering<'a>,
}

/// Boxed because it is a field of a table.
pub(crate) type Answering<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// Who may call an action; others are `forbidden`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    /// Subscribers, and staff for them.
    Everybody,
    /// Subscribers only.
    User,
    /// Staff only.
    Admin,
}

/// A call of an action by somebody known.
pub(crate) struct Call {
    /// Who.
    pub(crate) who: Who,
    /// By which session.
    pub(crate) session: Session,
    /// How.
    pub(crate) method: Method,
    /// With what.
    pub(crate) params: Params,
    /// In which language.
    pub(crate) language: Language,
}

impl Call {
    /// The settings of this surface.
    pub(crate) fn settings(&self) -> &BillingSettings {
        &self.who.ctx.app.settings().billing
    }

    /// Writes the types that are configured.
    pub(crate) fn writer(&self) -> Writer {
        Writer::new(self.settings().api.numbers)
    }

    /// The subscriber that staff name. What is no number names nobody.
    pub(crate) fn uid(&self) -> Option<i64> {
        self.params.id("uid")
    }

    /// An id that is needed; `not_found` when there is none.
    pub(crate) fn required_id(&self, name: &str) -> Result<i64, Failure> {
        self.params.id(name).ok_or(Failure::code("not_found"))
    }

    /// The caller's key of a change that shall happen once.
    pub(crate) fn key(&self) -> Option<&str> {
        self.params.filled(KEY)
    }
}

/// The parameter that makes a change happen once; a header of the same meaning is put there.
pub(crate) const KEY: &str = "idem";

/// Reads only.
pub(crate) fn never(_: &Params, _: &Method) -> bool {
    false
}

/// Changes something whenever it is called.
pub(crate) fn always(_: &Params, _: &Method) -> bool {
    true
}
