//! What Gatehouse does: use cases, rules, permissions, the live snapshot, jobs and events. Transport-free.
//!
//! A use case checks permission first, then changes rows, audit, jobs and events in one transaction.

pub mod account;
pub mod api_token;
mod app;
pub mod apply;
pub mod audit;
pub mod bastion;
pub mod billing;
pub mod clock;
mod ctx;
pub mod doctor;
mod edit;
pub mod error;
pub mod factor;
mod gather;
pub mod job;
pub mod keys;
pub mod ledger;
pub mod live;
pub mod login;
pub mod mail;
pub mod oa;
pub mod panel;
pub mod password;
pub mod payment;
pub mod permission;
pub mod proxy;
pub mod push;
pub mod radius;
pub mod recording;
pub mod role;
pub mod seal;
pub mod session;
pub mod settings;
pub mod signing;
pub mod ssh_key;
pub mod throttle;
pub mod visit;
pub mod vpn;

pub use app::{App, Open};
pub use clock::{Clock, Random};
pub use ctx::{Actor, Caller, Ctx, Via};
pub use edit::Edit;
pub use error::{Error, Fault, Result};
pub use gatehouse_store::OpenOptions;
pub use settings::Settings;
