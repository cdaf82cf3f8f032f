//! `rbac/token/*`: API tokens.

mod add;
mod del;
mod get;

use crate::routes::Routes;

/// The endpoints of this area.
pub(crate) fn routes(routes: Routes) -> Routes {
    routes.get("rbac/token/get", get::handle).change("rbac/token/add", "api_token.create", add::handle).change(
        "rbac/token/del",
        "api_token.delete",
        del::handle,
    )
}
