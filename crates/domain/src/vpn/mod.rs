//! The vpn surface and the logins of VPN users (specs/vpn.md): staged rows, their publication, the decision on live rows.

pub mod call;
pub mod external;
pub mod group;
pub mod method;
pub mod secret;
pub mod staged;
mod text;
mod trail;
pub mod user;
