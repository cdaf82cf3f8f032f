//! Stripe Checkout: a session to pay in, and signed webhooks (specs/panel.md §3.9 `StripeCheckout`).

use std::{collections::BTreeMap, sync::Arc};

use gatehouse_domain::payment::fee::Fee;
use gatehouse_domain::payment::provider::{Answering, Field, Order, Reversal, Status, Trouble, Unverified};
use gatehouse_domain::payment::{Checkout, Driver, Notice, Provider, ProviderHandle, Report};
use gatehouse_model::{Money, Secret};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::http::{Http, form};

/// How old or early a webhook may be, seconds.
const TOLERANCE: i64 = 300;

/// Currencies whose unit has no parts (ISO 4217, as Stripe counts them).
const WHOLE: &[&str] =
    &["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"];

/// Makes merchants.
#[derive(Debug, Clone)]
pub struct StripeCheckout(Http);

const FORM: &[Field] = &[
    Field {
        key: "stripe_sk_live",
        label: "SK_LIVE",
        description: "Secret key",
        is_secret: true,
        is_required: true,
        options: &[],
    },
    Field {
        key: "stripe_pk_live",
        label: "PK_LIVE",
        description: "Publishable key",
        is_secret: false,
        is_required: true,
        options: &[],
    },
    Field {
        key: "stripe_webhook_key",
        label: "WEBHOOK_KEY",
        description: "Secret of the webhook",
        is_secret: true,
        is_required: true,
        options: &[],
    },
    Field {
        key: "currency",
        label: "Currency",
        description: "ISO 4217 code the payer is charged in",
        is_secret: false,
        is_required: true,
        options: &[],
    },
    Field {
        key: "rate",
        label: "Rate",
        description: "Units of that currency for one of the panel's, where they differ",
        is_secret: false,
        is_required: false,
        options: &[],
    },
    Field {
        key: "api_base",
        label: "API",
        description: "Address of the service, unless it is Stripe's own",
        is_secret: false,
        is_required: false,
        options: &[],
    },
];

impl StripeCheckout {
    /// Merchants that share a client.
    pub(crate) const fn new(http: Http) -> Self {
        Self(http)
    }
}

impl Driver for StripeCheckout {
    fn name(&self) -> &'static str {
        "StripeCheckout"
    }

    fn form(&self) -> &'static [Field] {
        FORM
    }

    fn open(&self, config: &BTreeMap<String, String>) -> Result<ProviderHandle, (&'static str, &'static str)> {
        let given = |key: &str| config.get(key).filter(|text| !text.is_empty()).cloned();
        let text = |key: &'static str| given(key).ok_or((key, "is needed"));
        let currency = text("currency")?.to_ascii_uppercase();
        if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(("currency", "an ISO 4217 code such as USD"));
        }
        let rate = match given("rate") {
            None => None,
            Some(text) => Some(millionths(&text).ok_or(("rate", "a number such as 0.14, at most six decimals"))?),
        };
        let base = given("api_base").unwrap_or_else(|| "https://api.stripe.com".to_owned());
        if !base.starts_with("https://") && !base.starts_with("http://") {
            return Err(("api_base", "an address such as https://api.stripe.com"));
        }
        Ok(Arc::new(Merchant(Arc::new(Inner {
            secret: Secret::new(text("stripe_sk_live")?),
            public: text("stripe_pk_live")?,
            webhook: Secret::new(text("stripe_webhook_key")?),
            currency,
            rate,
            base,
            http: self.0.clone(),
        }))))
    }
}

/// A decimal as millionths, more than nothing.
fn millionths(text: &str) -> Option<i64> {
    let (whole, fine) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |text: &str| !text.is_empty() && text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(fine) || fine.len() > 6 {
        return None;
    }
    let number = whole.parse::<i64>().ok()? * 1_000_000 + format!("{fine:0<6}").parse::<i64>().ok()?;
    (number > 0).then_some(number)
}

#[derive(Debug)]
struct Merchant(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    secret: Secret,
    public: String,
    webhook: Secret,
    currency: String,
    rate: Option<i64>,
    base: String,
    http: Http,
}

impl Inner {
    /// A sum of ours in the smallest unit of the currency charged. Errors: another currency without a rate.
    fn minor(&self, sum: Money, currency: &str) -> Result<i64, Trouble> {
        let sum = match self.rate {
            Some(rate) => sum.part(rate, 1_000_000),
            None if currency == self.currency => sum,
            None => return Err(Trouble::Refused(format!("{currency} is charged as {} without a rate", self.currency))),
        };
        Ok(if self.is_whole() { sum.part(1, 100).0 } else { sum.0 })
    }

    fn is_whole(&self) -> bool {
        WHOLE.contains(&self.currency.as_str())
    }

    async fn start(&self, order: Order) -> Result<Checkout, Trouble> {
        let missing = || Trouble::Refused("the site has no address: set app_url".to_owned());
        let back = order.return_url.ok_or_else(missing)?;
        let (amount, currency) =
            (self.minor(order.payable, &order.currency)?.to_string(), self.currency.to_ascii_lowercase());
        let body = form(&[
            ("mode", "payment"),
            ("line_items[0][quantity]", "1"),
            ("line_items[0][price_data][currency]", &currency),
            ("line_items[0][price_data][unit_amount]", &amount),
            ("line_items[0][price_data][product_data][name]", &order.reference),
            ("client_reference_id", &order.reference),
            ("success_url", &back),
            ("cancel_url", &back),
        ]);
        let url = format!("{}/v1/checkout/sessions", self.base.trim_end_matches('/'));
        let kind = "application/x-www-form-urlencoded";
        let reply = self.http.post_keyed(&url, kind, Some(self.secret.expose()), Some(&order.key), body).await;
        let reply = reply.map_err(Trouble::Unreachable)?;
        let answer: Value = serde_json::from_slice(&reply.body)
            .map_err(|_| Trouble::Unreachable(format!("status {} without an answer in JSON", reply.status)))?;
        match answer.get("url").and_then(Value::as_str) {
            Some(url) if reply.status == 200 => Ok(Checkout::Page(url.to_owned())),
            _ => {
                let why = answer.pointer("/error/message").and_then(Value::as_str).unwrap_or("no reason given");
                Err(Trouble::Refused(format!("status {}: {why}", reply.status)))
            }
        }
    }

    fn verify(&self, notice: &Notice) -> Result<Report, Unverified> {
        let header = notice.signature.as_deref().ok_or(Unverified::Malformed)?;
        let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
        let stamp = parts().find(|(name, _)| *name == "t").map(|(_, stamp)| stamp).ok_or(Unverified::Malformed)?;
        let at: i64 = stamp.parse().map_err(|_| Unverified::Malformed)?;
        if (notice.at.0.div_euclid(1_000)).saturating_sub(at).abs() > TOLERANCE {
            return Err(Unverified::Signature);
        }
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.webhook.expose().as_bytes()).map_err(|_| Unverified::Signature)?;
        mac.update(stamp.as_bytes());
        mac.update(b".");
        mac.update(&notice.body);
        let expected = hex::encode(mac.finalize().into_bytes());
        let is_right = |given: &str| bool::from(expected.as_bytes().ct_eq(given.as_bytes()));
        if !parts().any(|(name, given)| name == "v1" && is_right(given)) {
            return Err(Unverified::Signature);
        }
        let event: Value = serde_json::from_slice(&notice.body).map_err(|_| Unverified::Malformed)?;
        self.report(&event).ok_or(Unverified::Malformed)
    }

    fn report(&self, event: &Value) -> Option<Report> {
        let word = event.get("type")?.as_str()?;
        let session = event.pointer("/data/object")?;
        let text = |name: &str| session.get(name).and_then(Value::as_str);
        let is_paid = match word {
            "checkout.session.completed" => text("payment_status") == Some("paid"),
            "checkout.session.async_payment_succeeded" => true,
            _ => false,
        };
        let minor = session.get("amount_total").and_then(Value::as_i64);
        let amount = minor.map(|minor| Money(if self.is_whole() { minor.saturating_mul(100) } else { minor }));
        Some(Report {
            merchant: self.public.clone(),
            order: text("client_reference_id").unwrap_or_default().to_owned(),
            payment: text("payment_intent").or(text("id")).map(str::to_owned),
            status: if is_paid { Status::Paid } else { Status::Waiting },
            word: word.to_owned(),
            amount,
            currency: text("currency").map(str::to_ascii_uppercase),
            reversed: Money::ZERO,
            way: String::new(),
        })
    }
}

impl Provider for Merchant {
    fn channel(&self) -> &'static str {
        "StripeCheckout"
    }

    fn merchant(&self) -> &str {
        &self.0.public
    }

    fn fee(&self) -> Fee {
        Fee::default()
    }

    fn order_prefix(&self) -> &'static str {
        ""
    }

    /// What it will report as the sum of an order of ours.
    fn charged(&self, sum: Money, currency: &str) -> Option<(Money, String)> {
        let minor = self.0.minor(sum, currency).ok()?;
        let sum = Money(if self.0.is_whole() { minor.saturating_mul(100) } else { minor });
        Some((sum, self.0.currency.clone()))
    }

    fn start(&self, order: Order) -> Answering<Checkout> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.start(order).await })
    }

    fn verify(&self, notice: &Notice) -> Result<Report, Unverified> {
        self.0.verify(notice)
    }

    fn status(&self, _: String) -> Answering<Report> {
        Box::pin(async { Err(Trouble::Refused("sessions report by themselves".to_owned())) })
    }

    fn reverse(&self, _: String, _: Money, _: String, _: String) -> Answering<Reversal> {
        Box::pin(async { Err(Trouble::Refused("give it back at Stripe".to_owned())) })
    }
}

#[cfg(test)]
mod tests {
    use gatehouse_model::Millis;

    use super::*;

    fn merchant(currency: &str, rate: Option<i64>) -> Inner {
        Inner {
            secret: Secret::new("sk"),
            public: "pk".to_owned(),
            webhook: Secret::new("whsec"),
            currency: currency.to_owned(),
            rate,
            base: String::new(),
            http: Http::default(),
        }
    }

    fn signed(body: &str, at: i64, key: &str) -> Notice {
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
        mac.update(format!("{at}.{body}").as_bytes());
        let signature = Some(format!("t={at},v0=x,v1={}", hex::encode(mac.finalize().into_bytes())));
        Notice { address: None, body: body.as_bytes().to_vec(), query: String::new(), signature, at: Millis(1_000_000) }
    }

    const PAID: &str = r#"{"type":"checkout.session.completed","data":{"object":{"id":"cs_1","payment_intent":"pi_1",
        "client_reference_id":"T1","amount_total":1000,"currency":"usd","payment_status":"paid"}}}"#;

    #[test]
    fn a_webhook_counts_only_signed_and_in_time() {
        let merchant = merchant("USD", None);
        let report = merchant.verify(&signed(PAID, 1_000, "whsec")).unwrap();
        assert_eq!((report.status, report.order.as_str(), report.amount), (Status::Paid, "T1", Some(Money(1_000))));
        assert_eq!((report.payment.as_deref(), report.currency.as_deref()), (Some("pi_1"), Some("USD")));
        assert_eq!(merchant.verify(&signed(PAID, 1_000, "other")), Err(Unverified::Signature));
        assert_eq!(merchant.verify(&signed(PAID, 699, "whsec")), Err(Unverified::Signature));
        assert!(merchant.verify(&signed(PAID, 1_300, "whsec")).is_ok());
        assert_eq!(merchant.verify(&signed(PAID, 1_301, "whsec")), Err(Unverified::Signature));
        let mut altered = signed(PAID, 1_000, "whsec");
        altered.body.push(b' ');
        assert_eq!(merchant.verify(&altered), Err(Unverified::Signature));
        let bare = Notice { signature: None, ..signed(PAID, 1_000, "whsec") };
        assert_eq!(merchant.verify(&bare), Err(Unverified::Malformed));
    }

    #[test]
    fn other_events_have_no_effect() {
        let merchant = merchant("USD", None);
        for body in [PAID.replace("\"paid\"", "\"unpaid\""), PAID.replace("completed", "expired")] {
            assert_eq!(merchant.verify(&signed(&body, 1_000, "whsec")).unwrap().status, Status::Waiting);
        }
        let later = PAID.replace("completed", "async_payment_succeeded").replace("\"paid\"", "\"unpaid\"");
        assert_eq!(merchant.verify(&signed(&later, 1_000, "whsec")).unwrap().status, Status::Paid);
    }

    #[test]
    fn sums_are_in_the_currencys_own_unit() {
        assert_eq!(merchant("USD", None).minor(Money(1_234), "USD"), Ok(1_234));
        assert!(merchant("USD", None).minor(Money(1_234), "CNY").is_err());
        assert_eq!(merchant("JPY", Some(20_000_000)).minor(Money(1_000), "CNY"), Ok(200));
        assert_eq!(millionths("0.14"), Some(140_000));
        assert_eq!(["", "0", "-1", "1.1234567", "1e3", "."].map(millionths), [None; 6]);
    }
}
