//! `rbac/user/*`

mod detail;
pub(crate) mod shown;

use crate::routes::Routes;

/// The endpoints of this area.
pub(crate) fn routes(routes: Routes) -> Routes {
    routes.get("rbac/user/detail", detail::handle)
}
