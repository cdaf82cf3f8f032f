//! Payment systems as the domain sees them (specs/billing.md §11, specs/panel.md §3.9). The driver says what the provider said; the
//! domain decides what that does.

use std::{collections::BTreeMap, future::Future, net::IpAddr, pin::Pin, sync::Arc, time::Duration};

use gatehouse_model::{Millis, Money};

use super::fee::Fee;

/// An order as its provider knows it.
#[derive(Debug, Clone)]
pub struct Order {
    /// Its name at the provider.
    pub reference: String,
    /// The sum to pay.
    pub payable: Money,
    /// ISO 4217.
    pub currency: String,
    /// What the payer reads.
    pub description: String,
    /// Until when it can be paid.
    pub expires_at: Millis,
    /// How long that is from now.
    pub lifetime: Duration,
    /// Where the provider reports to; none: where its account says.
    pub notify_url: Option<String>,
    /// Where the payer's browser goes afterwards.
    pub return_url: Option<String>,
    /// What makes telling it twice the same, for providers that know such keys.
    pub key: String,
}

/// How the payer goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checkout {
    /// Through the provider's own library: number and sum are all it needs.
    Direct,
    /// On this page.
    Page(String),
    /// By taking a picture of this text.
    Qr(String),
    /// By posting this form.
    Form {
        /// Where to.
        url: String,
        /// What, base64.
        data: String,
        /// Its signature.
        signature: String,
    },
}

/// What came to the address of a provider's notices, untouched.
#[derive(Debug, Clone, Default)]
pub struct Notice {
    /// From where.
    pub address: Option<IpAddr>,
    /// The body.
    pub body: Vec<u8>,
    /// The query.
    pub query: String,
    /// The header that signs the body, where the provider sends one.
    pub signature: Option<String>,
    /// When it came.
    pub at: Millis,
}

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Nothing final.
    Waiting,
    /// It was paid.
    Paid,
    /// It was not paid; the payer may try again.
    Failed,
    /// It was paid and the payment reversed, in whole or in part.
    Reversed,
}

/// What a provider says of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whose order it is: merchant number, public key.
    pub merchant: String,
    /// The order's name at the provider.
    pub order: String,
    /// The provider's name of the payment.
    pub payment: Option<String>,
    /// What became of it.
    pub status: Status,
    /// The same in the provider's word.
    pub word: String,
    /// The sum to pay, where the provider names it.
    pub amount: Option<Money>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// What was reversed of it in all.
    pub reversed: Money,
    /// How it was paid, such as `card`.
    pub way: String,
}

/// Why nobody can tell whether a notice is the provider's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unverified {
    /// It is no notice.
    Malformed,
    /// The signature is not the provider's.
    Signature,
    /// The provider does not report from there.
    Address,
}

impl Unverified {
    /// For logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Signature => "bad_signature",
            Self::Address => "foreign_address",
        }
    }
}

/// Why a provider did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// It was not reached, or answered nonsense.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// It said no.
    #[error("refused: {0}")]
    Refused(String),
    /// It knows no such order: nobody has begun to pay it.
    #[error("knows no such order")]
    UnknownOrder,
}

/// What came of asking for a reversal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reversal {
    /// It was done.
    Done,
    /// It will be done; the provider reports it.
    Pending,
}

/// What a driver gives, boxed because [`Provider`] is a trait object.
pub type Answering<T> = Pin<Box<dyn Future<Output = Result<T, Trouble>> + Send>>;

/// A payment system with the credentials of one merchant. Every call ends within 20 s.
pub trait Provider: Send + Sync + std::fmt::Debug {
    /// Its name in orders, ledger and routes: `fondy`.
    fn channel(&self) -> &str;

    /// Who we are to it.
    fn merchant(&self) -> &str;

    /// What it costs.
    fn fee(&self) -> Fee;

    /// What stands before our order numbers.
    fn order_prefix(&self) -> &str;

    /// What it reports as the sum of an order of ours, where it charges in another currency; none: it cannot charge that.
    fn charged(&self, sum: Money, currency: &str) -> Option<(Money, String)> {
        Some((sum, currency.to_owned()))
    }

    /// Makes an order known to it, if it must know, and tells how the payer goes on. May be repeated.
    fn start(&self, order: Order) -> Answering<Checkout>;

    /// Reads a notice whose origin is certain.
    fn verify(&self, notice: &Notice) -> Result<Report, Unverified>;

    /// Asks what became of an order.
    fn status(&self, order: String) -> Answering<Report>;

    /// Asks to give back that much of what was paid.
    fn reverse(&self, order: String, amount: Money, currency: String, comment: String) -> Answering<Reversal>;
}

/// A field of what a driver must know of a merchant.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its key.
    pub key: &'static str,
    /// What staff read.
    pub label: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// Whether it is shown masked only.
    pub is_secret: bool,
    /// Whether the driver is of no use without it.
    pub is_required: bool,
    /// What it may be; empty: any text.
    pub options: &'static [&'static str],
}

/// A kind of payment system that staff set up while the server runs (specs/panel.md §3.9).
pub trait Driver: Send + Sync + std::fmt::Debug {
    /// Its name: `EPay`.
    fn name(&self) -> &'static str;

    /// What it must know.
    fn form(&self) -> &'static [Field];

    /// The provider with what staff gave, by key. Errors: the key that is wrong, and the rule.
    fn open(&self, config: &BTreeMap<String, String>) -> Result<ProviderHandle, (&'static str, &'static str)>;
}

/// A driver of this process.
pub type DriverHandle = Arc<dyn Driver>;

/// A provider of this process.
pub type ProviderHandle = Arc<dyn Provider>;

/// The providers of this process: those that have credentials.
#[derive(Debug, Clone, Default)]
pub struct Providers {
    list: Vec<ProviderHandle>,
    drivers: Vec<DriverHandle>,
}

impl Providers {
    /// Of these, each channel once.
    pub fn new(list: Vec<ProviderHandle>) -> Self {
        Self { list, drivers: Vec::new() }
    }

    /// With these drivers, each name once.
    #[must_use]
    pub fn with_drivers(mut self, drivers: Vec<DriverHandle>) -> Self {
        self.drivers = drivers;
        self
    }

    /// The driver of a name.
    pub fn driver(&self, name: &str) -> Option<&DriverHandle> {
        self.drivers.iter().find(|driver| driver.name() == name)
    }

    /// All drivers.
    pub fn drivers(&self) -> impl Iterator<Item = &DriverHandle> {
        self.drivers.iter()
    }

    /// The provider of a channel.
    pub fn find(&self, channel: &str) -> Option<&ProviderHandle> {
        self.list.iter().find(|provider| provider.channel() == channel)
    }

    /// All.
    pub fn iter(&self) -> impl Iterator<Item = &ProviderHandle> {
        self.list.iter()
    }
}
