//! The bastion surface: the PTPB bastion API (seeds/003) and what completes it (specs/bastion.md).

mod access;
mod audit;
mod auth;
mod body;
mod call;
mod catalogue;
mod cors;
mod envelope;
mod media;
mod operation;
mod page;
mod perm;
mod query;
mod rbac;
mod reply;
mod resource;
mod routes;
mod system;
mod terminal;
mod text;
mod time;
mod token;

use std::sync::Arc;

use axum::{Router, routing::any};
use gatehouse_domain::App;

use crate::{auth::Bastion, routes::Routes};

pub use crate::routes::Endpoint;

/// Where the surface lives unless it is told otherwise.
pub const DEFAULT_PREFIX: &str = "/api/";

/// The routes for the shared listener: everything below the prefix (with slashes at both ends) and `/media/`.
pub fn router(app: App, prefix: &str) -> Router {
    let bastion = Bastion::new(app, prefix);
    framed(routes(&bastion), bastion)
}

/// The routes for a listener of its own: also the surface's 404 everywhere.
pub fn own_router(app: App, prefix: &str) -> Router {
    let bastion = Bastion::new(app, prefix);
    framed(routes(&bastion).fallback(routes::not_found), bastion)
}

/// Every endpoint of the surface; for the sweep over them all.
pub fn endpoints() -> Vec<Endpoint> {
    areas(Routes::new(DEFAULT_PREFIX)).into_table()
}

/// A line per area; an area registers its endpoints itself.
fn areas(routes: Routes) -> Routes {
    let routes = rbac::routes(routes);
    let routes = perm::routes(routes);
    let routes = resource::routes(routes);
    let routes = audit::routes(routes);
    let routes = access::routes(routes);
    let routes = system::routes(routes);
    terminal::routes(routes)
}

fn routes(bastion: &Bastion) -> Router<Bastion> {
    let routes = areas(Routes::new(bastion.prefix()));
    let router = routes.into_router().route(bastion.prefix(), any(routes::not_found));
    media::routes(router.route(&format!("{}{{*rest}}", bastion.prefix()), any(routes::not_found)))
}

fn framed(routes: Router<Bastion>, bastion: Bastion) -> Router {
    let (envelope, random) = (Arc::clone(&bastion.envelope), bastion.app.random().clone());
    let routes = routes.layer(axum::middleware::from_fn_with_state(bastion.clone(), cors::apply));
    gatehouse_kit::frame(routes.with_state(bastion), envelope, random)
}
