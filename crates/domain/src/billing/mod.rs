//! Billing: subscribers, their services, credits, messages and payments (specs/billing.md).

pub mod access;
pub mod auth_log;
pub mod block;
pub mod card;
pub mod export;
pub mod field;
pub mod group;
pub mod idempotency;
pub mod main;
pub mod message;
pub mod pays;
pub mod refusal;
pub mod scope;
pub mod session;
pub mod staff_payment;
pub mod subscriber;
pub mod who;

pub use refusal::{Failure, Outcome, Refusal};
pub use who::{Role, Who};
