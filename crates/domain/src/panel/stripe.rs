//! Public keys of card payments, which pages of users need (specs/panel.md §2.3).

use std::collections::BTreeMap;

use gatehouse_store::channel_key::{self as rows, ChannelConfigRow};

use super::refusal::{Outcome, Refusal};
use crate::{Ctx, Result, seal::Place};

const DRIVERS: (&str, &str) = ("StripeCheckout", "StripeCredit");

/// The public key of the first card payment that users may pay by.
pub async fn first_key(ctx: &Ctx) -> Result<Option<String>> {
    let rows = rows::list_enabled(&mut ctx.read(), DRIVERS).await?;
    rows.first().map_or(Ok(None), |row| read(ctx, row))
}

/// The public key of a payment. Errors: the rule "payment is not found" for one that is unknown, off or none of cards.
pub async fn key(ctx: &Ctx, id: Option<i64>) -> Outcome<String> {
    let rows = rows::list_enabled(&mut ctx.read(), DRIVERS).await?;
    let found = rows.iter().find(|row| Some(row.id) == id).map_or(Ok(None), |row| read(ctx, row))?;
    Ok(found.ok_or(Refusal::rule("payment is not found"))?)
}

fn read(ctx: &Ctx, row: &ChannelConfigRow) -> Result<Option<String>> {
    let place = Place { table: "payment_channel", column: "config", row: &row.seal_ref };
    let text = ctx.app.keys().open_text(place, &row.config_sealed)?;
    // Only this one leaves: the others are secrets.
    let fields: BTreeMap<String, serde_json::Value> = serde_json::from_str(text.expose()).unwrap_or_default();
    Ok(fields.get("stripe_pk_live").and_then(|key| key.as_str()).map(str::to_owned))
}
