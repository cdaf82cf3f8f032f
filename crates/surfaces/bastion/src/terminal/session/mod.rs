//! `terminal/session/*`: open stays.

mod get;
mod terminate;

use crate::routes::Routes;

/// The endpoints of this area.
pub(super) fn routes(routes: Routes) -> Routes {
    routes.get("terminal/session/get", get::handle).change(
        "terminal/session/terminate",
        "terminal.terminate",
        terminate::handle,
    )
}
