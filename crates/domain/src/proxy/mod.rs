//! The proxy area: nodes, users, credentials, traffic and links, shared by the proxy door, the oa and the panel surface.

pub mod certificate;
pub mod checkin;
pub use gatehouse_profile::credential;
pub mod device;
pub(crate) mod draft;
pub mod egress;
pub(crate) mod embedded;
pub mod group;
pub mod link;
pub mod manage;
pub mod node;
pub mod roster;
pub mod route;
pub(crate) mod row;
pub mod settings;
pub mod sheet;
pub mod status;
pub mod usage;
pub mod user;
