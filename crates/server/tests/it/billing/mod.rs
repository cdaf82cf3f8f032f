//! The billing surface over the real binary.

mod kill;
