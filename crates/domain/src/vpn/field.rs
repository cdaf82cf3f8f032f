//! Limits of what the WebApi writes, in bytes of UTF-8 (specs/vpn.md §6 "Limits").

use crate::{Error, Result};

/// Names of users, roles, resources and resource groups; notes.
pub(super) const MAX_NAME: usize = 48;
/// Host of a web resource.
pub(super) const MAX_HOST: usize = 254;
/// Entries of an address list.
pub(super) const MAX_ADDRESSES: usize = 10;

/// Refuses a text that is too long or holds control characters.
pub(super) fn text(field: &'static str, text: &str, max: usize) -> Result<()> {
    if text.len() > max || text.chars().any(char::is_control) {
        return Err(Error::field(field, "malformed"));
    }
    Ok(())
}

/// As [`text`], and refuses an empty one or a comma, which separates names in every list of this API.
pub(super) fn name(field: &'static str, name: &str) -> Result<()> {
    text(field, name, MAX_NAME)?;
    if name.is_empty() || name.contains(',') {
        return Err(Error::field(field, "malformed"));
    }
    Ok(())
}
