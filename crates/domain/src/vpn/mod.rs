//! The vpn surface and the logins of VPN users (specs/vpn.md): staged rows, their publication, the decision on live rows.

pub mod auth;
pub mod auth_server;
pub mod call;
pub mod check;
pub mod external;
pub(crate) mod field;
pub mod group;
pub mod login;
pub mod method;
pub mod policy_set;
pub mod publish;
pub(crate) mod reach;
pub mod resource;
pub mod resource_group;
pub mod role;
pub mod secret;
pub mod staged;
mod trail;
pub mod user;
