//! The billing surface over the real binary.

mod caller;
mod debt;
mod kill;
