//! The billing surface: the `NoDeny` API for subscribers and staff, and the callbacks of payment systems (specs/billing.md).

mod action;
mod answer;
mod callback;
mod cookie;
mod dispatch;
mod endpoint;
mod envelope;
mod order;
mod params;
mod shown;
mod surface;
mod text;
mod writer;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    response::Response,
    routing::any,
};
use gatehouse_domain::App;
use gatehouse_kit::{Asked, Envelope, Fault};

use crate::{envelope::API, surface::Billing};

/// The names of every action, for sweeps.
pub fn actions() -> impl Iterator<Item = &'static str> {
    dispatch::ENDPOINTS.iter().map(|endpoint| endpoint.action)
}

/// The routes for the shared listener.
pub fn router(app: App) -> Router {
    let billing = Billing::new(app);
    framed(routes(), billing)
}

/// The routes for a listener of its own: the surface's 404 everywhere else.
pub fn own_router(app: App) -> Router {
    let billing = Billing::new(app);
    framed(routes().fallback(not_found), billing)
}

fn routes() -> Router<Billing> {
    Router::new()
        .route(API, any(surface::api))
        .route(callback::FONDY, any(callback::fondy))
        .route(callback::LIQPAY, any(callback::liqpay))
}

fn framed(routes: Router<Billing>, billing: Billing) -> Router {
    let (envelope, random) = (Arc::new(billing.envelope.clone()), billing.app.random().clone());
    gatehouse_kit::frame(routes.with_state(billing), envelope, random)
}

/// Every other path. Shape: `unknown_action`, HTTP 404. Source: specs/billing.md §1.
async fn not_found(State(billing): State<Billing>, request: Request) -> Response {
    billing.envelope.fault(Fault::NotFound, &Asked::of(&request))
}
