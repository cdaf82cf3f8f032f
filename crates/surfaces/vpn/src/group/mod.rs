//! VPN groups.

pub(crate) mod add_group_cloud;
pub(crate) mod delete_group_cloud;
pub(crate) mod ext_set_group_enable;
pub(crate) mod get_group_info;
pub(crate) mod move_grp_user_cloud;
pub(crate) mod update_group_cloud;
