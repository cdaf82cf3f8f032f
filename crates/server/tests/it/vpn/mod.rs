//! The vpn surface of the running binary.

mod authorisation;
pub(crate) mod caller;
mod listener;
mod restart;
mod tunnel;
