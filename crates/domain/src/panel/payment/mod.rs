//! Payment of orders: channels that staff set up, checkouts, and what providers tell (specs/panel.md §3.9).

pub mod channel;
pub mod checkout;
pub mod notice;
