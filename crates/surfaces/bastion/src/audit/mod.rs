//! `audit/*`

mod stay;

use crate::routes::Routes;

/// The endpoints of this area.
pub(crate) fn routes(routes: Routes) -> Routes {
    stay::routes(routes)
}
