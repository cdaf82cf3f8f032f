//! `rbac/key/*`: public keys for the ssh door.

mod add;
mod del;
mod get;

use crate::routes::Routes;

/// The endpoints of this area.
pub(crate) fn routes(routes: Routes) -> Routes {
    routes.get("rbac/key/get", get::handle).change("rbac/key/add", "ssh_key.create", add::handle).change(
        "rbac/key/del",
        "ssh_key.delete",
        del::handle,
    )
}
