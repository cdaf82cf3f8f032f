//! `rbac/*`

mod role;
mod user;

use crate::routes::Routes;

/// The endpoints of this area.
pub(crate) fn routes(routes: Routes) -> Routes {
    let routes = user::routes(routes);
    role::routes(routes)
}
