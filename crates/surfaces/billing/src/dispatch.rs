//! Which action a call asks for: the one table (specs/billing.md §5).

use crate::{
    action::{api_users, logout, safe_ses, u_auth_log, u_main, u_pays, version},
    endpoint::Endpoint,
};

/// Every action.
pub(crate) const ENDPOINTS: &[&Endpoint] = &[
    &version::ENDPOINT,
    &u_main::ENDPOINT,
    &u_auth_log::ENDPOINT,
    &u_pays::ENDPOINT,
    &api_users::ENDPOINT,
    &logout::ENDPOINT,
    &safe_ses::ENDPOINT,
];

/// Finds an action by its exact name.
pub(crate) fn find(action: &str) -> Option<&'static Endpoint> {
    ENDPOINTS.iter().copied().find(|endpoint| endpoint.action == action)
}
