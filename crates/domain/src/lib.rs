//! What Gatehouse does: use cases, rules, permissions, the live snapshot, jobs and events. Transport-free.
//!
//! A use case checks permission first, then changes rows, audit, jobs and events in one transaction.

pub mod clock;
pub mod error;
pub mod proxy;
pub mod settings;

pub use clock::{Clock, Random};
pub use error::{Error, Result};
pub use settings::Settings;
