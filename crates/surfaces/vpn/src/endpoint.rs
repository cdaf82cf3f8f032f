//! What an action of the WebApi is. One file per action; each defines a constant `ENDPOINT` and a function `handle`, which decodes
//! the parameters, calls one use case, and renders its answer.

use std::pin::Pin;

use gatehouse_domain::{Ctx, vpn::call};

use crate::{
    answer::{Outcome, Refusal},
    params::Params,
};

/// One action.
pub(crate) struct Endpoint {
    /// `controler` on the wire.
    pub(crate) controller: &'static str,
    /// `action` on the wire.
    pub(crate) action: &'static str,
    /// Whether the seed documents it, which decides how a missing argument is told.
    pub(crate) dialect: Dialect,
    /// What it does to staged and live data.
    pub(crate) effect: Effect,
    /// The answer to parameters that are not UTF-8, and to errors that the action has no words for.
    pub(crate) unfit: Refusal,
    /// Name of its audit rows: `vpn.user.create` …
    pub(crate) event: &'static str,
    /// Kind of the things it is about: `account`, `vpn_group` …
    pub(crate) kind: &'static str,
    /// The parameters that name them.
    pub(crate) names: &'static [&'static str],
    /// Does it.
    pub(crate) handle: for<'a> fn(&'a Call) -> Answering<'a>,
}

/// Boxed because it is a field of a table.
pub(crate) type Answering<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// Where an action comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// The seed.
    Seed,
    /// The rest of the API.
    Standard,
}

/// What an action does (specs/vpn.md §9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It reads.
    Query,
    /// It writes what the next apply publishes; `delay_flush` and `apply_mode` say whether that follows at once.
    Staged,
    /// It is live when the reply leaves.
    Immediate,
    /// It publishes.
    Apply,
}

/// A verified call of an action.
pub(crate) struct Call {
    /// The holder of the secret.
    pub(crate) ctx: Ctx,
    /// What was sent.
    pub(crate) params: Params,
}

impl Endpoint {
    /// The call as the audit trail knows it.
    pub(crate) fn noted<'a>(&self, names: &'a str) -> call::Call<'a> {
        call::Call { event: self.event, kind: self.kind, names }
    }
}
