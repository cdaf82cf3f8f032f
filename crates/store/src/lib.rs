//! All SQL of Gatehouse. [`Db`] and [`Tx`] run statements made by [`sql!`] on SQLite or PostgreSQL; nothing above this
//! package knows which. Each aggregate has its own file of statements; its rows are the entities.

pub mod access_policy;
pub mod access_request;
pub mod account;
pub mod api_token;
pub mod audit;
pub mod bastion_route;
pub mod command_rule;
pub mod copy;
mod db;
mod error;
pub mod foreign;
pub mod grant;
mod group;
pub mod host_key;
pub mod job;
pub mod live;
pub mod lock;
pub mod login_session;
mod migrate;
pub mod node;
pub mod oa_user;
pub mod pass;
mod pool;
pub mod process;
pub mod protocol;
pub mod rate_counter;
pub mod resource;
pub mod resource_group;
pub mod role;
mod row;
pub mod setting;
mod signal;
mod sql;
pub mod target;
mod tx;
pub mod visit;
pub mod visit_terminal;
pub mod voucher;

pub use db::{Db, Engine, OpenOptions, Query, Reader};
pub use error::{Error, Result};
pub use row::{Args, Row, Value};
pub use signal::{Aspect, Signals};
pub use sql::Statement;
pub use tx::Tx;
