//! `system/setting/*`

mod edit;
mod get;

use crate::routes::Routes;

pub(super) fn routes(routes: Routes) -> Routes {
    routes.get("system/setting/get", get::handle).change("system/setting/edit", "setting.edit", edit::handle)
}
