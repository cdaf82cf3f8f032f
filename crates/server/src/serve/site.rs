//! Which router answers a request on one listener: surfaces by host name and prefix, the house's own pages, and a plain
//! 404 everywhere else.

use axum::{
    Router,
    http::{Request, StatusCode, header, uri::Authority},
    response::IntoResponse,
};

use crate::config::SurfaceConfig;

/// The routers of one listener.
pub(crate) struct Site {
    /// Surfaces with a host name of their own.
    by_host: Vec<(String, Router)>,
    /// For every other name.
    rest: Router,
}

impl Site {
    /// A site of the house's pages; every other path is a plain 404 until a surface is added.
    pub(crate) fn new(pages: Router) -> Self {
        Self { by_host: Vec::new(), rest: pages.fallback(not_found) }
    }

    /// The site of a surface's own listener: the surface answers its unknown paths itself.
    pub(crate) fn own(surface: Router, config: &SurfaceConfig) -> Self {
        let placed = match config.prefix.as_str() {
            "" => surface,
            prefix => Router::new().nest(prefix, surface).fallback(not_found),
        };
        match &config.host {
            Some(host) => Self { by_host: vec![(host.to_lowercase(), placed)], ..Self::new(Router::new()) },
            None => Self { by_host: Vec::new(), rest: placed },
        }
    }

    /// Adds a surface under its prefix, for its host name only if it has one.
    pub(crate) fn add(&mut self, surface: Router, config: &SurfaceConfig) {
        let placed = if config.prefix.is_empty() { surface } else { Router::new().nest(&config.prefix, surface) };
        match &config.host {
            Some(host) => self.by_host.push((host.to_lowercase(), placed.fallback(not_found))),
            None => self.rest = std::mem::take(&mut self.rest).merge(placed),
        }
    }

    /// The router that answers this request.
    pub(crate) fn router<B>(&self, request: &Request<B>) -> &Router {
        let host = host(request);
        let named = host.and_then(|host| self.by_host.iter().find(|(name, _)| *name == host));
        named.map_or(&self.rest, |(_, router)| router)
    }
}

/// The host name a request asks for, in lower case, without port.
fn host<B>(request: &Request<B>) -> Option<String> {
    let in_header = || request.headers().get(header::HOST)?.to_str().ok()?.parse::<Authority>().ok();
    let authority = request.uri().authority().cloned().or_else(in_header)?;
    Some(authority.host().trim_end_matches('.').to_lowercase())
}

async fn not_found() -> impl IntoResponse {
    (StatusCode::NOT_FOUND, "404 not found\n")
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, routing::get};
    use tower::ServiceExt;

    use super::*;

    fn surface() -> Router {
        Router::new().route("/v1/x", get(async || "surface"))
    }

    async fn status(site: &Site, host: &str, path: &str) -> u16 {
        let request = Request::get(path).header("host", host).body(Body::empty()).unwrap();
        site.router(&request).clone().oneshot(request).await.unwrap().status().as_u16()
    }

    fn site(host: Option<&str>, prefix: &str) -> Site {
        let mut site = Site::new(Router::new().route("/healthz", get(async || "ok")));
        let config =
            SurfaceConfig { host: host.map(str::to_owned), prefix: prefix.to_owned(), ..SurfaceConfig::default() };
        site.add(surface(), &config);
        site
    }

    #[tokio::test]
    async fn a_surface_answers_under_its_prefix_only() {
        let site = site(None, "/oa");
        assert_eq!(status(&site, "any", "/oa/v1/x").await, 200);
        assert_eq!(status(&site, "any", "/v1/x").await, 404);
        assert_eq!(status(&site, "any", "/healthz").await, 200);
    }

    #[tokio::test]
    async fn a_surface_on_its_own_listener_answers_unknown_paths_itself() {
        let own = || surface().fallback(async || (StatusCode::IM_A_TEAPOT, "unknown to the surface"));
        let config = |host: Option<&str>, prefix: &str| SurfaceConfig {
            host: host.map(str::to_owned),
            prefix: prefix.to_owned(),
            ..SurfaceConfig::default()
        };
        let site = Site::own(own(), &config(None, ""));
        assert_eq!((status(&site, "any", "/v1/x").await, status(&site, "any", "/x").await), (200, 418));
        let site = Site::own(own(), &config(None, "/oa"));
        assert_eq!((status(&site, "any", "/oa/x").await, status(&site, "any", "/v1/x").await), (418, 404));
        let site = Site::own(own(), &config(Some("oa"), ""));
        assert_eq!((status(&site, "oa", "/x").await, status(&site, "any", "/v1/x").await), (418, 404));
    }

    #[tokio::test]
    async fn a_surface_with_a_host_answers_for_this_host_only() {
        let site = site(Some("OA.example.com"), "");
        for host in ["oa.example.com", "OA.EXAMPLE.COM:8080", "oa.example.com."] {
            assert_eq!(status(&site, host, "/v1/x").await, 200, "{host}");
            assert_eq!(status(&site, host, "/healthz").await, 404, "{host}");
        }
        assert_eq!(status(&site, "example.com", "/v1/x").await, 404);
        assert_eq!(status(&site, "example.com", "/healthz").await, 200);
        assert_eq!(status(&site, "b@d host", "/healthz").await, 200);
    }
}
