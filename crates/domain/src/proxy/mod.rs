//! The proxy area: nodes, users, credentials and links, shared by the proxy door, the oa and the panel surface.

pub mod credential;
pub mod node;
pub mod user;
