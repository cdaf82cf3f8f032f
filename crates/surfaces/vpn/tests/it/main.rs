//! Exchanges with the vpn surface through its real router.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod flush;
mod form;
mod fuzz;
mod group;
mod order;
mod role;
mod state;
mod support;
mod trail;
mod transport;
mod updater;
mod user;
