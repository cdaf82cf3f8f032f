//! What staff do (specs/panel.md §4).

mod config;
pub(crate) mod coupon;
pub(crate) mod gift;
pub(crate) mod knowledge;
pub(crate) mod list;
pub(crate) mod node;
pub(crate) mod notice;
pub(crate) mod order;
pub(crate) mod payment;
pub(crate) mod plan;
pub(crate) mod stat;
pub(crate) mod system;
pub(crate) mod ticket;
pub(crate) mod user;

use crate::endpoint::{Endpoint, For, endpoint};

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(Get "v2/{sp}/config/fetch", For::Staff("panel.config"), config::fetch),
    endpoint!(Post "v2/{sp}/config/save", For::Staff("panel.config"), config::save),
];

/// Hundredths as a number.
pub(crate) fn decimal(hundredths: i64) -> serde_json::Value {
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    serde_json::from_str(text.trim_end_matches('0').trim_end_matches('.')).unwrap_or_default()
}
