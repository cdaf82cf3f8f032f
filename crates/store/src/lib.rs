//! All SQL of Gatehouse. [`Db`] and [`Tx`] run statements made by [`sql!`] on SQLite or PostgreSQL; nothing above this
//! package knows which. Each aggregate has its own file of statements; its rows are the entities.

pub mod copy;
mod db;
mod error;
mod migrate;
mod pool;
mod row;
mod signal;
mod sql;
mod tx;

pub use db::{Db, Engine, OpenOptions, Query, Reader};
pub use error::{Error, Result};
pub use row::{Args, Row, Value};
pub use signal::{Aspect, Signals};
pub use sql::Statement;
pub use tx::Tx;
