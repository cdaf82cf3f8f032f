//! `rbac/user/*`

mod detail;
pub(crate) mod password;
mod profile;
mod reset_password;
pub(crate) mod shown;

use crate::routes::Routes;

/// The endpoints of this area.
pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .get("rbac/user/detail", detail::handle)
        .change("rbac/user/reset_password", "account.password.change", reset_password::handle)
        .change("rbac/user/profile", "account.profile", profile::handle)
}
