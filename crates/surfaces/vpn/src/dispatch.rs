//! Which action a call asks for: the one table of all controllers and actions (specs/vpn.md §7, §8).

use crate::{
    endpoint::Endpoint,
    group::{
        add_group_cloud, delete_group_cloud, ext_set_group_enable, get_group_info, move_grp_user_cloud,
        update_group_cloud,
    },
    rcgrp::{add_rc_grp_cloud, del_rc_grp_cloud, edit_rc_grp_cloud, get_rc_group_info_cloud},
    resource::{
        add_resource_cloud, delete_resource_cloud, get_rc_data_cloud, get_rc_list_data_cloud, update_resource_cloud,
    },
    role::{add_role_cloud, delete_roles_cloud, get_role_data_cloud, get_role_list_data_cloud, update_role_cloud},
    state::{get_online_user_cloud, kill_online_user_cloud},
    updater::{data_sync_cloud, updater_cloud},
    user::{
        add_user_cloud, del_user_by_name_cloud, ex_get_user_info, ext_set_user_enable, get_search_data,
        update_user_cloud,
    },
};

/// Every action.
const ENDPOINTS: &[&Endpoint] = &[
    &updater_cloud::ENDPOINT,
    &data_sync_cloud::ENDPOINT,
    &get_online_user_cloud::ENDPOINT,
    &kill_online_user_cloud::ENDPOINT,
    &add_resource_cloud::ENDPOINT,
    &delete_resource_cloud::ENDPOINT,
    &get_rc_data_cloud::ENDPOINT,
    &get_rc_list_data_cloud::ENDPOINT,
    &update_resource_cloud::ENDPOINT,
    &add_rc_grp_cloud::ENDPOINT,
    &del_rc_grp_cloud::ENDPOINT,
    &edit_rc_grp_cloud::ENDPOINT,
    &get_rc_group_info_cloud::ENDPOINT,
    &add_role_cloud::ENDPOINT,
    &delete_roles_cloud::ENDPOINT,
    &get_role_data_cloud::ENDPOINT,
    &get_role_list_data_cloud::ENDPOINT,
    &update_role_cloud::ENDPOINT,
    &ex_get_user_info::ENDPOINT,
    &add_user_cloud::ENDPOINT,
    &update_user_cloud::ENDPOINT,
    &del_user_by_name_cloud::ENDPOINT,
    &get_search_data::ENDPOINT,
    &ext_set_user_enable::ENDPOINT,
    &get_group_info::ENDPOINT,
    &add_group_cloud::ENDPOINT,
    &update_group_cloud::ENDPOINT,
    &move_grp_user_cloud::ENDPOINT,
    &delete_group_cloud::ENDPOINT,
    &ext_set_group_enable::ENDPOINT,
];

/// Other names of actions: controller, name, action.
const ALIASES: &[(&str, &str, &str)] =
    &[("Group", "DelGroupByNameCloud", "DeleteGroupCloud"), ("Group", "MoveUserGroupCloud", "MoveGrpUserCloud")];

/// Finds an action by its exact names.
pub(crate) fn find(controller: &str, action: &str) -> Option<&'static Endpoint> {
    let alias = ALIASES.iter().find(|(of, name, _)| (*of, *name) == (controller, action));
    let action = alias.map_or(action, |(_, _, action)| action);
    ENDPOINTS.iter().copied().find(|endpoint| (endpoint.controller, endpoint.action) == (controller, action))
}
