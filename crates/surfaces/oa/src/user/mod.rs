//! The three endpoints.

pub(crate) mod conn_info;
pub(crate) mod delete;
pub(crate) mod generate;
