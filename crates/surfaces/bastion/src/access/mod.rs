//! `access/*`

mod catalog;
mod request;

use crate::routes::Routes;

/// The endpoints of this area.
pub(crate) fn routes(routes: Routes) -> Routes {
    request::routes(catalog::routes(routes))
}
