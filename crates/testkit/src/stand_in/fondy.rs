//! A stand-in of Fondy: checkout, status, reversal, signed callbacks.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use anyhow::{Context as _, Result};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{StatusCode, Uri},
};
use gatehouse_domain::settings::{Checkout, FondySettings};
use gatehouse_model::Secret;
use serde_json::{Map, Value, json};
use sha1::{Digest as _, Sha1};

use super::{Served, lock};

/// An order as Fondy knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FondyOrder {
    /// Kopecks.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// `created`, `processing`, `approved`, `declined`, `expired`, `reversed`.
    pub status: String,
    /// Kopecks reversed in all.
    pub reversed: i64,
    /// Its number there.
    pub payment: u64,
    /// Where it reports to.
    pub callback: Option<String>,
}

#[derive(Debug)]
struct Inner {
    merchant: u64,
    secret: String,
    orders: BTreeMap<String, FondyOrder>,
    is_down: bool,
    loses_answers: bool,
    reversal: &'static str,
    requests: usize,
}

/// Fondy with one merchant, until dropped.
#[derive(Debug)]
pub struct Fondy {
    served: Served,
    inner: Arc<Mutex<Inner>>,
}

impl Fondy {
    /// Starts it on a free port.
    pub async fn start(merchant: u64, secret: &str) -> Result<Self> {
        let inner = Arc::new(Mutex::new(Inner {
            merchant,
            secret: secret.to_owned(),
            orders: BTreeMap::new(),
            is_down: false,
            loses_answers: false,
            reversal: "approved",
            requests: 0,
        }));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        Ok(Self { served: Served::start(router).await?, inner })
    }

    /// Where it is.
    pub fn base(&self) -> String {
        self.served.base()
    }

    /// Settings of a merchant of it.
    pub fn settings(&self) -> FondySettings {
        let inner = lock(&self.inner);
        FondySettings {
            base: self.base(),
            merchant: Some(inner.merchant),
            secret: Some(Secret::new(inner.secret.clone())),
            checkout: Checkout::Required,
            ..FondySettings::default()
        }
    }

    /// An outage, or its end: every request is answered with 503.
    pub fn set_down(&self, is_down: bool) {
        lock(&self.inner).is_down = is_down;
    }

    /// From now on requests are carried out, but their answers are lost.
    pub fn set_loses_answers(&self, loses: bool) {
        lock(&self.inner).loses_answers = loses;
    }

    /// What a reversal is answered with: `approved` (done), `created` (later), `declined`.
    pub fn set_reversal(&self, word: &'static str) {
        lock(&self.inner).reversal = word;
    }

    /// How many requests came.
    pub fn requests(&self) -> usize {
        lock(&self.inner).requests
    }

    /// An order.
    pub fn order(&self, id: &str) -> Option<FondyOrder> {
        lock(&self.inner).orders.get(id).cloned()
    }

    /// An order that an app makes through the provider's library.
    pub fn begin(&self, id: &str, amount: i64, currency: &str) {
        lock(&self.inner).open(id, amount, currency, None);
    }

    /// Moves an order to a status, as its payer or his bank does.
    pub fn set_status(&self, id: &str, status: &str) -> Result<()> {
        let mut inner = lock(&self.inner);
        status.clone_into(&mut inner.orders.get_mut(id).context("no such order")?.status);
        Ok(())
    }

    /// Reverses an order at the provider, without our asking: so much in all.
    pub fn take_back(&self, id: &str, reversed: i64) -> Result<()> {
        let mut inner = lock(&self.inner);
        let order = inner.orders.get_mut(id).context("no such order")?;
        order.reversed = reversed;
        "reversed".clone_into(&mut order.status);
        Ok(())
    }

    /// The callback about an order as it is now.
    pub fn notice(&self, id: &str) -> Result<Vec<u8>> {
        self.notice_with(id, |_| {})
    }

    /// The same with other fields, signed.
    pub fn notice_with(&self, id: &str, change: impl FnOnce(&mut Map<String, Value>)) -> Result<Vec<u8>> {
        let inner = lock(&self.inner);
        let mut fields = inner.report(id).context("no such order")?;
        change(&mut fields);
        let signature = inner.sign(&fields);
        fields.insert("signature".to_owned(), signature.into());
        Ok(Value::from(fields).to_string().into_bytes())
    }
}

impl Inner {
    fn sign(&self, fields: &Map<String, Value>) -> String {
        // serde_json's map is sorted by name.
        let text = |value: &Value| match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let named = fields.iter().filter(|(name, _)| *name != "signature" && *name != "response_signature_string");
        let values = named.map(|(_, value)| text(value)).filter(|value| !value.is_empty());
        let hashed: Vec<String> = [self.secret.clone()].into_iter().chain(values).collect();
        hex::encode(Sha1::digest(hashed.join("|")))
    }

    fn open(&mut self, id: &str, amount: i64, currency: &str, callback: Option<String>) -> u64 {
        let payment = 805_243_692 + self.orders.len() as u64;
        let order = FondyOrder {
            amount,
            currency: currency.to_owned(),
            status: "created".to_owned(),
            reversed: 0,
            payment,
            callback,
        };
        self.orders.entry(id.to_owned()).or_insert(order).payment
    }

    fn report(&self, id: &str) -> Option<Map<String, Value>> {
        let order = self.orders.get(id)?;
        let is_paid = matches!(order.status.as_str(), "approved" | "reversed");
        let fields = json!({
            "order_id": id, "merchant_id": self.merchant, "amount": order.amount.to_string(), "currency": order.currency,
            "order_status": order.status, "response_status": "success", "tran_type": "purchase",
            "payment_id": order.payment, "masked_card": "444455XXXXXX1111", "payment_system": "card",
            "actual_amount": if is_paid { order.amount.to_string() } else { String::new() },
            "actual_currency": order.currency, "reversal_amount": order.reversed.to_string(), "fee": "",
        });
        fields.as_object().cloned()
    }

    fn work(&mut self, path: &str, request: &Map<String, Value>) -> Value {
        let text = |name: &str| request.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let id = text("order_id");
        let failure = |code: u32, message: &str| json!({ "response_status": "failure", "error_code": code, "error_message": message });
        if request.get("signature").and_then(Value::as_str) != Some(self.sign(request).as_str()) {
            return failure(1_014, "Invalid signature");
        }
        if request.get("merchant_id").and_then(Value::as_u64) != Some(self.merchant) {
            return failure(1_011, "Parameter `merchant_id` is incorrect");
        }
        let amount = request.get("amount").and_then(Value::as_i64);
        match (path, amount) {
            ("/api/checkout/url/", Some(amount)) => {
                let callback = text("server_callback_url");
                let payment = self.open(&id, amount, &text("currency"), Some(callback).filter(|url| !url.is_empty()));
                json!({
                    "response_status": "success", "payment_id": payment.to_string(),
                    "checkout_url": format!("https://pay.example/checkout/{payment}"),
                })
            }
            ("/api/status/order_id/", _) => match self.report(&id) {
                Some(mut fields) => {
                    let signature = self.sign(&fields);
                    fields.insert("signature".to_owned(), signature.into());
                    fields.into()
                }
                None => failure(1_018, "Order not found"),
            },
            ("/api/reverse/order_id/", Some(amount)) => {
                let word = self.reversal;
                let Some(order) = self.orders.get_mut(&id) else { return failure(1_018, "Order not found") };
                if order.reversed + amount > order.amount {
                    return failure(1_025, "Reversal amount is too large");
                }
                if word == "approved" {
                    order.reversed += amount;
                    "reversed".clone_into(&mut order.status);
                }
                json!({ "response_status": "success", "reverse_status": word, "order_id": id })
            }
            _ => failure(1_001, "Request is incorrect"),
        }
    }
}

async fn answer(State(inner): State<Arc<Mutex<Inner>>>, uri: Uri, body: Bytes) -> (StatusCode, String) {
    let mut inner = lock(&inner);
    inner.requests += 1;
    if inner.is_down {
        return (StatusCode::SERVICE_UNAVAILABLE, String::new());
    }
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let answer = match request.get("request").and_then(Value::as_object) {
        Some(request) => inner.work(uri.path(), request),
        None => json!({ "response_status": "failure", "error_code": 1_001, "error_message": "Request is incorrect" }),
    };
    if inner.loses_answers {
        return (StatusCode::BAD_GATEWAY, String::new());
    }
    (StatusCode::OK, json!({ "response": answer }).to_string())
}
