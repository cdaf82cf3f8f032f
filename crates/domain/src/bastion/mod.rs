//! The bastion: resource groups, resources, vouchers, and the way to them (specs/bastion.md).

pub(crate) mod seed;
pub mod stay;
pub mod terminal;
pub mod ticket;
