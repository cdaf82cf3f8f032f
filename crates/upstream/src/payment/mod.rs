//! Payment systems: [`Fondy`] and [`Liqpay`] (specs/billing.md §11). They say what a provider said; the domain decides what it does.

mod epay;
mod fields;
mod fondy;
mod liqpay;
mod manual;
mod stripe;

use std::sync::Arc;

use gatehouse_domain::payment::{DriverHandle, ProviderHandle, Providers};
use gatehouse_domain::settings::BillingSettings;
use gatehouse_model::Secret;

use crate::http::Http;

pub use epay::EPay;
pub use fondy::Fondy;
pub use liqpay::Liqpay;
pub use manual::Manual;
pub use stripe::StripeCheckout;

/// The providers that have credentials, and the drivers that staff of the panel set up.
pub fn providers(settings: &BillingSettings) -> Providers {
    let http = Http::default();
    let fondy = Fondy::new(&settings.fondy, http.clone()).map(|fondy| Arc::new(fondy) as ProviderHandle);
    let liqpay = Liqpay::new(&settings.liqpay, http.clone()).map(|liqpay| Arc::new(liqpay) as ProviderHandle);
    let drivers: Vec<DriverHandle> = vec![Arc::new(Manual), Arc::new(EPay), Arc::new(StripeCheckout::new(http))];
    Providers::new(fondy.into_iter().chain(liqpay).collect()).with_drivers(drivers)
}

/// A secret that is one: without it everybody could sign.
fn present(secret: Option<&Secret>) -> Option<Secret> {
    secret.filter(|secret| !secret.expose().is_empty()).cloned()
}
