//! Fondy, and Flitt, which speaks the same (specs/billing.md §11.2).

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gatehouse_domain::payment::fee::Fee;
use gatehouse_domain::payment::provider::{Answering, Order, Reversal, Status, Trouble, Unverified};
use gatehouse_domain::payment::{Checkout, Notice, Provider, Report};
use gatehouse_domain::settings::{Checkout as Asking, FondySettings};
use gatehouse_model::{Money, Secret};
use serde_json::{Map, Value};
use sha1::{Digest as _, Sha1};
use subtle::ConstantTimeEq as _;

use super::fields::{Fields, hundredths};
use super::present;
use crate::http::Http;

/// The version of the protocol that we speak; of notices others are understood, too.
const VERSION: &str = "1.0.1";
/// The provider's number for an order it does not know.
const UNKNOWN_ORDER: &str = "1018";

/// Fondy with the credentials of one merchant.
#[derive(Debug, Clone)]
pub struct Fondy(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: FondySettings,
    merchant: String,
    secret: Secret,
    http: Http,
}

impl Fondy {
    /// None without merchant and secret.
    pub(super) fn new(settings: &FondySettings, http: Http) -> Option<Self> {
        let secret = present(settings.secret.as_ref())?;
        let merchant = settings.merchant?.to_string();
        Some(Self(Arc::new(Inner { settings: settings.clone(), merchant, secret, http })))
    }
}

impl Inner {
    /// Asks something and gives the fields of the answer. Numbers are sent as such where the protocol wants them so.
    async fn ask(&self, path: &str, request: Fields) -> Result<Fields, Trouble> {
        let request = request.with("merchant_id", &self.merchant).with("version", VERSION);
        let signature = signature(&self.secret, &request);
        let number = |name: &str| matches!(name, "amount" | "merchant_id" | "lifetime");
        let value = |name: &str, text: &str| match text.parse::<u64>() {
            Ok(whole) if number(name) => Value::from(whole),
            _ => Value::from(text),
        };
        let mut object: Map<String, Value> =
            request.iter().map(|(name, text)| (name.to_owned(), value(name, text))).collect();
        object.insert("signature".to_owned(), Value::from(signature));
        let body = serde_json::json!({ "request": object }).to_string().into_bytes();
        let url = format!("{}{path}", self.settings.base.trim_end_matches('/'));
        let reply = self.http.post(&url, "application/json", None, body).await.map_err(Trouble::Unreachable)?;
        let fields = Fields::inside_json(&reply.body, "response")
            .ok_or_else(|| Trouble::Unreachable(format!("status {} without an answer in JSON", reply.status)))?;
        match (fields.get("response_status"), fields.get("error_code")) {
            (Some("success"), _) => Ok(fields),
            (_, Some(UNKNOWN_ORDER)) => Err(Trouble::UnknownOrder),
            (_, code) => {
                let (code, message) = (code.unwrap_or("-"), fields.get("error_message").unwrap_or("-"));
                Err(Trouble::Refused(format!("{code} {message}")))
            }
        }
    }

    async fn start(&self, order: Order) -> Result<Checkout, Trouble> {
        if self.settings.checkout == Asking::Off {
            return Ok(Checkout::Direct);
        }
        let callback = self.settings.callback_url.as_deref().unwrap_or_default();
        let request = Fields::default()
            .with("order_id", &order.reference)
            .with("order_desc", &order.description)
            .with_number("amount", order.payable.0)
            .with("currency", &order.currency)
            .with("lifetime", &order.lifetime.as_secs().max(1).to_string())
            .with("server_callback_url", callback);
        let page = match self.ask("/api/checkout/url/", request).await {
            Ok(fields) => fields.get("checkout_url").map(str::to_owned),
            Err(trouble) if self.settings.checkout == Asking::Optional => {
                tracing::info!(event = "upstream.fondy.no_page", order = order.reference, "{trouble}");
                return Ok(Checkout::Direct);
            }
            Err(trouble) => return Err(trouble),
        };
        page.map(Checkout::Page).ok_or_else(|| Trouble::Refused("an answer without a page to pay on".to_owned()))
    }

    async fn status(&self, order: String) -> Result<Report, Trouble> {
        let fields = self.ask("/api/status/order_id/", Fields::default().with("order_id", &order)).await?;
        if !is_signed(&self.secret, &fields) {
            return Err(Trouble::Unreachable(
                "an answer with a wrong signature; is billing.fondy.secret right?".to_owned(),
            ));
        }
        report(&fields).ok_or_else(|| Trouble::Unreachable("an answer that lacks order or status".to_owned()))
    }

    async fn reverse(
        &self,
        order: String,
        amount: Money,
        currency: String,
        comment: String,
    ) -> Result<Reversal, Trouble> {
        let request = Fields::default()
            .with("order_id", &order)
            .with_number("amount", amount.0)
            .with("currency", &currency)
            .with("comment", &comment);
        let fields = self.ask("/api/reverse/order_id/", request).await?;
        match fields.get("reverse_status").or(fields.get("revers_status")) {
            Some("approved") => Ok(Reversal::Done),
            Some("created" | "processing") => Ok(Reversal::Pending),
            other => Err(Trouble::Refused(format!("the reversal is {}", other.unwrap_or("without a status")))),
        }
    }

    fn verify(&self, notice: &Notice) -> Result<Report, Unverified> {
        let ranges = &self.settings.allowed_ranges;
        if !ranges.is_empty()
            && !notice.address.is_some_and(|address| ranges.iter().any(|range| range.contains(address)))
        {
            return Err(Unverified::Address);
        }
        let fields = Fields::of(&notice.body).ok_or(Unverified::Malformed)?;
        let fields = match (fields.get("version"), fields.get("data")) {
            (Some(version), Some(data)) if version.starts_with("2.") => self.open(data, fields.get("signature"))?,
            _ if is_signed(&self.secret, &fields) => fields,
            _ => return Err(Unverified::Signature),
        };
        report(&fields).ok_or(Unverified::Malformed)
    }

    /// What a notice of version 2 holds.
    fn open(&self, data: &str, signature: Option<&str>) -> Result<Fields, Unverified> {
        let expected = hex::encode(Sha1::digest(format!("{}|{data}", self.secret.expose())));
        if !is_same(&expected, signature) {
            return Err(Unverified::Signature);
        }
        let json = STANDARD.decode(data).map_err(|_| Unverified::Malformed)?;
        Fields::inside_json(&json, "order").ok_or(Unverified::Malformed)
    }
}

/// SHA-1 over secret and values, by name; what is empty does not count.
fn signature(secret: &Secret, fields: &Fields) -> String {
    let mut hash = Sha1::new();
    hash.update(secret.expose());
    for (_, value) in fields.iter().filter(|(name, _)| !matches!(*name, "signature" | "response_signature_string")) {
        hash.update("|");
        hash.update(value);
    }
    hex::encode(hash.finalize())
}

fn is_signed(secret: &Secret, fields: &Fields) -> bool {
    is_same(&signature(secret, fields), fields.get("signature"))
}

fn is_same(expected: &str, given: Option<&str>) -> bool {
    given.is_some_and(|given| bool::from(expected.as_bytes().ct_eq(given.as_bytes())))
}

/// `response_status` says only that a request was valid, so it does not count.
fn report(fields: &Fields) -> Option<Report> {
    let word = fields.get("order_status")?;
    let sum = |name| match fields.get(name) {
        None => Some(None),
        Some(text) => hundredths(text).map(Some),
    };
    let (amount, reversed) = (sum("amount")?, sum("reversal_amount")?.unwrap_or_default());
    let status = match word {
        // The word about a reversal, not about a payment.
        "approved" if fields.get("tran_type") == Some("reverse") && reversed == Money::ZERO => Status::Waiting,
        "approved" => Status::Paid,
        "declined" | "expired" => Status::Failed,
        "reversed" => Status::Reversed,
        _ => Status::Waiting,
    };
    let reversed = match status {
        Status::Reversed if reversed == Money::ZERO => amount?,
        Status::Reversed | Status::Paid => reversed,
        Status::Waiting | Status::Failed => Money::ZERO,
    };
    Some(Report {
        merchant: fields.get("merchant_id").unwrap_or_default().to_owned(),
        order: fields.get("order_id")?.to_owned(),
        payment: fields.get("payment_id").filter(|id| *id != "0").map(str::to_owned),
        status,
        word: word.to_owned(),
        amount,
        currency: fields.get("currency").map(str::to_owned),
        reversed,
        way: fields.get("payment_system").unwrap_or_default().to_owned(),
    })
}

impl Provider for Fondy {
    fn channel(&self) -> &'static str {
        "fondy"
    }

    fn merchant(&self) -> &str {
        &self.0.merchant
    }

    fn fee(&self) -> Fee {
        Fee { percent: self.0.settings.percent, fixed: self.0.settings.fixed }
    }

    fn order_prefix(&self) -> &str {
        &self.0.settings.order_prefix
    }

    fn start(&self, order: Order) -> Answering<Checkout> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.start(order).await })
    }

    fn verify(&self, notice: &Notice) -> Result<Report, Unverified> {
        self.0.verify(notice)
    }

    fn status(&self, order: String) -> Answering<Report> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.status(order).await })
    }

    fn reverse(&self, order: String, amount: Money, currency: String, comment: String) -> Answering<Reversal> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.reverse(order, amount, currency, comment).await })
    }
}

#[cfg(test)]
mod tests;
