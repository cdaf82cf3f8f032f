//! The surface under test.

use axum::{Router, body::Body};
use gatehouse_domain::{App, Settings};
use http::{HeaderName, HeaderValue, request::Builder};
use http_body_util::BodyExt;
use tower::ServiceExt;

pub(crate) struct Surface {
    pub(crate) router: Router,
}

pub(crate) async fn shared() -> Surface {
    Surface { router: gatehouse_oa::router(App::stub(Settings::default())) }
}

pub(crate) async fn with(settings: Settings) -> Surface {
    Surface { router: gatehouse_oa::router(App::stub(settings)) }
}

pub(crate) async fn own() -> Surface {
    Surface { router: gatehouse_oa::own_router(App::stub(Settings::default())) }
}

impl Surface {
    /// The same surface below a prefix, as the server nests it.
    pub(crate) fn under(self, prefix: &str) -> Self {
        Self { router: Router::new().nest(prefix, self.router) }
    }

    /// Status, headers in order of their names, and the body: one line each.
    pub(crate) async fn exchange(&self, request: Builder, body: impl Into<Body>) -> String {
        let response = self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let header = |(name, value): (&HeaderName, &HeaderValue)| format!("{name}: {}", value.to_str().unwrap());
        let mut lines: Vec<String> = response.headers().iter().map(header).collect();
        lines.sort();
        lines.insert(0, response.status().as_u16().to_string());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        lines.extend((!body.is_empty()).then(|| String::from_utf8(body.into()).unwrap()));
        lines.join("\n")
    }
}
