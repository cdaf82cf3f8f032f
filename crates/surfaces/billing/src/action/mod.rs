//! One file per action, named as on the wire.

pub(crate) mod api_users;
pub(crate) mod logout;
pub(crate) mod safe_ses;
pub(crate) mod u_auth_log;
pub(crate) mod u_main;
pub(crate) mod u_pays;
pub(crate) mod version;
