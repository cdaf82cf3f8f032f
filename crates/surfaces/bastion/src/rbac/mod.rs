//! `rbac/*`

mod entry;
mod key;
mod menu;
mod mfa;
mod role;
mod session;
mod token;
mod user;

use crate::routes::Routes;

/// The endpoints of this area.
pub(crate) fn routes(routes: Routes) -> Routes {
    let routes = entry::routes(routes);
    let routes = mfa::routes(routes);
    let routes = session::routes(routes);
    let routes = key::routes(routes);
    let routes = token::routes(routes);
    let routes = user::routes(routes).get("rbac/routes", menu::handle);
    role::routes(routes)
}
