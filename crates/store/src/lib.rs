//! All SQL of Gatehouse. [`Db`] and [`Tx`] run statements made by [`sql!`] on SQLite or PostgreSQL; nothing above this
//! package knows which. Each aggregate has its own file of statements; its rows are the entities.

pub mod account;
pub mod api_token;
pub mod audit;
pub mod bastion_route;
pub mod copy;
mod db;
mod error;
pub mod foreign;
pub mod grant;
mod group;
pub mod job;
pub mod live;
pub mod lock;
pub mod login_session;
mod migrate;
pub mod node;
pub mod oa_entry;
pub mod oa_user;
pub mod one_time;
pub mod own_account;
pub mod pass;
mod pool;
pub mod process;
pub mod protocol;
pub mod rate_counter;
pub mod resource_group;
pub mod role;
mod row;
pub mod sealed;
pub mod second_factor;
pub mod setting;
mod signal;
mod sql;
pub mod ssh_key;
pub mod target;
mod tx;
pub mod visit;
pub mod visit_terminal;

pub use db::{Db, Engine, OpenOptions, Query, Reader};
pub use error::{Error, Result};
pub use row::{Args, Row, Value};
pub use signal::{Aspect, Signals};
pub use sql::Statement;
pub use tx::Tx;
