//! The SQL layer on both real engines.

#[macro_use]
mod fixture;
mod copying;
mod migration;
mod parity;
mod statement;
mod story;
