//! The payment gateways of the `EPay` kind: a page to go to, and a notice signed with MD5 (specs/panel.md §3.9 `EPay`).

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use gatehouse_domain::payment::fee::Fee;
use gatehouse_domain::payment::provider::{Answering, Field, Order, Reversal, Status, Trouble, Unverified};
use gatehouse_domain::payment::{Checkout, Driver, Notice, Provider, ProviderHandle, Report};
use gatehouse_model::{Money, Secret};
use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq as _;

use super::fields::{Fields, decimal};
use crate::http::form;

/// Makes gateways.
#[derive(Debug, Clone, Copy)]
pub struct EPay;

const WAYS: &[&str] = &["", "alipay", "wxpay", "qqpay"];

const FORM: &[Field] = &[
    Field {
        key: "url",
        label: "URL",
        description: "Address of the gateway",
        is_secret: false,
        is_required: true,
        options: &[],
    },
    Field {
        key: "pid",
        label: "PID",
        description: "Number of the merchant",
        is_secret: false,
        is_required: true,
        options: &[],
    },
    Field {
        key: "key",
        label: "KEY",
        description: "Secret of the merchant",
        is_secret: true,
        is_required: true,
        options: &[],
    },
    Field {
        key: "type",
        label: "TYPE",
        description: "How to pay; unset: the payer chooses",
        is_secret: false,
        is_required: false,
        options: WAYS,
    },
];

impl Driver for EPay {
    fn name(&self) -> &'static str {
        "EPay"
    }

    fn form(&self) -> &'static [Field] {
        FORM
    }

    fn open(&self, config: &BTreeMap<String, String>) -> Result<ProviderHandle, (&'static str, &'static str)> {
        let text =
            |key: &'static str| config.get(key).filter(|text| !text.is_empty()).cloned().ok_or((key, "is needed"));
        let url = text("url")?;
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return Err(("url", "an address such as https://example.com"));
        }
        let pid = text("pid")?;
        if !pid.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(("pid", "letters and digits"));
        }
        let way = config.get("type").cloned().unwrap_or_default();
        if !WAYS.contains(&way.as_str()) {
            return Err(("type", "alipay, wxpay, qqpay or nothing"));
        }
        Ok(Arc::new(Gateway { url, pid, key: Secret::new(text("key")?), way }))
    }
}

/// A gateway with the key of one merchant.
#[derive(Debug)]
struct Gateway {
    url: String,
    pid: String,
    key: Secret,
    way: String,
}

impl Gateway {
    fn page(&self, order: &Order) -> Result<Checkout, Trouble> {
        let missing = || Trouble::Refused("the site has no address: set app_url".to_owned());
        let mut pairs: BTreeMap<&str, String> = BTreeMap::new();
        pairs.insert("pid", self.pid.clone());
        pairs.insert("out_trade_no", order.reference.clone());
        pairs.insert("name", order.reference.clone());
        pairs.insert("money", order.payable.to_decimal());
        pairs.insert("notify_url", order.notify_url.clone().ok_or_else(missing)?);
        pairs.insert("return_url", order.return_url.clone().ok_or_else(missing)?);
        if !self.way.is_empty() {
            pairs.insert("type", self.way.clone());
        }
        let sign = signature(pairs.iter().map(|(name, value)| (*name, value.as_str())), &self.key);
        pairs.insert("sign", sign);
        pairs.insert("sign_type", "MD5".to_owned());
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let query = String::from_utf8_lossy(&form(&pairs)).into_owned();
        Ok(Checkout::Page(format!("{}/submit.php?{query}", self.url.trim_end_matches('/'))))
    }

    fn verify(&self, notice: &Notice) -> Result<Report, Unverified> {
        let sent = if notice.body.trim_ascii().is_empty() { notice.query.as_bytes() } else { &notice.body };
        let fields = Fields::of_form(sent).ok_or(Unverified::Malformed)?;
        let given = fields.get("sign").ok_or(Unverified::Malformed)?.to_ascii_lowercase();
        let is_signed = |name: &str| !matches!(name, "sign" | "sign_type");
        let filled = signature(fields.iter().filter(|(name, _)| is_signed(name)), &self.key);
        let whole = signature(fields.all().filter(|(name, _)| is_signed(name)), &self.key);
        let is_right = filled.as_bytes().ct_eq(given.as_bytes()) | whole.as_bytes().ct_eq(given.as_bytes());
        if !bool::from(is_right) {
            return Err(Unverified::Signature);
        }
        // An address of ours that is played back has neither of the two.
        let word = fields.get("trade_status").ok_or(Unverified::Malformed)?;
        let payment = fields.get("trade_no").ok_or(Unverified::Malformed)?;
        Ok(Report {
            merchant: fields.get("pid").unwrap_or_default().to_owned(),
            order: fields.get("out_trade_no").ok_or(Unverified::Malformed)?.to_owned(),
            payment: Some(payment.to_owned()),
            status: if word == "TRADE_SUCCESS" { Status::Paid } else { Status::Waiting },
            word: word.to_owned(),
            amount: Some(fields.get("money").and_then(decimal).ok_or(Unverified::Malformed)?),
            currency: None,
            reversed: Money::ZERO,
            way: fields.get("type").unwrap_or_default().to_owned(),
        })
    }
}

/// MD5 over `name=value` in the order of names, joined by `&`, the key behind it; lower-case hex. The caller leaves out what is not
/// signed.
fn signature<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>, key: &Secret) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        let joint = if text.is_empty() { "" } else { "&" };
        // Writing into a String cannot fail.
        let _ = write!(text, "{joint}{name}={value}");
    }
    text.push_str(key.expose());
    hex::encode(Md5::digest(text.as_bytes()))
}

impl Provider for Gateway {
    fn channel(&self) -> &'static str {
        "EPay"
    }

    fn merchant(&self) -> &str {
        &self.pid
    }

    fn fee(&self) -> Fee {
        Fee::default()
    }

    fn order_prefix(&self) -> &'static str {
        ""
    }

    /// Nobody is asked: the payer's browser brings the signed address.
    fn start(&self, order: Order) -> Answering<Checkout> {
        let page = self.page(&order);
        Box::pin(async move { page })
    }

    fn verify(&self, notice: &Notice) -> Result<Report, Unverified> {
        Self::verify(self, notice)
    }

    fn status(&self, _: String) -> Answering<Report> {
        Box::pin(async { Err(Trouble::Refused("this kind of gateway cannot be asked".to_owned())) })
    }

    fn reverse(&self, _: String, _: Money, _: String, _: String) -> Answering<Reversal> {
        Box::pin(async { Err(Trouble::Refused("this kind of gateway gives nothing back".to_owned())) })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gatehouse_model::Millis;

    use super::*;

    fn gateway() -> Gateway {
        Gateway {
            url: "https://gateway.example.com/".to_owned(),
            pid: "1001".to_owned(),
            key: Secret::new("testkey"),
            way: "alipay".to_owned(),
        }
    }

    fn order() -> Order {
        Order {
            reference: "20260102030405000001".to_owned(),
            payable: Money(1_000),
            currency: "CNY".to_owned(),
            description: String::new(),
            expires_at: Millis(0),
            lifetime: Duration::ZERO,
            notify_url: Some("https://pay.example.com/n".to_owned()),
            return_url: Some("https://example.com/r".to_owned()),
            key: String::new(),
        }
    }

    fn by_query(query: &str) -> Notice {
        Notice { address: None, body: Vec::new(), query: query.to_owned(), signature: None, at: Millis(0) }
    }

    /// specs/panel.md §3.9.
    #[test]
    fn the_vector_of_the_specification() {
        let Ok(Checkout::Page(url)) = gateway().page(&order()) else { panic!("no page") };
        assert!(url.starts_with("https://gateway.example.com/submit.php?"), "{url}");
        assert!(url.contains("sign=145df34cb823ad258b1585a37fa13c5b"), "{url}");
    }

    fn signed(pairs: &[(&str, &str)]) -> String {
        let sorted: BTreeMap<&str, &str> = pairs.iter().copied().collect();
        let sign = signature(
            sorted.iter().filter(|(_, value)| !value.is_empty()).map(|(n, v)| (*n, *v)),
            &Secret::new("testkey"),
        );
        let mut pairs = pairs.to_vec();
        pairs.extend([("sign", sign.as_str()), ("sign_type", "MD5")]);
        String::from_utf8(form(&pairs)).unwrap()
    }

    const PAID: [(&str, &str); 7] = [
        ("pid", "1001"),
        ("trade_no", "2026010222001"),
        ("out_trade_no", "20260102030405000001"),
        ("type", "alipay"),
        ("name", "20260102030405000001"),
        ("money", "10.00"),
        ("trade_status", "TRADE_SUCCESS"),
    ];

    #[test]
    fn a_notice_is_read_from_query_and_body() {
        let query = signed(&PAID);
        let report = gateway().verify(&by_query(&query)).unwrap();
        assert_eq!(
            (report.status, report.amount, report.payment.as_deref()),
            (Status::Paid, Some(Money(1_000)), Some("2026010222001"))
        );
        let by_body = Notice { body: query.into_bytes(), ..by_query("") };
        assert_eq!(gateway().verify(&by_body).unwrap(), report);
    }

    #[test]
    fn what_was_not_signed_so_is_refused() {
        let query = signed(&PAID);
        for (from, to) in [
            ("money=10%2E00", "money=1%2E00"),
            ("pid=1001", "pid=1002"),
            ("sign=", "sign=0"),
            ("TRADE%5FSUCCESS", "TRADE_CLOSED"),
        ] {
            let altered = query.replace(from, to);
            assert_ne!(altered, query, "{from}");
            assert_eq!(gateway().verify(&by_query(&altered)), Err(Unverified::Signature), "{from}");
        }
        assert_eq!(gateway().verify(&by_query("")), Err(Unverified::Malformed));
        let Ok(Checkout::Page(url)) = gateway().page(&order()) else { panic!("no page") };
        let replayed = url.split_once('?').unwrap().1;
        assert_eq!(gateway().verify(&by_query(replayed)), Err(Unverified::Malformed), "our own address is no notice");
    }

    #[test]
    fn empty_values_may_be_signed_or_not() {
        let mut pairs = PAID.to_vec();
        pairs.push(("param", ""));
        assert_eq!(gateway().verify(&by_query(&signed(&pairs))).unwrap().status, Status::Paid);
        let sorted: BTreeMap<&str, &str> = pairs.iter().copied().collect();
        let sign = signature(sorted.iter().map(|(name, value)| (*name, *value)), &Secret::new("testkey"));
        pairs.extend([("sign", sign.as_str()), ("sign_type", "MD5")]);
        let query = String::from_utf8(form(&pairs)).unwrap();
        assert_eq!(gateway().verify(&by_query(&query)).unwrap().status, Status::Paid);
    }

    #[test]
    fn a_merchant_without_key_is_none() {
        let config = |key: &str| {
            let pairs = [("url", "https://x.example"), ("pid", "1"), ("key", key)];
            pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect::<BTreeMap<_, _>>()
        };
        assert_eq!(EPay.open(&config("")).unwrap_err().0, "key");
        assert!(EPay.open(&config("k")).is_ok());
    }
}
