//! `resource/protocol/*`

mod get;

use crate::routes::Routes;

pub(super) fn routes(routes: Routes) -> Routes {
    routes.get("resource/protocol/get", get::handle)
}
