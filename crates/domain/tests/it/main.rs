//! Use cases through the real application on real databases.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test")]

mod apply;
mod apply_law;
mod apply_refusal;
mod picture;
