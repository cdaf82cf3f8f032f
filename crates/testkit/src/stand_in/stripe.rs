//! A stand-in of Stripe: makes Checkout sessions, once for a key, and signs webhooks.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use anyhow::Result;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Served, form_fields, lock};

#[derive(Debug, Default)]
struct Inner {
    /// By idempotency key.
    sessions: BTreeMap<String, BTreeMap<String, String>>,
}

/// Stripe with one merchant whose secret key is `sk_test`.
#[derive(Debug)]
pub struct Stripe {
    served: Served,
    inner: Arc<Mutex<Inner>>,
}

impl Stripe {
    /// Starts it on a free port.
    pub async fn start() -> Result<Self> {
        let inner = Arc::new(Mutex::new(Inner::default()));
        let router = Router::new().route("/v1/checkout/sessions", post(open)).with_state(Arc::clone(&inner));
        Ok(Self { served: Served::start(router).await?, inner })
    }

    /// Where it is.
    pub fn base(&self) -> String {
        self.served.base()
    }

    /// The fields of the sessions that were made, in the order of their keys.
    pub fn sessions(&self) -> Vec<BTreeMap<String, String>> {
        lock(&self.inner).sessions.values().cloned().collect()
    }

    /// A webhook and its signature, at a moment in seconds.
    pub fn webhook(secret: &str, event: &Value, at: i64) -> (String, String) {
        let body = event.to_string();
        let signature = hex::encode(hmac(secret.as_bytes(), format!("{at}.{body}").as_bytes()));
        (body, format!("t={at},v1={signature}"))
    }

    /// The event of a paid session.
    pub fn paid(order: &str, payment: &str, amount: i64, currency: &str) -> Value {
        json!({"type": "checkout.session.completed", "data": {"object": {
            "id": format!("cs_{payment}"), "payment_intent": payment, "client_reference_id": order, "amount_total": amount,
            "currency": currency, "payment_status": "paid"}}})
    }
}

async fn open(State(inner): State<Arc<Mutex<Inner>>>, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    if text("authorization") != "Bearer sk_test" {
        return (StatusCode::UNAUTHORIZED, json!({"error": {"message": "no such key"}}).to_string());
    }
    let key = text("idempotency-key");
    if key.is_empty() {
        return (StatusCode::BAD_REQUEST, json!({"error": {"message": "no key"}}).to_string());
    }
    let mut inner = lock(&inner);
    inner.sessions.insert(key.clone(), form_fields(&body));
    (StatusCode::OK, json!({"id": "cs_1", "url": format!("https://checkout.example.com/{key}")}).to_string())
}

/// HMAC-SHA256 (RFC 2104), by hand so that a mistake of ours is not made twice.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    for (place, byte) in block.iter_mut().zip(key) {
        *place = *byte;
    }
    let pad = |with: u8| block.iter().map(|byte| byte ^ with).collect::<Vec<u8>>();
    let inner = Sha256::digest([pad(0x36).as_slice(), text].concat());
    Sha256::digest([pad(0x5c).as_slice(), inner.as_slice()].concat()).to_vec()
}
