//! The testkit's own tests: it must not be the reason why others' tests pass.

mod peer;
mod radius;
