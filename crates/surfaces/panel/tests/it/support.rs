//! The surface under test: its real router over the real application, users and staff.

use axum::{Router, body::Body};
use gatehouse_domain::{
    Settings,
    account::{self, NewAccount, administrator, change, pass},
    apply::{self, AccountEntry, Mode, RoleEntry, StaffEntry, StateFile},
};
use gatehouse_model::{AccountId, Login, PassKind, Secret};
use gatehouse_testkit::{Engine, TestApp};
use http::{HeaderMap, Method, Request, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

/// Everybody's password here.
pub(crate) const PASSWORD: &str = "password123";

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
    /// The JSON that every answer of the API is, in one of its shapes.
    pub(crate) fn json(&self) -> Value {
        let kind = self.headers.get(header::CONTENT_TYPE).map(|kind| kind.to_str().unwrap());
        assert_eq!(kind, Some("application/json"), "{}", self.text());
        let value: Value =
            serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()));
        if let Some(status) = value.get("status") {
            assert!(value.get("code").is_none() && value.get("data").is_some(), "{value}");
            assert!(value["message"].as_str().is_some_and(|text| !text.is_empty()), "{value}");
            assert_eq!(status == "success", self.status == 200, "{value}");
        }
        value
    }

    /// `data` of a success.
    pub(crate) fn data(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()["data"].clone()
    }

    /// `(status, message)` of a failure.
    pub(crate) fn failure(&self) -> (u16, String) {
        (self.status, self.json()["message"].as_str().unwrap_or_default().to_owned())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// The surface with default settings on SQLite.
pub(crate) async fn surface() -> Surface {
    with(Settings::default()).await
}

pub(crate) async fn with(settings: Settings) -> Surface {
    on(Engine::Sqlite, settings).await
}

/// The surface on a database: stories about money and races run on both.
pub(crate) async fn on(engine: Engine, settings: Settings) -> Surface {
    let test = TestApp::with(engine, settings).await.unwrap();
    test.app.serve_payments(gatehouse_testkit::upstream::payment::providers(&test.app.settings().billing));
    let router = gatehouse_panel::router(test.app.clone());
    let surface = Surface { test, router };
    change::set_password(&surface.test.operator(), administrator::LOGIN, &Secret::new(PASSWORD)).await.unwrap();
    surface
}

impl Surface {
    /// A call in English; an empty credential sends none. Paths begin behind `/api/`; `{sp}` is the secure path.
    pub(crate) async fn call(&self, method: Method, token: &str, path: &str, body: Option<&Value>) -> Answer {
        let path = path.replace("{sp}", &self.secure_path());
        let mut request =
            Request::builder().method(method).uri(format!("/api/{path}")).header("content-language", "en-US");
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Answer {
        self.call(Method::GET, token, path, None).await
    }

    pub(crate) async fn post(&self, token: &str, path: &str, body: Value) -> Answer {
        self.call(Method::POST, token, path, Some(&body)).await
    }

    pub(crate) fn secure_path(&self) -> String {
        self.test.app.live().panel().secure_path.clone()
    }

    /// Logs in; gives the token.
    pub(crate) async fn login(&self, email: &str) -> String {
        let answer = self.post("", "v1/passport/auth/login", json!({"email": email, "password": PASSWORD})).await;
        answer.data()["token"].as_str().unwrap().to_owned()
    }

    /// Makes a user whose e-mail is his login; gives the account.
    pub(crate) async fn user(&self, email: &str) -> AccountId {
        self.account(email, PassKind::Proxy).await
    }

    async fn account(&self, email: &str, kind: PassKind) -> AccountId {
        let ctx = self.test.operator();
        let login = Login::new(email).unwrap();
        let password = Some(Secret::new(PASSWORD));
        let new = NewAccount { login, name: None, email: Some(email.to_owned()), phone: None, password };
        let id = account::create(&ctx, &new).await.unwrap();
        pass::grant(&ctx, email, kind).await.unwrap();
        id
    }

    /// Makes staff with these codes and an empty proxy pass; gives the token.
    pub(crate) async fn staff(&self, email: &str, codes: &[&str]) -> String {
        self.account(email, PassKind::Proxy).await;
        let role = RoleEntry {
            code: format!("role-{}", email.replace(['@', '.'], "-")),
            codes: Some(codes.iter().map(|code| (*code).to_owned()).collect()),
            ..RoleEntry::default()
        };
        let staff = StaffEntry { roles: Some([role.code.clone()].into()), ..StaffEntry::default() };
        let account = AccountEntry { login: email.to_owned(), staff: Some(staff), ..AccountEntry::default() };
        let file = StateFile { role: vec![role], account: vec![account], ..StateFile::default() };
        apply::apply(&self.test.operator(), &file, Mode::Write).await.unwrap();
        self.login(email).await
    }

    /// The token of staff that may do everything, made at the first call.
    pub(crate) async fn admin_token(&self) -> String {
        let known = json!({"email": "admin@example.com", "password": PASSWORD});
        let answer = self.post("", "v1/passport/auth/login", known).await;
        match answer.status {
            200 => answer.data()["token"].as_str().unwrap().to_owned(),
            _ => self.admin().await,
        }
    }

    /// Staff that may do everything; gives the token.
    pub(crate) async fn admin(&self) -> String {
        self.staff("admin@example.com", &["panel.admin"]).await
    }
}
