//! The oa surface: an OA system creates VPN users, fetches their links and asks for their deletion (specs/oa.md).

mod auth;
mod envelope;
mod page;
mod request;
mod user;

use std::sync::Arc;

use axum::{Router, routing::any};
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

/// Every route takes any method, because to this surface a wrong method is a wrong path; the handlers see to it.
fn routes() -> Router<Oa> {
    Router::new()
        .route("/v1/generateUserProfile", any(generate::handle))
        .route("/v1/getConnInfoByUser", any(conn_info::handle))
        .route("/v1/delUserProfile", any(delete::handle))
        .route("/v1/generateUserProfile/", any(without_slash))
        .route("/v1/getConnInfoByUser/", any(without_slash))
        .route("/v1/delUserProfile/", any(without_slash))
        .route("/v1", any(to_root))
        .route("/v1/", any(running))
        .route("/v1/{*rest}", any(not_found))
}

fn framed(routes: Router<Oa>, oa: Oa) -> Router {
    let (envelope, random) = (Arc::clone(&oa.envelope), oa.app.random().clone());
    gatehouse_kit::frame(routes.with_state(oa), envelope, random)
}
