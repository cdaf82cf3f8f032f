//! The picture of users without one of their own.

use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::{any, get},
};
use http::{HeaderValue, header};

use crate::{auth::Bastion, routes::not_found};

/// Where it is.
pub(crate) const DEFAULT_AVATAR: &str = "/media/avatars/default.png";

pub(crate) fn routes(router: Router<Bastion>) -> Router<Bastion> {
    router.route(DEFAULT_AVATAR, get(avatar).fallback(not_found)).route("/media/{*rest}", any(not_found))
}

/// Gives the picture. Source: specs/bastion.md §3 User.
async fn avatar() -> Response {
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("image/png"));
    let keep = (header::CACHE_CONTROL, HeaderValue::from_static("max-age=86400"));
    ([kind, keep], include_bytes!("avatar.png").as_slice()).into_response()
}
