//! Which action a call asks for: the one table of all controllers and actions (specs/vpn.md §7, §8).

use crate::{
    endpoint::Endpoint,
    updater::{data_sync_cloud, updater_cloud},
};

/// Every action.
const ENDPOINTS: &[&Endpoint] = &[&updater_cloud::ENDPOINT, &data_sync_cloud::ENDPOINT];

/// Other names of actions: controller, name, action.
const ALIASES: &[(&str, &str, &str)] =
    &[("Group", "DelGroupByNameCloud", "DeleteGroupCloud"), ("Group", "MoveUserGroupCloud", "MoveGrpUserCloud")];

/// Finds an action by its exact names.
pub(crate) fn find(controller: &str, action: &str) -> Option<&'static Endpoint> {
    let alias = ALIASES.iter().find(|(of, name, _)| (*of, *name) == (controller, action));
    let action = alias.map_or(action, |(_, _, action)| action);
    ENDPOINTS.iter().copied().find(|endpoint| (endpoint.controller, endpoint.action) == (controller, action))
}
