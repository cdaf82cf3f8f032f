//! The SQL layer on both real engines.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a failed test")]

#[macro_use]
mod fixture;
mod copying;
mod migration;
mod oa_entry;
mod outage;
mod parity;
mod statement;
mod story;
