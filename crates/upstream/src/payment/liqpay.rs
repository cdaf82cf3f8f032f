//! LiqPay, API version 3 (specs/billing.md §11.3).

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gatehouse_domain::payment::fee::Fee;
use gatehouse_domain::payment::provider::{Answering, Order, Reversal, Status, Trouble, Unverified};
use gatehouse_domain::payment::{Checkout, Notice, Provider, Report};
use gatehouse_domain::settings::LiqpaySettings;
use gatehouse_model::{Millis, Money, Secret};
use serde::Serialize;
use sha1::{Digest as _, Sha1};
use subtle::ConstantTimeEq as _;

use super::fields::{Fields, decimal};
use super::present;
use crate::http::{Http, form};

/// The version of the protocol.
const VERSION: u32 = 3;

/// LiqPay with the keys of one company.
#[derive(Debug, Clone)]
pub struct Liqpay(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: LiqpaySettings,
    public_key: String,
    private_key: Secret,
    http: Http,
}

/// A form to pay with; the order of its keys is that of the vectors.
#[derive(Serialize)]
struct Pay<'a> {
    version: u32,
    public_key: &'a str,
    action: &'a str,
    amount: String,
    currency: &'a str,
    description: &'a str,
    order_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_url: Option<&'a str>,
    expired_date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sandbox: Option<&'a str>,
}

impl Liqpay {
    /// None without both keys.
    pub(super) fn new(settings: &LiqpaySettings, http: Http) -> Option<Self> {
        let private_key = present(settings.private_key.as_ref())?;
        let public_key = settings.public_key.clone().filter(|key| !key.is_empty())?;
        Some(Self(Arc::new(Inner { settings: settings.clone(), public_key, private_key, http })))
    }
}

impl Inner {
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.settings.base.trim_end_matches('/'))
    }

    fn pay(&self, order: &Order) -> Result<Checkout, Trouble> {
        let text = serde_json::to_string(&Pay {
            version: VERSION,
            public_key: &self.public_key,
            action: "pay",
            amount: order.payable.to_decimal(),
            currency: &order.currency,
            description: &order.description,
            order_id: &order.reference,
            server_url: self.settings.callback_url.as_deref(),
            expired_date: utc(order.expires_at),
            sandbox: self.settings.test.then_some("1"),
        });
        let data = STANDARD.encode(text.map_err(|error| Trouble::Refused(error.to_string()))?);
        let signature = signature(&self.private_key, &data);
        Ok(Checkout::Form { url: self.url("/api/3/checkout"), data, signature })
    }

    /// Asks something and gives the fields of the answer, which has no signature: the connection vouches for it.
    async fn ask(&self, request: serde_json::Value) -> Result<Fields, Trouble> {
        let data = STANDARD.encode(request.to_string());
        let body = form(&[("data", &data), ("signature", &signature(&self.private_key, &data))]);
        let url = self.url("/api/request");
        let reply = self.http.post(&url, "application/x-www-form-urlencoded", None, body).await;
        let reply = reply.map_err(Trouble::Unreachable)?;
        let fields = Fields::of_json(&reply.body)
            .ok_or_else(|| Trouble::Unreachable(format!("status {} without an answer in JSON", reply.status)))?;
        if fields.get("result") != Some("error") {
            return Ok(fields);
        }
        match fields.get("err_code").or(fields.get("code")) {
            Some("payment_not_found" | "order_not_found") => Err(Trouble::UnknownOrder),
            code => {
                let (code, message) = (code.unwrap_or("-"), fields.get("err_description").unwrap_or("-"));
                Err(Trouble::Refused(format!("{code} {message}")))
            }
        }
    }

    async fn status(&self, order: String) -> Result<Report, Trouble> {
        let asked = serde_json::json!({
            "action": "status", "version": VERSION, "public_key": self.public_key, "order_id": order,
        });
        let fields = self.ask(asked).await?;
        if fields.get("order_id").is_some_and(|told| told != order) {
            return Err(Trouble::Unreachable("an answer about another order".to_owned()));
        }
        // Answers need not repeat whom they are for.
        let public_key = fields.get("public_key").unwrap_or(&self.public_key).to_owned();
        let fields = fields.with("order_id", &order).with("public_key", &public_key);
        self.report(&fields).ok_or_else(|| Trouble::Unreachable("an answer without a status".to_owned()))
    }

    async fn reverse(&self, order: String, amount: Money) -> Result<Reversal, Trouble> {
        let asked = serde_json::json!({
            "action": "refund", "version": VERSION, "public_key": self.public_key, "order_id": order,
            "amount": amount.to_decimal(),
        });
        let fields = self.ask(asked).await?;
        match fields.get("status") {
            Some("reversed") => Ok(Reversal::Done),
            Some("failure" | "error") | None => Err(Trouble::Refused("the refund failed".to_owned())),
            Some(_) => Ok(Reversal::Pending),
        }
    }

    fn verify(&self, notice: &Notice) -> Result<Report, Unverified> {
        let ranges = &self.settings.allowed_ranges;
        if !ranges.is_empty()
            && !notice.address.is_some_and(|address| ranges.iter().any(|range| range.contains(address)))
        {
            return Err(Unverified::Address);
        }
        let fields = Fields::of_form(&notice.body).ok_or(Unverified::Malformed)?;
        // A plus sign that was not encoded arrives as a blank; base64 has none.
        let part = |name: &str| fields.get(name).map(|text| text.replace(' ', "+"));
        let (data, given) = part("data").zip(part("signature")).ok_or(Unverified::Malformed)?;
        let expected = signature(&self.private_key, &data);
        if !bool::from(expected.as_bytes().ct_eq(given.as_bytes())) {
            return Err(Unverified::Signature);
        }
        // Signed with its line breaks, if it has any.
        let packed: String = data.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
        let json = STANDARD.decode(packed).map_err(|_| Unverified::Malformed)?;
        let fields = Fields::of_json(&json).ok_or(Unverified::Malformed)?;
        self.report(&fields).ok_or(Unverified::Malformed)
    }

    fn report(&self, fields: &Fields) -> Option<Report> {
        let word = fields.get("status")?;
        let sum = |name| match fields.get(name) {
            None => Some(None),
            Some(text) => decimal(text).map(Some),
        };
        let (amount, refunded) = (sum("amount")?, sum("refund_amount")?.unwrap_or_default());
        let order = fields.get("order_id")?;
        let status = match word {
            "success" | "wait_compensation" => Status::Paid,
            "sandbox" if self.settings.test => Status::Paid,
            "sandbox" => {
                tracing::warn!(
                    event = "upstream.liqpay.sandbox",
                    order,
                    "a sandbox payment; set billing.liqpay.test to take them"
                );
                Status::Failed
            }
            "failure" | "error" => Status::Failed,
            "reversed" => Status::Reversed,
            _ => Status::Waiting,
        };
        let reversed = match status {
            Status::Reversed if refunded == Money::ZERO => amount?,
            Status::Reversed | Status::Paid => refunded,
            Status::Waiting | Status::Failed => Money::ZERO,
        };
        Some(Report {
            merchant: fields.get("public_key").unwrap_or_default().to_owned(),
            order: order.to_owned(),
            payment: fields.get("payment_id").map(str::to_owned),
            status,
            word: word.to_owned(),
            amount,
            currency: fields.get("currency").map(str::to_owned),
            reversed,
            way: fields.get("paytype").unwrap_or_default().to_owned(),
        })
    }
}

/// base64 of SHA-1 over key, data as they are sent, key.
fn signature(key: &Secret, data: &str) -> String {
    let mut hash = Sha1::new();
    for part in [key.expose(), data, key.expose()] {
        hash.update(part);
    }
    STANDARD.encode(hash.finalize())
}

/// `YYYY-MM-DD HH:MM:SS`
fn utc(at: Millis) -> String {
    let time = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

impl Provider for Liqpay {
    fn channel(&self) -> &'static str {
        "liqpay"
    }

    fn merchant(&self) -> &str {
        &self.0.public_key
    }

    fn fee(&self) -> Fee {
        Fee { percent: self.0.settings.percent, fixed: self.0.settings.fixed }
    }

    fn order_prefix(&self) -> &str {
        &self.0.settings.order_prefix
    }

    /// Nobody is asked: the payer's browser brings the form.
    fn start(&self, order: Order) -> Answering<Checkout> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.pay(&order) })
    }

    fn verify(&self, notice: &Notice) -> Result<Report, Unverified> {
        self.0.verify(notice)
    }

    fn status(&self, order: String) -> Answering<Report> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.status(order).await })
    }

    fn reverse(&self, order: String, amount: Money, _currency: String, _comment: String) -> Answering<Reversal> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.reverse(order, amount).await })
    }
}

#[cfg(test)]
mod tests;
