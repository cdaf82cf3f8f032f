//! `access/catalog/*`

mod get;

use crate::routes::Routes;

pub(super) fn routes(routes: Routes) -> Routes {
    routes.get("access/catalog/get", get::handle)
}
