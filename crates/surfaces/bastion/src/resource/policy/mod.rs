//! `resource/policy/*`

mod edit;
mod get;

use crate::routes::Routes;

pub(super) fn routes(routes: Routes) -> Routes {
    routes.get("resource/policy/get", get::handle).change("resource/policy/edit", "policy.edit", edit::handle)
}
