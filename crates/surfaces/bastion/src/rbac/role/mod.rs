//! `rbac/role/*`

mod add;
mod del;
mod edit;
mod get;
mod permission_edit;
mod permission_get;
mod rule;
pub(crate) mod shown;
mod status;

use crate::routes::Routes;

/// The endpoints of this area.
pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .change("rbac/role/add", "role.create", add::handle)
        .change("rbac/role/edit", "role.edit", edit::handle)
        .change("rbac/role/del", "role.delete", del::handle)
        .get("rbac/role/get", get::handle)
        .get("rbac/role/get/permission", permission_get::handle)
        .change("rbac/role/edit/permission", "role.codes", permission_edit::handle)
        .change("rbac/role/status", "role.status", status::handle)
}
