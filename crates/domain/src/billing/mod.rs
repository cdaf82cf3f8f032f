//! Billing: subscribers, their services, credits, messages and payments (specs/billing.md).

pub mod access;
pub mod auth_log;
mod begin;
pub mod block;
pub mod card;
pub mod connect;
pub mod credit;
pub(crate) mod ending;
pub mod export;
pub mod field;
pub mod finish;
pub mod freeze;
pub mod group;
pub mod idempotency;
pub mod import;
pub mod main;
pub mod message;
mod need;
pub mod next;
mod owned;
pub mod pays;
pub mod period;
pub mod price;
pub mod redeem;
pub mod refusal;
pub mod renew;
pub mod scope;
pub mod select;
pub mod service;
pub mod session;
pub mod staff_payment;
pub mod subscriber;
pub mod subscription;
pub(crate) mod sweep;
pub mod transfer;
pub mod who;

use gatehouse_model::Origin;
use gatehouse_store::Tx;

use crate::{Actor, App, Ctx};

pub use refusal::{Failure, Outcome, Refusal};
pub use who::{Role, Who};

/// Ends the transaction of a use case: commits what was done, and what a refusal was read from, which on SQLite may be a neighbour's
/// that is not on the disk yet.
async fn conclude<T>(tx: Tx, outcome: Outcome<T>) -> Outcome<T> {
    if !matches!(outcome, Err(Failure::Error(_))) {
        tx.commit().await?;
    }
    outcome
}

/// The context of periodic tasks.
pub(crate) fn kernel(app: &App) -> Ctx {
    app.ctx(Actor::System("billing"), Origin::System)
}
