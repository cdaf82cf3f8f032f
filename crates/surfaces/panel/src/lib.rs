//! The panel surface: the API of SingBox-Gopanel and the Xboard family, for users, staff, nodes and clients (specs/panel.md,
//! specs/panel-nodes.md).

mod admin;
mod answer;
mod client;
mod cors;
mod csv;
mod dispatch;
mod endpoint;
mod envelope;
mod gift;
mod guest;
mod input;
mod invite;
mod knowledge;
mod module;
mod node;
mod order;
mod page;
mod passport;
mod plan;
mod surface;
mod text;
mod ticket;
mod token;
mod user;

use std::sync::Arc;

use axum::{Router, routing::any};
use gatehouse_domain::App;

use crate::surface::Panel;

/// Every endpoint as `METHOD path credential`, for sweeps.
pub fn endpoints() -> impl Iterator<Item = String> {
    dispatch::all().map(endpoint::Endpoint::line)
}

/// The routes for the shared listener: `/api/v1/`, `/api/v2/`, and the paths that the settings name.
pub fn router(app: App) -> Router {
    built(app, false)
}

/// The routes for a listener of its own: the surface's 404 everywhere else.
pub fn own_router(app: App) -> Router {
    built(app, true)
}

fn built(app: App, is_own: bool) -> Router {
    let panel = Panel::new(app, is_own);
    let (envelope, random) = (Arc::clone(&panel.envelope), panel.app.random().clone());
    let routes = Router::new()
        .route("/", any(surface::page))
        .route("/{first}", any(surface::page))
        .route("/{first}/", any(surface::page))
        .route("/{first}/{*rest}", any(surface::page))
        .route("/api/v1/", any(surface::api))
        .route("/api/v1/{*rest}", any(surface::api))
        .route("/api/v2/", any(surface::api))
        .route("/api/v2/{*rest}", any(surface::api))
        .with_state(panel);
    gatehouse_kit::frame(routes, envelope, random)
}
