//! The real application, clocks, actors and real peers for tests.

pub mod app;
pub mod peer;
pub mod postgres;
pub mod server;
pub mod stand_in;

pub use app::{Engine, TestApp};
/// What the real application asks foreign servers with.
pub use gatehouse_upstream as upstream;
pub use server::{Ended, Installation, PATIENCE, RunningServer};
