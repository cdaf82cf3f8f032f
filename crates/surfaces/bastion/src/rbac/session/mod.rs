//! `rbac/session/*`: login sessions.

mod del;
mod get;

use crate::routes::Routes;

/// The endpoints of this area.
pub(crate) fn routes(routes: Routes) -> Routes {
    routes.get("rbac/session/get", get::handle).change("rbac/session/del", "login_session.revoke", del::handle)
}
