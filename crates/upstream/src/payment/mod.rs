//! Payment systems: [`Fondy`] and [`Liqpay`] (specs/billing.md §11). They say what a provider said; the domain decides what it does.

mod fields;
mod fondy;
mod liqpay;

use std::sync::Arc;

use gatehouse_domain::payment::{ProviderHandle, Providers};
use gatehouse_domain::settings::BillingSettings;
use gatehouse_model::Secret;

use crate::http::Http;

pub use fondy::Fondy;
pub use liqpay::Liqpay;

/// The providers that have credentials.
pub fn providers(settings: &BillingSettings) -> Providers {
    let http = Http::default();
    let fondy = Fondy::new(&settings.fondy, http.clone()).map(|fondy| Arc::new(fondy) as ProviderHandle);
    let liqpay = Liqpay::new(&settings.liqpay, http).map(|liqpay| Arc::new(liqpay) as ProviderHandle);
    Providers::new(fondy.into_iter().chain(liqpay).collect())
}

/// A secret that is one: without it everybody could sign.
fn present(secret: Option<&Secret>) -> Option<Secret> {
    secret.filter(|secret| !secret.expose().is_empty()).cloned()
}
