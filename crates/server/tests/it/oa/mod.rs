//! The oa surface of the running binary, as an OA system calls it (specs/oa.md §13).

mod body;
mod limit;
mod name;
pub(crate) mod system;
mod table;
