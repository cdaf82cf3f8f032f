//! `perm/*` and `rbac/perm/`

mod group_auth_edit;
mod group_auth_get;
mod list;

use crate::routes::Routes;

/// The endpoints of this area.
pub(crate) fn routes(routes: Routes) -> Routes {
    routes.get("rbac/perm", list::handle).get("perm/group-auth/get", group_auth_get::handle).change(
        "perm/group-auth/edit",
        "role.grants",
        group_auth_edit::handle,
    )
}
