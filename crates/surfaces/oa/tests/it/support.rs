//! The surface under test: its real router over the real application.

use std::net::IpAddr;

use axum::{Router, body::Body};
use gatehouse_domain::{
    App, Settings,
    oa::token,
    proxy::{
        manage::{self, NodeSpec},
        settings::NodeSettings,
    },
};
use gatehouse_kit::ClientAddress;
use gatehouse_model::{NodeKind, Secret, SsCipher};
use gatehouse_testkit::{Engine, TestApp};
use http::{HeaderName, HeaderValue, Request, header, request::Builder};
use http_body_util::BodyExt;
use tower::ServiceExt;

/// The token every surface under test knows.
pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// The endpoints: G, C, D of specs/oa.md.
pub(crate) const GENERATE: &str = "/v1/generateUserProfile";
pub(crate) const CONN: &str = "/v1/getConnInfoByUser";
pub(crate) const DELETE: &str = "/v1/delUserProfile";

pub(crate) struct Surface {
    pub(crate) test: TestApp,
    pub(crate) router: Router,
}

/// The surface on the shared listener, with default settings.
pub(crate) async fn shared() -> Surface {
    with(Settings::default()).await
}

pub(crate) async fn with(settings: Settings) -> Surface {
    made(settings, gatehouse_oa::router).await
}

/// The surface on a listener of its own.
pub(crate) async fn own() -> Surface {
    made(Settings::default(), gatehouse_oa::own_router).await
}

async fn made(settings: Settings, router: impl FnOnce(App) -> Router) -> Surface {
    let test = TestApp::with(Engine::Sqlite, settings).await.unwrap();
    token::insert(&test.operator(), "oa system", &Secret::new(TOKEN)).await.unwrap();
    let router = router(test.app.clone());
    Surface { test, router }
}

impl Surface {
    /// The same surface below a prefix, as the server nests it.
    pub(crate) fn under(self, prefix: &str) -> Self {
        Self { router: Router::new().nest(prefix, self.router), ..self }
    }

    /// Adds an ss node of the group `default`, in which users of this surface are.
    pub(crate) async fn add_node(&self, name: &str, port: u16, remark: Option<&str>) {
        let settings =
            NodeSettings { cipher: Some(SsCipher::Aes256Gcm), allow_classic: true, ..NodeSettings::default() };
        let node = NodeSpec {
            kind: NodeKind::Shadowsocks,
            code: format!("ss-{port}"),
            name: name.to_owned(),
            remark: remark.map(str::to_owned),
            host: "127.0.0.1".to_owned(),
            port,
            server_port: port,
            listen_ip: None,
            rate: 100,
            is_enabled: true,
            is_shown: true,
            sort: None,
            transfer_cap: None,
            groups: ["default".to_owned()].into_iter().collect(),
            settings,
            content: None,
        };
        manage::save(&self.test.operator(), &node).await.unwrap();
        self.test.app.live().refresh(&self.test.app).await.unwrap();
    }

    /// Calls an endpoint with the good token, as a form; gives the body.
    pub(crate) async fn call(&self, endpoint: &str, username: &str) -> String {
        self.call_as(TOKEN, endpoint, username, None).await
    }

    /// Calls an endpoint with any token from any address; the answer must be HTTP 200 and JSON.
    pub(crate) async fn call_as(&self, token: &str, endpoint: &str, username: &str, from: Option<IpAddr>) -> String {
        let encode =
            |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let body = format!("token={}&username={}", encode(token), encode(username));
        let mut request = Request::post(endpoint).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(from) = from {
            request = request.extension(ClientAddress(from));
        }
        self.ok(request, body).await
    }

    /// Any request whose answer must be HTTP 200 and JSON; gives the body.
    pub(crate) async fn ok(&self, request: Builder, body: impl Into<Body>) -> String {
        let answer = self.exchange(request, body).await;
        let (head, body) = answer.rsplit_once('\n').unwrap();
        let length = format!("200\ncontent-length: {}\ncontent-type: application/json; charset=utf-8", body.len());
        assert_eq!(head, length);
        body.to_owned()
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
