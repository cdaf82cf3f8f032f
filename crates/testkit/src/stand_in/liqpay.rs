//! A stand-in of LiqPay: checkout, status, refund, signed callbacks.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use anyhow::{Context as _, Result, ensure};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{StatusCode, Uri},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use gatehouse_domain::settings::LiqpaySettings;
use gatehouse_model::Secret;
use serde_json::{Map, Value, json};
use sha1::{Digest as _, Sha1};

use super::{Served, form_body, form_fields, lock};

/// An order as LiqPay knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiqpayOrder {
    /// Kopecks.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// `success`, `failure`, `reversed`, `sandbox`, `processing` …
    pub status: String,
    /// Kopecks given back in all.
    pub refunded: i64,
    /// Its number there.
    pub payment: u64,
}

#[derive(Debug)]
struct Inner {
    public_key: String,
    private_key: String,
    orders: BTreeMap<String, LiqpayOrder>,
    is_down: bool,
}

/// LiqPay with one company, until dropped.
#[derive(Debug)]
pub struct Liqpay {
    served: Served,
    inner: Arc<Mutex<Inner>>,
}

impl Liqpay {
    /// Starts it on a free port.
    pub async fn start(public_key: &str, private_key: &str) -> Result<Self> {
        let inner = Arc::new(Mutex::new(Inner {
            public_key: public_key.to_owned(),
            private_key: private_key.to_owned(),
            orders: BTreeMap::new(),
            is_down: false,
        }));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        Ok(Self { served: Served::start(router).await?, inner })
    }

    /// Where it is.
    pub fn base(&self) -> String {
        self.served.base()
    }

    /// Settings of a company of it.
    pub fn settings(&self) -> LiqpaySettings {
        let inner = lock(&self.inner);
        LiqpaySettings {
            base: self.base(),
            public_key: Some(inner.public_key.clone()),
            private_key: Some(Secret::new(inner.private_key.clone())),
            ..LiqpaySettings::default()
        }
    }

    /// An outage, or its end.
    pub fn set_down(&self, is_down: bool) {
        lock(&self.inner).is_down = is_down;
    }

    /// What a payer's browser posts to the checkout; gives the order's number.
    pub fn checkout(&self, data: &str, signature: &str) -> Result<String> {
        lock(&self.inner).checkout(data, signature)
    }

    /// An order.
    pub fn order(&self, id: &str) -> Option<LiqpayOrder> {
        lock(&self.inner).orders.get(id).cloned()
    }

    /// Moves an order to a status.
    pub fn set_status(&self, id: &str, status: &str) -> Result<()> {
        let mut inner = lock(&self.inner);
        status.clone_into(&mut inner.orders.get_mut(id).context("no such order")?.status);
        Ok(())
    }

    /// Gives money back, without our asking: so much in all.
    pub fn take_back(&self, id: &str, refunded: i64) -> Result<()> {
        let mut inner = lock(&self.inner);
        let order = inner.orders.get_mut(id).context("no such order")?;
        order.refunded = refunded;
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
        let data = STANDARD.encode(Value::from(fields).to_string());
        Ok(form_body(&[("data", &data), ("signature", &inner.sign(&data))]))
    }
}

impl Inner {
    fn sign(&self, data: &str) -> String {
        STANDARD.encode(Sha1::digest(format!("{0}{data}{0}", self.private_key)))
    }

    /// The request inside `data`, if its signature is right.
    fn open(&self, data: &str, signature: &str) -> Result<Map<String, Value>> {
        ensure!(self.sign(data) == signature, "the signature is wrong");
        let request: Value = serde_json::from_slice(&STANDARD.decode(data)?)?;
        let request = request.as_object().cloned().context("no object")?;
        let key = request.get("public_key").and_then(Value::as_str);
        ensure!(key == Some(&self.public_key), "the public key is wrong");
        Ok(request)
    }

    fn checkout(&mut self, data: &str, signature: &str) -> Result<String> {
        let request = self.open(data, signature)?;
        let text = |name: &str| request.get(name).and_then(Value::as_str).with_context(|| format!("{name} is no text"));
        ensure!(text("action")? == "pay", "another action");
        let order = LiqpayOrder {
            amount: kopecks(text("amount")?).context("no amount")?,
            currency: text("currency")?.to_owned(),
            status: "processing".to_owned(),
            refunded: 0,
            payment: 165_629 + self.orders.len() as u64,
        };
        let id = text("order_id")?.to_owned();
        self.orders.entry(id.clone()).or_insert(order);
        Ok(id)
    }

    fn report(&self, id: &str) -> Option<Map<String, Value>> {
        let order = self.orders.get(id)?;
        let mut fields = json!({
            "action": "pay", "payment_id": order.payment, "status": order.status, "version": 3, "paytype": "card",
            "public_key": self.public_key, "order_id": id, "amount": hryvnias(order.amount), "currency": order.currency,
            "transaction_id": order.payment,
        });
        if order.refunded > 0 {
            fields.as_object_mut()?.insert("refund_amount".to_owned(), hryvnias(order.refunded));
        }
        fields.as_object().cloned()
    }

    fn work(&mut self, request: &Map<String, Value>) -> Value {
        let text = |name: &str| request.get(name).and_then(Value::as_str).unwrap_or_default();
        let id = text("order_id");
        let unknown = json!({ "result": "error", "status": "error", "err_code": "payment_not_found" });
        match text("action") {
            "status" => match self.report(id) {
                Some(mut fields) => {
                    fields.insert("result".to_owned(), "ok".into());
                    fields.into()
                }
                None => unknown,
            },
            "refund" => {
                let Some(order) = self.orders.get_mut(id) else { return unknown };
                let amount = kopecks(text("amount")).unwrap_or(i64::MAX / 2);
                if order.refunded + amount > order.amount {
                    return json!({ "result": "error", "status": "error", "err_code": "err_amount" });
                }
                order.refunded += amount;
                "reversed".clone_into(&mut order.status);
                json!({ "result": "ok", "status": "reversed", "payment_id": order.payment })
            }
            _ => json!({ "result": "error", "status": "error", "err_code": "err_action" }),
        }
    }
}

/// `103.00`
fn kopecks(text: &str) -> Option<i64> {
    let (whole, cents) = text.split_once('.')?;
    let sum: i64 = format!("{whole}{cents}").parse().ok()?;
    (cents.len() == 2).then_some(sum)
}

/// A JSON number with one or two decimals, as the provider writes it: `103.0`.
fn hryvnias(kopecks: i64) -> Value {
    let text = format!("{}.{:02}", kopecks / 100, kopecks % 100);
    let text = text.strip_suffix('0').unwrap_or(&text);
    serde_json::from_str(text).unwrap_or_default()
}

async fn answer(State(inner): State<Arc<Mutex<Inner>>>, uri: Uri, body: Bytes) -> (StatusCode, String) {
    let mut inner = lock(&inner);
    if inner.is_down {
        return (StatusCode::SERVICE_UNAVAILABLE, String::new());
    }
    let fields = form_fields(&body);
    let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let (data, signature) = (field("data"), field("signature"));
    if uri.path() == "/api/3/checkout" {
        return match inner.checkout(&data, &signature) {
            Ok(id) => (StatusCode::OK, id),
            Err(why) => (StatusCode::BAD_REQUEST, why.to_string()),
        };
    }
    let answer = match inner.open(&data, &signature) {
        Ok(request) if uri.path() == "/api/request" => inner.work(&request),
        _ => json!({ "result": "error", "status": "error", "err_code": "err_signature" }),
    };
    (StatusCode::OK, answer.to_string())
}
