//! The bastion: resource groups, resources, vouchers, and the way to them (specs/bastion.md).

pub mod log;
pub mod route;
pub(crate) mod seed;
pub mod terminal;
