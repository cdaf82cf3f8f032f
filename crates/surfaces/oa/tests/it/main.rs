//! Golden exchanges of the oa surface through its real router.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod check;
mod path;
mod state;
mod support;
mod transport;
