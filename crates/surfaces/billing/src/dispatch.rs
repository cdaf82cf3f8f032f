//! Which action a call asks for: the one table (specs/billing.md §5).

use crate::{
    action::{logout, safe_ses, version},
    endpoint::Endpoint,
};

/// Every action.
pub(crate) const ENDPOINTS: &[&Endpoint] = &[&version::ENDPOINT, &logout::ENDPOINT, &safe_ses::ENDPOINT];

/// Finds an action by its exact name.
pub(crate) fn find(action: &str) -> Option<&'static Endpoint> {
    ENDPOINTS.iter().copied().find(|endpoint| endpoint.action == action)
}
