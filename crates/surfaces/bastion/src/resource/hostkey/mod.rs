//! `resource/hostkey/*`

mod add;
mod approve;
mod del;
mod get;

use crate::routes::Routes;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .get("resource/hostkey/get", get::handle)
        .change("resource/hostkey/add", "host_key.create", add::handle)
        .change("resource/hostkey/approve", "host_key.approve", approve::handle)
        .change("resource/hostkey/del", "host_key.delete", del::handle)
}
