//! The vpn surface: OA, HR and ticket systems manage VPN users by signed form posts (specs/vpn.md).

mod answer;
mod ascii;
mod dispatch;
mod endpoint;
mod envelope;
mod group;
mod params;
mod rcgrp;
mod refused;
mod resource;
mod role;
mod shown;
mod state;
mod surface;
mod text;
mod token;
mod updater;
mod user;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    response::Response,
    routing::any,
};
use gatehouse_domain::App;
use gatehouse_kit::Fault;

use crate::surface::{API, Vpn, WEB_API};

/// The routes for the shared listener: everything below `/cgi-bin/php-cgi/`, and `/Api.php` where it is switched on.
pub fn router(app: App) -> Router {
    let vpn = Vpn::new(app);
    framed(routes(&vpn), vpn)
}

/// The routes for a listener of its own: the surface's 404 everywhere else.
pub fn own_router(app: App) -> Router {
    let vpn = Vpn::new(app);
    framed(routes(&vpn).fallback(not_found), vpn)
}

fn routes(vpn: &Vpn) -> Router<Vpn> {
    let routes = Router::new()
        .route("/cgi-bin/php-cgi/html/delegatemodule/WebApi.php", any(web_api))
        .route("/cgi-bin/php-cgi/", any(not_found))
        .route("/cgi-bin/php-cgi/{*rest}", any(not_found));
    if vpn.app.settings().vpn.api_php_alias { routes.route("/Api.php", any(api)) } else { routes }
}

fn framed(routes: Router<Vpn>, vpn: Vpn) -> Router {
    let (envelope, random) = (Arc::new(vpn.envelope), vpn.app.random().clone());
    gatehouse_kit::frame(routes.with_state(vpn), envelope, random)
}

/// The seed's address. Shape, units, errors: of the action. Source: seeds/001, specs/vpn.md §2.
async fn web_api(State(vpn): State<Vpn>, request: Request) -> Response {
    vpn.answer(WEB_API, request).await
}

/// The other address: `controller` instead of `controler`, `apitoken` instead of `sinfor_apitoken`. Source: specs/vpn.md §2.
async fn api(State(vpn): State<Vpn>, request: Request) -> Response {
    vpn.answer(API, request).await
}

/// Every other path. Shape: the envelope with code 404, HTTP 404. Source: specs/vpn.md §2.
async fn not_found(State(vpn): State<Vpn>) -> Response {
    vpn.envelope.transport(Fault::NotFound)
}
