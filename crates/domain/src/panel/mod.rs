//! The subscription panel: what its users and staff do (specs/panel.md, specs/panel-nodes.md).
//!
//! A user is an account with a proxy pass. Refusals whose texts are the contract are [`Refusal`]s; everything else is the domain's
//! [`Error`](crate::Error).

pub mod article;
pub mod device;
pub mod identity;
pub mod login;
pub mod module;
pub mod notice;
pub mod refusal;
pub mod session;
pub mod setting;
pub mod shadow;
pub mod subscription;
pub mod system;
pub mod ticket;
pub mod user;
mod who;

pub use refusal::{Failure, Outcome, Refusal};
pub use who::Who;

/// A pattern that finds a folded text anywhere, nothing in it a wildcard: for filters of staff.
pub fn pattern(folded: &str) -> String {
    gatehouse_store::like::contains(folded)
}
