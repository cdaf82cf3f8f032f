//! The oa surface of the running binary, as an OA system calls it (specs/oa.md §13).

mod body;
mod ini;
mod limit;
mod name;
mod parallel;
pub(crate) mod system;
mod table;
