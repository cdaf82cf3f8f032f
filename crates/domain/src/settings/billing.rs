//! What the billing surface, its money and its payment systems read (specs/billing.md §15).

use std::{path::PathBuf, time::Duration};

use gatehouse_model::{ByteSize, Money, Secret, Span};
use serde::{Deserialize, Deserializer, de};

/// How numbers are written (specs/billing.md §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Numbers {
    /// What stood in a column is a text.
    String,
    /// Numbers.
    Native,
}

/// Where the data of an answer stand (specs/billing.md §1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Envelope {
    /// At the root and inside `result`.
    Both,
    /// At the root.
    Root,
    /// Inside `result`.
    Nested,
}

/// Language of texts for subscribers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Language {
    /// Russian.
    Ru,
    /// Ukrainian.
    Ua,
    /// English.
    En,
}

/// Whether an order at Fondy waits for a page to pay on (specs/billing.md §11.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Checkout {
    /// Without one the call fails.
    Required,
    /// Without one the answer lacks it.
    Optional,
    /// Nobody is asked for one: apps pay through the provider's own library.
    Off,
}

/// What a blocked subscriber gets of the radius door (specs/billing.md §14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Denied {
    /// Access-Reject.
    Reject,
    /// The denied set of the NAS: an address list or pool that leads to a page.
    WalledGarden,
}

fn money<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
    let text = <std::borrow::Cow<'de, str> as Deserialize>::deserialize(deserializer)?;
    text.parse().map_err(de::Error::custom)
}

fn optional_money<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Money>, D::Error> {
    money(deserializer).map(Some)
}

/// Hundredths of a percent, from a text such as `"2.75"`.
fn percent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    money(deserializer).map(|hundredths| hundredths.0)
}

/// `[billing]` without the keys every surface has.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BillingSettings {
    /// Zone of calendar periods and times shown; from `billing.time_zone`, else Europe/Kyiv.
    #[serde(skip)]
    pub time_zone: String,
    /// How the API looks.
    pub api: BillingApi,
    /// Sessions.
    pub session: BillingSession,
    /// Messages.
    pub message: BillingMessage,
    /// Temporary payments.
    pub credit: BillingCredit,
    /// Renewals.
    pub renew: BillingRenew,
    /// Rows of these kinds are real payments.
    pub real_payment_categories: Vec<i64>,
    /// Whether a service stopped for lack of money goes on by itself when there is some.
    pub resume_on_payment: bool,
    /// Orders at payment systems.
    pub pay: BillingPay,
    /// Fondy.
    pub fondy: FondySettings,
    /// `LiqPay`.
    pub liqpay: LiqpaySettings,
    /// Money that subscribers send each other.
    pub transfer: BillingTransfer,
    /// Push messages.
    pub push: PushSettings,
    /// The radius door.
    pub radius: BillingRadius,
}

impl Default for BillingSettings {
    fn default() -> Self {
        Self {
            time_zone: "Europe/Kyiv".to_owned(),
            api: BillingApi::default(),
            session: BillingSession::default(),
            message: BillingMessage::default(),
            credit: BillingCredit::default(),
            renew: BillingRenew::default(),
            real_payment_categories: vec![1, 20, 99, 30],
            resume_on_payment: true,
            pay: BillingPay::default(),
            fondy: FondySettings::default(),
            liqpay: LiqpaySettings::default(),
            transfer: BillingTransfer::default(),
            push: PushSettings::default(),
            radius: BillingRadius::default(),
        }
    }
}

/// `[billing.api]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BillingApi {
    /// How numbers are written.
    pub numbers: Numbers,
    /// Where data stand.
    pub envelope: Envelope,
    /// Language of whoever names none.
    pub language: Language,
    /// What `version` answers; none: the product's.
    pub version: Option<String>,
    /// Sign of the currency.
    pub currency_sign: String,
    /// Rows in `pays` of `u_main`.
    pub pays_limit: u32,
    /// Origins of other sites whose pages may change things.
    pub allowed_origins: Vec<String>,
    /// Largest request body.
    pub body_limit: ByteSize,
}

impl Default for BillingApi {
    fn default() -> Self {
        Self {
            numbers: Numbers::String,
            envelope: Envelope::Both,
            language: Language::Ru,
            version: None,
            currency_sign: "грн".to_owned(),
            pays_limit: 50,
            allowed_origins: Vec::new(),
            body_limit: ByteSize(256 << 10),
        }
    }
}

/// `[billing.session]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BillingSession {
    /// From the last use to the end.
    pub ttl: Span,
}

impl Default for BillingSession {
    fn default() -> Self {
        Self { ttl: Span(Duration::from_hours(2)) }
    }
}

/// `[billing.message]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BillingMessage {
    /// Messages of a subscriber in 24 h that nobody has answered; 0: no limit.
    pub max_unanswered: u32,
    /// Characters.
    pub max_length: usize,
}

impl Default for BillingMessage {
    fn default() -> Self {
        Self { max_unanswered: 0, max_length: 1_500 }
    }
}

/// `[billing.credit]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BillingCredit {
    /// How long a temporary payment lasts, days.
    pub days: u32,
    /// The most that is given; none: no limit.
    #[serde(deserialize_with = "optional_money")]
    pub max: Option<Money>,
    /// Fee.
    #[serde(deserialize_with = "money")]
    pub fixed: Money,
    /// Fee, hundredths of a percent of the sum.
    #[serde(deserialize_with = "percent")]
    pub percent: i64,
    /// Days without a real payment after which none is given; 0: off.
    pub nopay_days: u32,
    /// The row that blocks a subscriber from taking one.
    pub block_category: i64,
}

impl Default for BillingCredit {
    fn default() -> Self {
        Self { days: 3, max: None, fixed: Money::ZERO, percent: 0, nopay_days: 0, block_category: 452 }
    }
}

/// `[billing.renew]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BillingRenew {
    /// How often due services are looked for.
    pub tick: Span,
    /// Rest of a subscription after a fault of ours.
    pub error_rest: Span,
}

impl Default for BillingRenew {
    fn default() -> Self {
        Self { tick: Span(Duration::from_secs(5)), error_rest: Span(Duration::from_mins(2)) }
    }
}

/// `[billing.pay]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BillingPay {
    /// ISO 4217: the currency of every subscriber's wallet.
    pub currency: String,
    /// Smallest order.
    #[serde(deserialize_with = "money")]
    pub min: Money,
    /// Largest order.
    #[serde(deserialize_with = "money")]
    pub max: Money,
    /// Unpaid orders of an account in 24 h.
    pub unpaid_per_day: u32,
    /// How long an order can be paid.
    pub lifetime: Span,
    /// Whether the fee is taken of the sum to pay instead of the ordered one.
    pub gross_up: bool,
    /// Age of an order whose provider is asked about it.
    pub poll_after: Span,
}

impl Default for BillingPay {
    fn default() -> Self {
        Self {
            currency: "UAH".to_owned(),
            min: Money(100),
            max: Money(5_000_000),
            unpaid_per_day: 20,
            lifetime: Span(Duration::from_hours(48)),
            gross_up: false,
            poll_after: Span(Duration::from_mins(10)),
        }
    }
}

/// `[billing.fondy]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FondySettings {
    /// Where the provider is.
    pub base: String,
    /// Merchant number; none: the provider is not used.
    pub merchant: Option<u64>,
    /// Merchant password.
    pub secret: Option<Secret>,
    /// Whether an order waits for a page to pay on.
    pub checkout: Checkout,
    /// Before our order numbers at the provider.
    pub order_prefix: String,
    /// Where the provider reports to: the public address of `/cgi-bin/fondy.pl`.
    pub callback_url: Option<String>,
    /// Fee, hundredths of a percent.
    #[serde(deserialize_with = "percent")]
    pub percent: i64,
    /// Fee.
    #[serde(deserialize_with = "money")]
    pub fixed: Money,
    /// Addresses the provider reports from; none: every one.
    pub allowed_ranges: Vec<gatehouse_model::IpRange>,
}

impl Default for FondySettings {
    fn default() -> Self {
        Self {
            base: "https://pay.fondy.eu".to_owned(),
            merchant: None,
            secret: None,
            checkout: Checkout::Required,
            order_prefix: String::new(),
            callback_url: None,
            percent: 0,
            fixed: Money::ZERO,
            allowed_ranges: Vec::new(),
        }
    }
}

/// `[billing.liqpay]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LiqpaySettings {
    /// Where the provider is.
    pub base: String,
    /// Public key; none: the provider is not used.
    pub public_key: Option<String>,
    /// Private key.
    pub private_key: Option<Secret>,
    /// Whether payments of the provider's sandbox count.
    pub test: bool,
    /// Before our order numbers at the provider.
    pub order_prefix: String,
    /// Where the provider reports to: the public address of `/cgi-bin/liqpay.pl`.
    pub callback_url: Option<String>,
    /// Fee, hundredths of a percent.
    #[serde(deserialize_with = "percent")]
    pub percent: i64,
    /// Fee.
    #[serde(deserialize_with = "money")]
    pub fixed: Money,
    /// Addresses the provider reports from; none: every one.
    pub allowed_ranges: Vec<gatehouse_model::IpRange>,
}

impl Default for LiqpaySettings {
    fn default() -> Self {
        Self {
            base: "https://www.liqpay.ua".to_owned(),
            public_key: None,
            private_key: None,
            test: false,
            order_prefix: String::new(),
            callback_url: None,
            percent: 0,
            fixed: Money::ZERO,
            allowed_ranges: Vec::new(),
        }
    }
}

/// `[billing.transfer]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BillingTransfer {
    /// Whether subscribers may send each other money.
    pub enabled: bool,
    /// Smallest sum.
    #[serde(deserialize_with = "money")]
    pub min: Money,
    /// Largest sum.
    #[serde(deserialize_with = "money")]
    pub max: Money,
    /// Fee of the sender, hundredths of a percent.
    #[serde(deserialize_with = "percent")]
    pub percent: i64,
    /// Fee of the sender.
    #[serde(deserialize_with = "money")]
    pub fixed: Money,
}

impl Default for BillingTransfer {
    fn default() -> Self {
        Self { enabled: false, min: Money(100), max: Money(100_000), percent: 0, fixed: Money::ZERO }
    }
}

/// `[billing.push]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PushSettings {
    /// Where messages are posted.
    pub endpoint: String,
    /// Where access tokens are had; none: as the credentials file says.
    pub token_endpoint: Option<String>,
    /// Project; none: as the credentials file says.
    pub project: Option<String>,
    /// Service account, JSON; none: nothing is sent.
    pub credentials_file: Option<PathBuf>,
}

impl Default for PushSettings {
    fn default() -> Self {
        Self {
            endpoint: "https://fcm.googleapis.com".to_owned(),
            token_endpoint: None,
            project: None,
            credentials_file: None,
        }
    }
}

/// `[billing.radius]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BillingRadius {
    /// What a blocked subscriber gets.
    pub denied: Denied,
}

impl Default for BillingRadius {
    fn default() -> Self {
        Self { denied: Denied::Reject }
    }
}
