//! The frame around every request of a surface: caller, span, metrics, and the last catch for panics.

use std::{
    convert::Infallible,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use axum::{Router, extract::Request, response::Response};
use futures_util::FutureExt;
use gatehouse_domain::{Caller, Random};
use tower::{Layer, Service};
use tracing::Instrument;

use crate::{Asked, Envelope, Fault, client::client_address};

/// Puts the frame around all routes of a surface.
///
/// Each request gets an id and an [`Asked`]; its log lines carry surface, method, route, address and id, never path,
/// query or header; a panic becomes [`Fault::Panic`]. Metrics: `gatehouse_http_requests_total{surface,route,status}` and
/// the histogram `gatehouse_http_request_seconds{surface,route}`.
pub fn frame<E: Envelope>(router: Router, envelope: Arc<E>, random: Random) -> Router {
    router.layer(FrameLayer { envelope, random })
}

struct FrameLayer<E> {
    envelope: Arc<E>,
    random: Random,
}

impl<E> Clone for FrameLayer<E> {
    fn clone(&self) -> Self {
        Self { envelope: Arc::clone(&self.envelope), random: self.random.clone() }
    }
}

impl<E, S> Layer<S> for FrameLayer<E> {
    type Service = Framed<E, S>;

    fn layer(&self, inner: S) -> Framed<E, S> {
        Framed { frame: self.clone(), inner }
    }
}

struct Framed<E, S> {
    frame: FrameLayer<E>,
    inner: S,
}

impl<E, S: Clone> Clone for Framed<E, S> {
    fn clone(&self) -> Self {
        Self { frame: self.frame.clone(), inner: self.inner.clone() }
    }
}

impl<E, S> Service<Request> for Framed<E, S>
where
    E: Envelope,
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let started = Instant::now();
        let caller = Caller {
            address: client_address(&request),
            request_id: format!("{:016x}", u64::from_le_bytes(self.frame.random.bytes())),
            language: self.frame.envelope.language(request.headers()),
        };
        let asked = Asked::new(&request, caller);
        // At error level, so that a filter that lets only errors through still shows which request they belong to. With
        // all values at once: the log formats the whole line again for each that comes later.
        let span = tracing::error_span!(
            "http.request",
            surface = E::SURFACE,
            method = asked.method().as_str(),
            route = asked.route(),
            address = asked.address().map(tracing::field::display),
            request_id = asked.caller().request_id,
        );
        request.extensions_mut().insert(asked.clone());
        let envelope = Arc::clone(&self.frame.envelope);
        let answer = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        let framed = async move {
            let response = match answer.await {
                Ok(Ok(response)) => response,
                Err(panic) => {
                    tracing::error!("handler panicked: {}", panic_text(panic.as_ref()));
                    envelope.fault(Fault::Panic, &asked)
                }
            };
            measure::<E>(&asked, &response, started);
            Ok(response)
        };
        Box::pin(framed.instrument(span))
    }
}

fn measure<E: Envelope>(asked: &Asked, response: &Response, started: Instant) {
    let elapsed = started.elapsed();
    let route: Arc<str> = asked.route().into();
    let status = response.status();
    tracing::debug!(status = status.as_u16(), ?elapsed, "request answered");
    metrics::counter!(
        "gatehouse_http_requests_total",
        "surface" => E::SURFACE, "route" => Arc::clone(&route), "status" => status.as_str().to_owned(),
    )
    .increment(1);
    metrics::histogram!("gatehouse_http_request_seconds", "surface" => E::SURFACE, "route" => route)
        .record(elapsed.as_secs_f64());
}

/// What a panic said, for the log.
fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, response::IntoResponse, routing::get};
    use gatehouse_domain::Error;
    use http::{HeaderMap, StatusCode};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    struct Plain;

    impl Envelope for Plain {
        const SURFACE: &'static str = "plain";

        fn fault(&self, fault: Fault, asked: &Asked) -> Response {
            (StatusCode::IM_A_TEAPOT, format!("{fault:?} {} {}", asked.method(), asked.route())).into_response()
        }

        fn error(&self, error: &Error, _: &Asked) -> Response {
            error.code().into_response()
        }

        fn language(&self, headers: &HeaderMap) -> Option<String> {
            headers.get("content-language").and_then(|value| value.to_str().ok()).map(str::to_owned)
        }
    }

    async fn ask(request: http::request::Builder) -> String {
        let handler = async |request: Request| {
            let caller = Asked::of(&request).caller().clone();
            format!("{:?} {} {:?}", caller.address, caller.request_id, caller.language)
        };
        let bug = async || -> String { panic!("a bug") };
        let routes = Router::new().route("/caller", get(handler)).route("/bug/{name}", get(bug));
        let surface = frame(routes, Arc::new(Plain), Random::seeded(1));
        let response = surface.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().into()).unwrap()
    }

    #[tokio::test]
    async fn a_handler_learns_who_asks() {
        let request = Request::get("/caller").header("content-language", "zh-CN");
        let mut id = [0; 8];
        Random::seeded(1).fill(&mut id);
        let expected = format!("None {:016x} Some(\"zh-CN\")", u64::from_le_bytes(id));
        assert_eq!(ask(request).await, expected);
    }

    #[tokio::test]
    async fn a_panic_is_answered_in_the_surfaces_words_without_the_path() {
        assert_eq!(ask(Request::get("/bug/secret")).await, "Panic GET /bug/{name}");
    }
}
