//! Scratch cards: a code that is worth money once (specs/billing.md §5.10). The state file makes them.

use gatehouse_model::{Money, Secret};
use gatehouse_store::{Query, Tx, scratch_card as rows, scratch_card::ScratchCardRow};

use crate::{
    App, Ctx, Error, Result,
    audit::{self, Object},
    proxy::manage::Change,
};

/// What the keyed hash of a code is for.
const PURPOSE: &str = "scratch_card.code";
/// Shortest code, characters without blanks and dashes: anything shorter is guessed.
const SHORTEST: usize = 8;
const LONGEST: usize = 64;

/// A code as it counts: blanks and dashes, which people put in between, are nothing. None: it is none.
pub fn code(text: &Secret) -> Option<Secret> {
    let code: String = text.expose().chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    let is_code = (SHORTEST..=LONGEST).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_code.then(|| Secret::new(code.to_uppercase()))
}

/// Finds the card of a code, under whichever key of the ring its hash was made.
pub async fn find(app: &App, q: &mut impl Query, code: &Secret) -> Result<Option<ScratchCardRow>> {
    for hash in app.keys().hashes(PURPOSE, code.expose()) {
        if let Some(row) = rows::find(q, &hash).await? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// Makes a card, or brings one that was not used to this worth. Errors: `Invalid`; `Locked` for one that was used for another worth.
pub(crate) async fn ensure(ctx: &Ctx, tx: &mut Tx, text: &Secret, series: &str, amount: Money) -> Result<Change> {
    let wrong = || Error::invalid("code", format!("{SHORTEST} to {LONGEST} letters and digits"));
    let code = code(text).ok_or_else(wrong)?;
    if amount <= Money::ZERO {
        return Err(Error::invalid("amount", "more than nothing"));
    }
    let currency = ctx.app.settings().billing.pay.currency.as_str();
    let change = match find(&ctx.app, tx, &code).await? {
        None => {
            let hash = ctx.app.keys().hash(PURPOSE, code.expose());
            rows::insert(tx, &hash, series, (amount, currency), ctx.now()).await?;
            Change::Created
        }
        Some(card) if (card.series.as_str(), card.amount, card.currency.as_str()) == (series, amount, currency) => {
            return Ok(Change::Unchanged);
        }
        Some(card) => {
            if rows::update(tx, card.id, series, (amount, currency)).await? == 0 {
                return Err(Error::Locked { what: "amount", why: "the card was used" });
            }
            Change::Updated
        }
    };
    audit::changed(tx, ctx, "billing.card.make", Object::new("scratch_card", None, series)).await?;
    Ok(change)
}

/// Deletes a card. Errors: `Locked` for one that was used.
pub(crate) async fn remove(ctx: &Ctx, tx: &mut Tx, text: &Secret) -> Result<Change> {
    let Some(code) = code(text) else { return Ok(Change::Unchanged) };
    let Some(card) = find(&ctx.app, tx, &code).await? else { return Ok(Change::Unchanged) };
    if rows::delete(tx, card.id).await? == 0 {
        return Err(Error::Locked { what: "state", why: "the card was used" });
    }
    audit::changed(tx, ctx, "billing.card.delete", Object::new("scratch_card", card.id, &card.series)).await?;
    Ok(Change::Removed)
}
