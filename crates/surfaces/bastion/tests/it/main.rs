//! Golden exchanges of the bastion surface through its real router.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed step of a test is a failed test")]

mod audit;
mod authorisation;
mod entry;
mod factor;
mod frame;
mod grants;
mod groups;
mod own;
mod own;
mod policies;
mod requests;
mod resources;
mod rights;
mod roles;
mod routes;
mod stay;
mod stay;
mod support;
mod support;
mod terminal;
mod terminal;
mod users;
mod vouchers;
