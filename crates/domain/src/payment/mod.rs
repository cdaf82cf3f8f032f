//! Payment systems: orders, what providers tell of them, reversals (specs/billing.md §11).
//!
//! Who speaks to a provider is registered with [`App::serve_payments`](crate::App::serve_payments) and only says what the provider
//! said; what that does to orders and wallets is decided here.

pub mod fee;
pub mod notice;
pub mod order;
pub(crate) mod poll;
pub mod provider;
pub mod reverse;
mod settle;

pub use provider::{Checkout, Driver, DriverHandle, Notice, Provider, ProviderHandle, Providers, Report};
