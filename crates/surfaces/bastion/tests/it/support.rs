//! The surface under test: its real router over the real application.

use std::{net::IpAddr, sync::Arc};

use axum::{Router, body::Body};
use gatehouse_domain::{
    Settings,
    account::{self, NewAccount, change, pass},
};
use gatehouse_kit::ClientAddress;
use gatehouse_model::{Login, PassKind, Secret};
use gatehouse_testkit::{Engine, TestApp};
use http::{HeaderMap, Request, header, request::Builder};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

pub(crate) struct Surface {
    pub(crate) test: Arc<TestApp>,
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

/// The password of everybody here.
pub(crate) const PASSWORD: &str = "correct horse";

/// Somebody with a token.
pub(crate) struct Client<'a> {
    surface: &'a Surface,
    pub(crate) id: i64,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Client<'_> {
    /// Calls an endpoint that reads; the path is relative to the prefix.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        let request = Request::get(format!("/api/{path}")).header(header::AUTHORIZATION, &self.access);
        self.surface.send(request, "").await
    }

    /// Calls an endpoint that takes a body.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        let request = Request::post(format!("/api/{path}"))
            .header(header::AUTHORIZATION, &self.access)
            .header(header::CONTENT_TYPE, "application/json");
        self.surface.send(request, body.to_string()).await
    }
}

impl Surface {
    /// Makes a member of staff with a role of these installation-wide codes, and logs him in.
    pub(crate) async fn person(&self, login: &str, codes: &[&str]) -> Client<'_> {
        let ctx = self.test.operator();
        let (name, password) = (Some(format!("{login} name")), Some(Secret::new(PASSWORD)));
        let new = NewAccount { login: Login::new(login).unwrap(), name, email: None, phone: None, password };
        account::create(&ctx, &new).await.unwrap();
        pass::grant(&ctx, login, PassKind::Staff).await.unwrap();
        if !codes.is_empty() {
            let role = format!("role-of-{login}");
            self.role(&role, codes).await;
            pass::grant_role(&ctx, login, &role).await.unwrap();
        }
        self.login(login).await
    }

    /// Makes a role of installation-wide codes.
    pub(crate) async fn role(&self, code: &str, codes: &[&str]) {
        let mut sql = format!(
            "INSERT INTO role (code, name, name_folded, is_enabled, is_protected, created_at, updated_at) \
             VALUES ('{code}', '{code}', '{code}', 1, 0, 1, 1);"
        );
        for held in codes {
            sql.push_str(&format!(
                "INSERT INTO role_code (role_id, code) SELECT id, '{held}' FROM role WHERE code = '{code}';"
            ));
        }
        self.test.execute(&sql).await.unwrap();
    }

    /// Logs the administrator in.
    pub(crate) async fn administrator(&self) -> Client<'_> {
        change::set_password(&self.test.operator(), "administrator", &Secret::new(PASSWORD)).await.unwrap();
        self.login("administrator").await
    }

    /// Logs somebody in who needs no code.
    pub(crate) async fn login(&self, account: &str) -> Client<'_> {
        let answer = self.try_login(account, PASSWORD).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let id = account::find(&self.test.operator(), account).await.unwrap().id.0;
        let token = |kind: &str| answer.json()["token"][kind].as_str().unwrap().to_owned();
        Client { surface: self, id, access: token("access"), refresh: token("refresh") }
    }

    pub(crate) async fn try_login(&self, account: &str, password: &str) -> Answer {
        self.post("rbac/login/", serde_json::json!({ "account": account, "password": password })).await
    }

    /// Calls an endpoint without a token.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        let request = Request::post(format!("/api/{path}")).header(header::CONTENT_TYPE, "application/json");
        self.send(request, body.to_string()).await
    }

    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        Self::on(Engine::Sqlite, settings).await
    }

    pub(crate) async fn on(engine: Engine, settings: Settings) -> Self {
        let test = TestApp::with(engine, settings).await.unwrap();
        let router = gatehouse_bastion::router(test.app.clone(), gatehouse_bastion::DEFAULT_PREFIX);
        Self { test: Arc::new(test), router }
    }

    /// The same database behind another router.
    pub(crate) fn behind(&self, router: Router) -> Self {
        Self { router, test: Arc::clone(&self.test) }
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
