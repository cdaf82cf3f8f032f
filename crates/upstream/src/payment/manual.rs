//! Payment by hand: staff confirm what came to their account (specs/panel.md §3.9 `Manual`).

use std::{collections::BTreeMap, sync::Arc};

use gatehouse_domain::payment::fee::Fee;
use gatehouse_domain::payment::provider::{Answering, Field, Order, Reversal, Trouble, Unverified};
use gatehouse_domain::payment::{Checkout, Driver, Notice, Provider, ProviderHandle, Report};
use gatehouse_model::Money;

/// Makes providers that nobody reports for.
#[derive(Debug, Clone, Copy)]
pub struct Manual;

const fn field(key: &'static str, label: &'static str, description: &'static str, is_required: bool) -> Field {
    Field { key, label, description, is_secret: false, is_required, options: &[] }
}

const FORM: &[Field] = &[
    field("instructions", "Instructions", "What the payer reads", true),
    field("url", "URL", "Page with the account to pay to", false),
    field("qr", "QR text", "Text of a picture to pay by", false),
    field("expire_hours", "Hours", "How long an order waits for its payment, 72 unless given", false),
];

impl Driver for Manual {
    fn name(&self) -> &'static str {
        "Manual"
    }

    fn form(&self) -> &'static [Field] {
        FORM
    }

    fn open(&self, config: &BTreeMap<String, String>) -> Result<ProviderHandle, (&'static str, &'static str)> {
        let text = |key: &str| config.get(key).filter(|text| !text.is_empty()).cloned();
        let hours = text("expire_hours").unwrap_or_else(|| "72".to_owned());
        if !hours.parse::<u32>().is_ok_and(|hours| (1..=8_760).contains(&hours)) {
            return Err(("expire_hours", "1 to 8760"));
        }
        if text("url").is_some_and(|url| !url.starts_with("https://") && !url.starts_with("http://")) {
            return Err(("url", "an address such as https://example.com"));
        }
        Ok(Arc::new(ByHand { url: text("url"), qr: text("qr") }))
    }
}

/// What staff wrote of their account.
#[derive(Debug)]
struct ByHand {
    url: Option<String>,
    qr: Option<String>,
}

impl Provider for ByHand {
    fn channel(&self) -> &'static str {
        "Manual"
    }

    fn merchant(&self) -> &'static str {
        ""
    }

    fn fee(&self) -> Fee {
        Fee::default()
    }

    fn order_prefix(&self) -> &'static str {
        ""
    }

    fn start(&self, order: Order) -> Answering<Checkout> {
        let page = || self.url.clone().or(order.return_url).map(Checkout::Page);
        let checkout = self.qr.clone().map(Checkout::Qr).or_else(page);
        let checkout = checkout.ok_or_else(|| Trouble::Refused("it has neither page nor picture".to_owned()));
        Box::pin(async move { checkout })
    }

    /// Nobody reports.
    fn verify(&self, _: &Notice) -> Result<Report, Unverified> {
        Err(Unverified::Malformed)
    }

    fn status(&self, _: String) -> Answering<Report> {
        Box::pin(async { Err(Trouble::UnknownOrder) })
    }

    fn reverse(&self, _: String, _: Money, _: String, _: String) -> Answering<Reversal> {
        Box::pin(async { Err(Trouble::Refused("what was paid by hand is given back by hand".to_owned())) })
    }
}
