//! What is known of a request before anything of it is decoded.

use std::{net::IpAddr, sync::Arc};

use axum::extract::MatchedPath;
use gatehouse_domain::Caller;
use http::{Method, Request};

/// Method, route and caller of a request; cheap to clone. The frame puts it into the request's extensions.
#[derive(Debug, Clone)]
pub struct Asked(Arc<Facts>);

#[derive(Debug)]
struct Facts {
    method: Method,
    route: Option<MatchedPath>,
    caller: Caller,
}

impl Asked {
    pub(crate) fn new<B>(request: &Request<B>, caller: Caller) -> Self {
        let route = request.extensions().get::<MatchedPath>().cloned();
        Self(Arc::new(Facts { method: request.method().clone(), route, caller }))
    }

    /// What the frame noted about this request; outside any frame: an unknown caller.
    pub fn of<B>(request: &Request<B>) -> Self {
        request.extensions().get().cloned().unwrap_or_else(|| Self::new(request, Caller::default()))
    }

    /// The request's method.
    pub fn method(&self) -> &Method {
        &self.0.method
    }

    /// Template of the route, with its nesting; `other` where none matched. Never the path itself, which callers choose.
    pub fn route(&self) -> &str {
        self.0.route.as_ref().map_or("other", MatchedPath::as_str)
    }

    /// Who asks, before authentication.
    pub fn caller(&self) -> &Caller {
        &self.0.caller
    }

    /// The client's address.
    pub fn address(&self) -> Option<IpAddr> {
        self.0.caller.address
    }
}
