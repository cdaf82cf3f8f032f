//! Billing: subscribers, their services, credits, messages and payments (specs/billing.md).

pub mod idempotency;
pub mod refusal;
pub mod scope;
pub mod session;
pub mod who;

pub use refusal::{Failure, Outcome, Refusal};
pub use who::{Role, Who};
