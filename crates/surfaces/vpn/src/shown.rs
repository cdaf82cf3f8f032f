//! How values of users and groups are written in results (specs/vpn.md §5.1, §6).

use gatehouse_domain::{
    settings::Messages,
    vpn::group::{DEFAULT_PATH, DEFAULT_PATH_ENGLISH},
};
use gatehouse_model::{Millis, VpnRoleId};

/// `"1"` or `"0"`.
pub(crate) const fn bit(is: bool) -> &'static str {
    if is { "1" } else { "0" }
}

/// Seconds since 1970; `"0"`: none.
pub(crate) fn seconds(at: Option<Millis>) -> String {
    at.map_or(0, |at| at.0 / 1_000).to_string()
}

/// Ids and names of roles, each separated by commas.
pub(crate) fn roles(roles: &[(VpnRoleId, String)]) -> (String, String) {
    let ids: Vec<_> = roles.iter().map(|(id, _)| id.to_string()).collect();
    let names: Vec<_> = roles.iter().map(|(_, name)| name.as_str()).collect();
    (ids.join(","), names.join(","))
}

/// Path of a group. The default group has an English name.
pub(crate) fn path(path: String, messages: Messages) -> String {
    if messages == Messages::En && path == DEFAULT_PATH { DEFAULT_PATH_ENGLISH.to_owned() } else { path }
}

/// Name of the default group.
pub(crate) fn default_name(name: String, messages: Messages) -> String {
    let english = DEFAULT_PATH_ENGLISH.trim_start_matches('/');
    if messages == Messages::En { english.to_owned() } else { name }
}
