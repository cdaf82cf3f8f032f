//! The surface under test: its real router over the real application.

use std::net::IpAddr;

use axum::{Router, body::Body};
use gatehouse_domain::Settings;
use gatehouse_kit::ClientAddress;
use gatehouse_testkit::{Engine, TestApp};
use http::{HeaderMap, request::Builder};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

pub(crate) struct Surface {
    pub(crate) test: TestApp,
    pub(crate) router: Router,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Status and body in one line.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.status, self.text())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).map(|value| value.to_str().unwrap().to_owned())
    }
}

impl Surface {
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        Self::on(Engine::Sqlite, settings).await
    }

    pub(crate) async fn on(engine: Engine, settings: Settings) -> Self {
        let test = TestApp::with(engine, settings).await.unwrap();
        let router = gatehouse_bastion::router(test.app.clone(), gatehouse_bastion::DEFAULT_PREFIX);
        Self { test, router }
    }

    /// Any request, from 192.0.2.1 unless it says otherwise.
    pub(crate) async fn send(&self, request: Builder, body: impl Into<Body>) -> Answer {
        let mut request = request.body(body.into()).unwrap();
        if request.extensions().get::<ClientAddress>().is_none() {
            request.extensions_mut().insert(ClientAddress(IpAddr::from([192, 0, 2, 1])));
        }
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.into_body().collect().await.unwrap().to_bytes().into();
        Answer { status, headers, body }
    }
}
