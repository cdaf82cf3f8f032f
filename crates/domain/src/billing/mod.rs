//! Billing: subscribers, their services, credits, messages and payments (specs/billing.md).

pub mod access;
pub mod block;
pub mod field;
pub mod group;
pub mod message;
pub mod refusal;
pub mod scope;
pub mod subscriber;
pub mod who;

pub use refusal::{Failure, Outcome, Refusal};
pub use who::{Role, Who};
