//! The vpn surface and the logins of VPN users (specs/vpn.md): staged rows, their publication, the decision on live rows.

pub mod external;
mod field;
pub mod group;
pub mod method;
pub mod resource;
pub mod resource_group;
pub mod role;
pub mod secret;
pub mod staged;
mod text;
mod trail;
pub mod user;
