//! The surface under test: its real router over the real application, and a caller that signs.

use std::{net::IpAddr, sync::LazyLock};

use axum::{Router, body::Body};
use gatehouse_domain::{App, Settings, vpn::secret};
use gatehouse_kit::ClientAddress;
use gatehouse_testkit::{Engine, TestApp};
use http::{HeaderName, HeaderValue, Request, Response, header, request::Builder};
use http_body_util::BodyExt;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tower::ServiceExt;

/// The seed's address.
pub(crate) const WEB_API: &str = "/cgi-bin/php-cgi/html/delegatemodule/WebApi.php";
/// The other one.
pub(crate) const API: &str = "/Api.php";
pub(crate) const FORM: &str = "application/x-www-form-urlencoded; charset=UTF-8";

pub(crate) type Pairs<'a> = &'a [(&'a str, &'a str)];

pub(crate) struct Surface {
    pub(crate) test: TestApp,
    pub(crate) router: Router,
    pub(crate) secret: String,
}

/// What came back.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Headers in order of their names, one line each.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The `code` of the answer, which is of the surface's shape.
    pub(crate) fn code(&self) -> i64 {
        self.json()["code"].as_i64().unwrap()
    }

    /// The answer, checked against the shape that all answers have.
    pub(crate) fn json(&self) -> Value {
        assert!(self.body.is_ascii(), "{}", self.body);
        assert!(self.head.contains("content-type: application/json; charset=utf-8"), "{}", self.head);
        let value: Value = serde_json::from_str(&self.body).unwrap();
        assert!(value["message"].is_string() && value["readOnlyInfo"].is_null(), "{}", self.body);
        assert_eq!(value["success"], value["code"] == 0, "{}", self.body);
        assert!(value["success"] == true || value.get("result").is_none(), "{}", self.body);
        value
    }

    pub(crate) fn message(&self) -> String {
        self.json()["message"].as_str().unwrap().to_owned()
    }
}

/// The surface on the shared listener, with default settings.
pub(crate) async fn shared() -> Surface {
    with(Settings::default()).await
}

pub(crate) async fn with(settings: Settings) -> Surface {
    made(Engine::Sqlite, settings, gatehouse_vpn::router).await
}

/// The surface on a listener of its own.
pub(crate) async fn own() -> Surface {
    made(Engine::Sqlite, Settings::default(), gatehouse_vpn::own_router).await
}

/// The surface over a database of an engine.
pub(crate) async fn on(engine: Engine) -> Surface {
    made(engine, Settings::default(), gatehouse_vpn::router).await
}

async fn made(engine: Engine, settings: Settings, router: impl FnOnce(App) -> Router) -> Surface {
    let test = TestApp::with(engine, settings).await.unwrap();
    let secret = secret::load(&test.app).await.unwrap().expose().to_owned();
    let router = router(test.app.clone());
    Surface { test, router, secret }
}

/// Percent-encodes everything but letters and digits.
pub(crate) fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// `name=value&…`, percent-encoded.
pub(crate) fn encoded(pairs: Pairs<'_>) -> String {
    pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect::<Vec<_>>().join("&")
}

/// SHA-256 over the pairs in order of their names, the timestamp and the secret.
pub(crate) fn token(pairs: Pairs<'_>, secret: &str) -> String {
    let mut sorted = pairs.to_vec();
    sorted.sort_unstable();
    let timestamp = sorted.iter().find(|(name, _)| *name == "timestamp").map_or("", |(_, value)| *value);
    let signed = sorted.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    hex::encode(Sha256::digest(format!("{signed}{timestamp}{secret}")))
}

impl Surface {
    /// Now, as callers write it.
    pub(crate) fn now(&self) -> i64 {
        self.test.app.now().0 / 1_000
    }

    /// The pairs of a call with time and token.
    pub(crate) fn signed(&self, query: Pairs<'_>, body: Pairs<'_>) -> Vec<(String, String)> {
        self.signed_at(self.now(), query, body)
    }

    pub(crate) fn signed_at(&self, at: i64, query: Pairs<'_>, body: Pairs<'_>) -> Vec<(String, String)> {
        let at = at.to_string();
        let stamp = [("timestamp", at.as_str())];
        let all = [query, body, &stamp].concat();
        let token = token(&all, &self.secret);
        let body = [body, &stamp, &[("sinfor_apitoken", token.as_str())]].concat();
        body.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Calls an action as everybody does.
    pub(crate) async fn call(&self, controller: &str, action: &str, body: Pairs<'_>) -> Answer {
        let query = [("controler", controller), ("action", action)];
        let signed = self.signed(&query, body);
        let signed: Vec<_> = signed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post(&encoded(&query), FORM, encoded(&signed)).await
    }

    /// Posts a body to the seed's address.
    pub(crate) async fn post(&self, query: &str, kind: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post(format!("{WEB_API}?{query}")).header(header::CONTENT_TYPE, kind);
        self.exchange(request, body).await
    }

    /// The same from an address.
    pub(crate) async fn post_from(&self, from: IpAddr, query: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post(format!("{WEB_API}?{query}")).header(header::CONTENT_TYPE, FORM);
        self.exchange(request.extension(ClientAddress(from)), body).await
    }

    pub(crate) async fn exchange(&self, request: Builder, body: impl Into<Body>) -> Answer {
        let response: Response<Body> = self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let header = |(name, value): (&HeaderName, &HeaderValue)| format!("{name}: {}", value.to_str().unwrap());
        let mut lines: Vec<String> = response.headers().iter().map(header).collect();
        lines.sort();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Answer { status, head: lines.join("\n"), body: String::from_utf8(body.into()).unwrap() }
    }
}

/// The query of `UpdaterCloud`, the action without parameters.
pub(crate) static UPDATER: LazyLock<String> =
    LazyLock::new(|| encoded(&[("controler", "Updater"), ("action", "UpdaterCloud")]));

/// A signed body for it.
pub(crate) fn updater_body(surface: &Surface, extra: Pairs<'_>) -> String {
    let signed = surface.signed(&[("controler", "Updater"), ("action", "UpdaterCloud")], extra);
    let signed: Vec<_> = signed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    encoded(&signed)
}
