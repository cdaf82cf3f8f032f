//! `rbac/*`

mod menu;
mod role;
mod user;

use crate::routes::Routes;

/// The endpoints of this area.
pub(crate) fn routes(routes: Routes) -> Routes {
    let routes = user::routes(routes).get("rbac/routes", menu::handle);
    role::routes(routes)
}
