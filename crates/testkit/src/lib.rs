//! The real application, clocks, actors and real peers for tests.

pub mod app;
pub mod peer;
pub mod postgres;

pub use app::{Engine, TestApp};
