//! `rbac/user/*`

mod add;
mod del;
mod detail;
mod edit;
mod get;
mod mfa_reset;
pub(crate) mod password;
mod profile;
mod reset_password;
mod role;
mod role_get;
mod rule;
mod set_password;
pub(crate) mod shown;
mod status;
mod unlock;

use crate::routes::Routes;

/// The endpoints of this area.
pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .change("rbac/user/add", "account.create", add::handle)
        .change("rbac/user/edit", "account.edit", edit::handle)
        .change("rbac/user/del", "account.delete", del::handle)
        .get("rbac/user/get", get::handle)
        .get("rbac/user/detail", detail::handle)
        .change("rbac/user/role", "account.roles", role::handle)
        .get("rbac/user/role/get", role_get::handle)
        .change("rbac/user/status", "account.status", status::handle)
        .change("rbac/user/set_password", "account.password", set_password::handle)
        .change("rbac/user/unlock", "account.unlock", unlock::handle)
        .change("rbac/user/mfa_reset", "account.mfa_reset", mfa_reset::handle)
        .change("rbac/user/reset_password", "account.password.change", reset_password::handle)
        .change("rbac/user/profile", "account.profile", profile::handle)
}
