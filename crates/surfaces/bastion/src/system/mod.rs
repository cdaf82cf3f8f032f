//! `system/*`

mod setting;

use crate::routes::Routes;

/// The endpoints of this area.
pub(crate) fn routes(routes: Routes) -> Routes {
    setting::routes(routes)
}
