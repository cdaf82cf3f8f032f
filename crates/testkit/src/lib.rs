//! The real application, clocks, actors and real peers for tests.

pub mod peer;
