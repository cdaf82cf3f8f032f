//! The oa surface: an OA system creates VPN users, fetches their links and asks for their deletion (specs/oa.md).

mod auth;
mod envelope;
mod page;
mod request;
mod user;

use std::sync::Arc;

use axum::{
    Router,
    routing::{MethodRouter, any, post},
};
use gatehouse_domain::App;

use crate::{
    auth::Oa,
    page::{not_found, running, to_root, without_slash},
    user::{conn_info, delete, generate},
};

/// The routes for the shared listener: `/v1` and everything below it.
pub fn router(app: App) -> Router {
    let oa = Oa::new(app);
    framed(routes(), oa)
}

/// The routes for a listener of its own: also `/`, and the surface's 404 everywhere.
pub fn own_router(app: App) -> Router {
    let oa = Oa::new(app);
    framed(routes().route("/", any(running)).fallback(not_found), oa)
}

fn routes() -> Router<Oa> {
    let endpoint = |path: &str, handler: MethodRouter<Oa>| {
        Router::new()
            .route(path, handler.fallback(not_found))
            .route(&format!("{path}/"), post(without_slash).fallback(not_found))
    };
    Router::new()
        .merge(endpoint("/v1/generateUserProfile", post(generate::handle)))
        .merge(endpoint("/v1/getConnInfoByUser", post(conn_info::handle)))
        .merge(endpoint("/v1/delUserProfile", post(delete::handle)))
        .route("/v1", any(to_root))
        .route("/v1/", any(running))
        .route("/v1/{*rest}", any(not_found))
}

fn framed(routes: Router<Oa>, oa: Oa) -> Router {
    let (envelope, random) = (Arc::clone(&oa.envelope), oa.app.random().clone());
    gatehouse_kit::frame(routes.with_state(oa), envelope, random)
}
