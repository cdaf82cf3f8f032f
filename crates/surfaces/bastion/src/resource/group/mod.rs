//! `resource/group/*`

mod add;
mod del;
mod edit;
mod get;
pub(super) mod shown;

use crate::routes::Routes;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .change("resource/group/add", "resource_group.create", add::handle)
        .change("resource/group/edit", "resource_group.edit", edit::handle)
        .change("resource/group/del", "resource_group.delete", del::handle)
        .get("resource/group/get", get::handle)
}
