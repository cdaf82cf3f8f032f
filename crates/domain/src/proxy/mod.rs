//! The proxy area: nodes, users, credentials, traffic and links, shared by the proxy door, the oa and the panel surface.

pub mod certificate;
pub use gatehouse_profile::credential;
pub mod egress;
pub mod group;
pub mod link;
pub mod manage;
pub mod node;
pub(crate) mod row;
pub mod settings;
pub mod status;
pub mod usage;
pub mod user;
