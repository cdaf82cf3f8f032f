//! One file per action, named as on the wire.

pub(crate) mod logout;
pub(crate) mod safe_ses;
pub(crate) mod version;
