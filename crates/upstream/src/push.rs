//! Firebase Cloud Messaging, HTTP v1 (specs/billing.md §12).

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use gatehouse_domain::Clock;
use gatehouse_domain::push::{Delivery, Message, Sender, SenderHandle, Sending};
use gatehouse_domain::settings::PushSettings;
use gatehouse_model::{Millis, Secret};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::http::{Http, Reply, form};

const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How long what we sign holds, and the longest an access token does.
const HOUR: Duration = Duration::from_hours(1);
/// An access token is not used in its last minutes: a message may be under way for some.
const SPARE: Duration = Duration::from_mins(5);
/// For one message in all.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends to one project with one service account.
#[derive(Debug, Clone)]
pub struct Fcm(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: PushSettings,
    file: PathBuf,
    clock: Clock,
    http: Http,
    access: Mutex<Option<Arc<Access>>>,
    /// One asks for a token, the others wait for what he gets.
    asking: Semaphore,
}

/// The right to send, for a while.
#[derive(Debug)]
struct Access {
    token: Secret,
    project: String,
    until: Millis,
}

/// A service account's key as the provider hands it out.
#[derive(Deserialize)]
struct Credentials {
    client_email: String,
    private_key: Secret,
    #[serde(default)]
    private_key_id: Option<String>,
    #[serde(default)]
    project_id: Option<String>,
    #[serde(default)]
    token_uri: Option<String>,
}

/// Who sends push messages, if a service account is configured.
pub fn sender(settings: &PushSettings, clock: Clock) -> Option<SenderHandle> {
    let file = settings.credentials_file.clone()?;
    let settings = settings.clone();
    let inner =
        Inner { settings, file, clock, http: Http::default(), access: Mutex::default(), asking: Semaphore::new(1) };
    Some(Arc::new(Fcm(Arc::new(inner))))
}

impl Sender for Fcm {
    fn send(&self, token: String, message: Message) -> Sending {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            // Among many others one may wait long for an access token.
            let sent = timeout(PATIENCE, inner.send(&token, &message)).await;
            match sent.unwrap_or_else(|_| Err("no answer in time".to_owned())) {
                Ok(delivery) => delivery,
                Err(why) => Delivery::Later { after: None, why },
            }
        })
    }
}

impl Inner {
    async fn send(&self, token: &str, message: &Message) -> Result<Delivery, String> {
        let body = serde_json::json!({ "message": {
            "token": token,
            "notification": { "title": message.title, "body": message.body },
            "data": { "event": message.event, "id": message.id },
        }});
        let body = body.to_string().into_bytes();
        let mut reply = self.post(body.clone()).await?;
        // The token ended before its time; a new one is right, or nothing is.
        if reply.status == 401 {
            reply = self.post(body).await?;
        }
        Ok(self.judge(&reply))
    }

    async fn post(&self, body: Vec<u8>) -> Result<Reply, String> {
        let access = self.access().await?;
        let base = self.settings.endpoint.trim_end_matches('/');
        let url = format!("{base}/v1/projects/{}/messages:send", access.project);
        let bearer = Some(access.token.expose());
        let reply = self.http.post(&url, "application/json; charset=utf-8", bearer, body).await?;
        if reply.status == 401 {
            self.forget(&access);
        }
        Ok(reply)
    }

    /// What an answer means for the message. What only staff can repair waits for them, a day at most.
    fn judge(&self, reply: &Reply) -> Delivery {
        let told = Told::of(&reply.body);
        let why = format!("status {} {}", reply.status, told.code);
        match (reply.status, told.code.as_str()) {
            (200..=299, _) => Delivery::Sent,
            (404, "UNREGISTERED") => Delivery::Unregistered,
            (400, "INVALID_ARGUMENT") | (403, "SENDER_ID_MISMATCH") => Delivery::Dropped(why),
            _ => Delivery::Later { after: self.retry_after(reply), why },
        }
    }

    /// Seconds, or a date.
    fn retry_after(&self, reply: &Reply) -> Option<Duration> {
        let text = reply.retry_after.as_deref()?;
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_millisecond();
        u64::try_from(at.saturating_sub(self.clock.now().0)).ok().map(Duration::from_millis)
    }

    fn current(&self) -> Option<Arc<Access>> {
        let access = self.access.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        (self.clock.now() < access.until).then_some(access)
    }

    /// Unless somebody has got a new one meanwhile.
    fn forget(&self, refused: &Arc<Access>) {
        let mut access = self.access.lock().unwrap_or_else(PoisonError::into_inner);
        if access.as_ref().is_some_and(|current| Arc::ptr_eq(current, refused)) {
            *access = None;
        }
    }

    async fn access(&self) -> Result<Arc<Access>, String> {
        if let Some(access) = self.current() {
            return Ok(access);
        }
        let _turn = self.asking.acquire().await.map_err(|error| error.to_string())?;
        if let Some(access) = self.current() {
            return Ok(access);
        }
        let access = Arc::new(self.ask().await?);
        *self.access.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&access));
        Ok(access)
    }

    async fn ask(&self) -> Result<Access, String> {
        let (file, settings, now) = (self.file.clone(), self.settings.clone(), self.clock.now());
        let signed = tokio::task::spawn_blocking(move || sign(&file, &settings, now));
        let Signed { project, endpoint, assertion } = signed.await.map_err(|error| error.to_string())??;
        let body = form(&[("grant_type", GRANT), ("assertion", &assertion)]);
        let reply = self.http.post(&endpoint, "application/x-www-form-urlencoded", None, body).await?;
        let answer: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let token = answer.get("access_token").and_then(Value::as_str).filter(|_| reply.status == 200);
        let Some(token) = token else {
            let why = answer.get("error").and_then(Value::as_str).unwrap_or("no token");
            return Err(format!("the token endpoint answers {}: {why}", reply.status));
        };
        let life = answer.get("expires_in").and_then(Value::as_u64).map_or(HOUR, Duration::from_secs);
        Ok(Access { token: Secret::new(token), project, until: now.plus(life.min(HOUR).saturating_sub(SPARE)) })
    }
}

/// What a service account's key is good for.
struct Signed {
    project: String,
    endpoint: String,
    assertion: String,
}

fn sign(file: &Path, settings: &PushSettings, now: Millis) -> Result<Signed, String> {
    let credentials = read(file)?;
    let endpoint = settings.token_endpoint.clone().or_else(|| credentials.token_uri.clone());
    let endpoint = endpoint.unwrap_or_else(|| "https://oauth2.googleapis.com/token".to_owned());
    let assertion = assertion(&credentials, &endpoint, now)?;
    let project = settings.project.clone().or(credentials.project_id).ok_or("no project: set billing.push.project")?;
    Ok(Signed { project, endpoint, assertion })
}

/// Whether push messages can be signed, without asking anybody: of which project they are, or what is wrong; none: they are not set up.
pub fn check(settings: &PushSettings, now: Millis) -> Option<Result<String, String>> {
    let file = settings.credentials_file.as_deref()?;
    Some(sign(file, settings, now).map(|signed| signed.project))
}

fn read(file: &Path) -> Result<Credentials, String> {
    let text =
        std::fs::read(file).map_err(|error| format!("billing.push.credentials_file {}: {error}", file.display()))?;
    serde_json::from_slice(&text).map_err(|error| {
        // The error may quote the file, which holds the key.
        format!("billing.push.credentials_file {} is no service account: line {}", file.display(), error.line())
    })
}

/// A JWT that says who we are, signed by the service account's key (RFC 7523).
fn assertion(credentials: &Credentials, endpoint: &str, now: Millis) -> Result<String, String> {
    let wrong = |what: &str| format!("`private_key` of billing.push.credentials_file: {what}");
    let der = PrivatePkcs8KeyDer::from_pem_slice(credentials.private_key.expose().as_bytes())
        .map_err(|_| wrong("no PKCS #8 in PEM"))?;
    let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|_| wrong("no RSA key"))?;
    let issued = now.0.div_euclid(1_000);
    let mut header = serde_json::json!({ "alg": "RS256", "typ": "JWT" });
    if let (Some(id), Some(header)) = (&credentials.private_key_id, header.as_object_mut()) {
        header.insert("kid".to_owned(), Value::from(id.clone()));
    }
    let claims = serde_json::json!({
        "iss": credentials.client_email, "scope": SCOPE, "aud": endpoint,
        "iat": issued, "exp": issued.saturating_add(3_600),
    });
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let signed = format!("{header}.{claims}");
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .map_err(|_| wrong("it cannot sign"))?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// What the service says is wrong: its own code, else the general one.
struct Told {
    code: String,
}

impl Told {
    fn of(body: &[u8]) -> Self {
        let answer: Value = serde_json::from_slice(body).unwrap_or_default();
        let error = answer.get("error");
        let details = error.and_then(|error| error.get("details")).and_then(Value::as_array);
        let own = details.into_iter().flatten().find_map(|detail| detail.get("errorCode")?.as_str());
        let general = error.and_then(|error| error.get("status")?.as_str());
        Self { code: own.or(general).unwrap_or("-").to_owned() }
    }
}
