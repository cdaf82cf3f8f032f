//! The subscription panel: what its users and staff do (specs/panel.md, specs/panel-nodes.md).
//!
//! A user is an account with a proxy pass. Refusals whose texts are the contract are [`Refusal`]s; everything else is the domain's
//! [`Error`](crate::Error).

pub mod day;
pub(crate) mod limit;
pub mod login;
pub mod module;
pub mod node;
pub mod refusal;
pub mod session;
pub mod setting;
pub mod shadow;
pub mod subscription;
pub mod user;
mod who;

pub use refusal::{Failure, Outcome, Refusal};
pub use who::Who;
