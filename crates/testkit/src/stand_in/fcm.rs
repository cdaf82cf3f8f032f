//! A stand-in of Firebase Cloud Messaging: access tokens for signed assertions, messages, and every way to refuse them.

use std::{
    collections::VecDeque,
    path::Path,
    sync::{Arc, Mutex},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa::KeySize,
    signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey},
};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Response, StatusCode, Uri, header},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use gatehouse_domain::settings::PushSettings;
use serde_json::{Value, json};

use super::{Served, form_fields, lock};

/// A message that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// For which app.
    pub token: String,
    /// `notification.title`
    pub title: String,
    /// `notification.body`
    pub body: String,
    /// `data.event`
    pub event: String,
    /// `data.id`
    pub id: String,
}

/// How the next message is refused: status, error code, `Retry-After`.
type Refusal = (u16, &'static str, Option<&'static str>);

#[derive(Debug)]
struct Inner {
    public: Vec<u8>,
    base: String,
    access: Option<String>,
    issued: usize,
    is_down: bool,
    refusals: VecDeque<Refusal>,
    pushed: Vec<Pushed>,
}

/// The service with one project, until dropped.
#[derive(Debug)]
pub struct Fcm {
    served: Served,
    inner: Arc<Mutex<Inner>>,
    settings: PushSettings,
}

impl Fcm {
    /// Starts it on a free port, and writes a service account's file into this folder.
    pub async fn start(folder: &Path) -> Result<Self> {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| anyhow!("no key can be made"))?;
        let inner = Arc::new(Mutex::new(Inner {
            public: key.public_key().as_ref().to_vec(),
            base: String::new(),
            access: None,
            issued: 0,
            is_down: false,
            refusals: VecDeque::new(),
            pushed: Vec::new(),
        }));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        let served = Served::start(router).await?;
        lock(&inner).base = served.base();
        let der: Pkcs8V1Der<'_> = key.as_der().map_err(|_| anyhow!("the key cannot be written"))?;
        let pem =
            format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()));
        let file = folder.join("service-account.json");
        let account = json!({
            "type": "service_account", "project_id": "gatehouse-test", "private_key_id": "k1", "private_key": pem,
            "client_email": "push@gatehouse-test.example", "token_uri": format!("{}/token", served.base()),
        });
        std::fs::write(&file, account.to_string())?;
        let settings =
            PushSettings { endpoint: served.base(), credentials_file: Some(file), ..PushSettings::default() };
        Ok(Self { served, inner, settings })
    }

    /// Where it is.
    pub fn base(&self) -> String {
        self.served.base()
    }

    /// Settings that use it.
    pub fn settings(&self) -> PushSettings {
        self.settings.clone()
    }

    /// An outage, or its end.
    pub fn set_down(&self, is_down: bool) {
        lock(&self.inner).is_down = is_down;
    }

    /// Access tokens that were handed out are worth nothing from now on.
    pub fn revoke(&self) {
        lock(&self.inner).access = None;
    }

    /// Refuses one message that comes, after those that are to be refused already.
    pub fn refuse(&self, status: u16, code: &'static str, retry_after: Option<&'static str>) {
        lock(&self.inner).refusals.push_back((status, code, retry_after));
    }

    /// How many access tokens were handed out.
    pub fn issued(&self) -> usize {
        lock(&self.inner).issued
    }

    /// The messages that came and were taken.
    pub fn pushed(&self) -> Vec<Pushed> {
        lock(&self.inner).pushed.clone()
    }
}

impl Inner {
    /// Whether an assertion is the service account's.
    fn verify(&self, assertion: &str) -> Result<()> {
        let (signed, signature) = assertion.rsplit_once('.').context("no signature")?;
        let signature = URL_SAFE_NO_PAD.decode(signature)?;
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.public);
        let verified = public.verify(signed.as_bytes(), &signature);
        verified.map_err(|_| anyhow!("the signature is wrong"))?;
        let (header, claims) = signed.split_once('.').context("no claims")?;
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.decode(part).unwrap_or_default());
        let (header, claims): (Value, Value) = (serde_json::from_slice(&header)?, serde_json::from_slice(&claims)?);
        ensure!(text(&header, "/alg") == "RS256" && text(&header, "/kid") == "k1", "the header is {header}");
        ensure!(text(&claims, "/aud") == format!("{}/token", self.base), "it is for somebody else: {claims}");
        ensure!(text(&claims, "/iss") == "push@gatehouse-test.example", "it is of somebody else: {claims}");
        let scope = "https://www.googleapis.com/auth/firebase.messaging";
        ensure!(text(&claims, "/scope") == scope, "it is for something else: {claims}");
        let time = |name: &str| claims.get(name).and_then(Value::as_i64);
        let life = time("exp").zip(time("iat")).map(|(until, from)| until - from);
        ensure!(life.is_some_and(|life| (1..=3_600).contains(&life)), "it lasts {life:?} seconds");
        Ok(())
    }

    fn token(&mut self, body: &[u8]) -> (u16, Value) {
        let fields = form_fields(body);
        let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
        if field("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
            return (400, json!({ "error": "unsupported_grant_type" }));
        }
        if let Err(why) = self.verify(field("assertion")) {
            return (400, json!({ "error": "invalid_grant", "error_description": why.to_string() }));
        }
        self.issued += 1;
        let token = format!("access-{}", self.issued);
        self.access = Some(token.clone());
        (200, json!({ "access_token": token, "expires_in": 3_600, "token_type": "Bearer" }))
    }

    fn send(&mut self, bearer: Option<&str>, body: &[u8]) -> (u16, Value, Option<&'static str>) {
        let error = |code: u16, word: &str| {
            json!({ "error": { "code": code, "status": word, "message": "refused",
            "details": [{ "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": word }] } })
        };
        if bearer.is_none() || bearer != self.access.as_ref().map(|token| format!("Bearer {token}")).as_deref() {
            return (401, error(401, "UNAUTHENTICATED"), None);
        }
        if let Some((status, code, retry_after)) = self.refusals.pop_front() {
            return (status, error(status, code), retry_after);
        }
        let sent: Value = serde_json::from_slice(body).unwrap_or_default();
        let pushed = Pushed {
            token: text(&sent, "/message/token").to_owned(),
            title: text(&sent, "/message/notification/title").to_owned(),
            body: text(&sent, "/message/notification/body").to_owned(),
            event: text(&sent, "/message/data/event").to_owned(),
            id: text(&sent, "/message/data/id").to_owned(),
        };
        let is_whole = ![&pushed.token, &pushed.title, &pushed.event, &pushed.id].iter().any(|text| text.is_empty());
        if !is_whole || body.len() > 4_096 {
            return (400, error(400, "INVALID_ARGUMENT"), None);
        }
        self.pushed.push(pushed);
        (200, json!({ "name": "projects/gatehouse-test/messages/1" }), None)
    }
}

/// A text at a place of a document; empty: there is none.
fn text<'a>(value: &'a Value, place: &str) -> &'a str {
    value.pointer(place).and_then(Value::as_str).unwrap_or_default()
}

async fn answer(
    State(inner): State<Arc<Mutex<Inner>>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response<Body>, StatusCode> {
    let mut inner = lock(&inner);
    if inner.is_down {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (status, answer, retry_after) = match uri.path() {
        "/token" => {
            let (status, answer) = inner.token(&body);
            (status, answer, None)
        }
        "/v1/projects/gatehouse-test/messages:send" => inner.send(bearer, &body),
        _ => return Err(StatusCode::NOT_FOUND),
    };
    let mut response = Response::builder().status(status).header(header::CONTENT_TYPE, "application/json");
    if let Some(after) = retry_after {
        response = response.header(header::RETRY_AFTER, after);
    }
    response.body(Body::from(answer.to_string())).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}
