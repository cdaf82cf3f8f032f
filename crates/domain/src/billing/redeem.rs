//! Subscribers pay by scratch cards (specs/billing.md §5.10).

use std::time::Duration;

use gatehouse_model::{Money, Secret, StatementId};
use gatehouse_store::{
    Tx,
    scratch_card::{self as rows, ScratchCardRow},
    statement,
};

use super::{Outcome, Refusal, Who, card, renew, scope};
use crate::{
    Error,
    audit::{self, Object, Stream},
    ledger::{self, Author, Book, Event, Line, Shown, kind},
    push,
};

/// Wrong codes of an account in [`DAY`]; then no code is looked at.
const WRONG_CODES: i64 = 10;
const DAY: Duration = Duration::from_hours(24);

/// What a card brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redeemed {
    /// Its row of the statement.
    pub id: StatementId,
    /// What it was worth.
    pub amount: Money,
}

/// Adds what a card is worth to a subscriber's wallet, once. A code that is no unused card's is written down.
///
/// Shape: the code as printed, blanks and dashes count for nothing → row and sum, hundredths of `billing.pay.currency`. Errors: those
/// of [`scope::target`], for staff with `billing.card.manage`; `NotFound` for a wrong or used code; `TooMany` after ten of them in a
/// day. Source: specs/billing.md §5.10 `u_cards`.
pub async fn redeem(who: &Who, uid: Option<i64>, code: &Secret) -> Outcome<Redeemed> {
    let ctx = &who.ctx;
    let target = scope::target(&mut ctx.read(), who, uid, Some("billing.card.manage")).await?;
    let currency = &ctx.app.settings().billing.pay.currency;
    let mut tx = ctx.begin().await?;
    // Whoever guesses for the same account waits here, so that the eleventh knows of the tenth.
    ledger::wallet(ctx, &mut tx, target.account, currency).await?;
    let wrong = statement::count_after(&mut tx, target.account, kind::BAD_CARD, ctx.now().minus(DAY)).await?;
    if wrong >= WRONG_CODES {
        tx.commit().await?;
        return Err(Refusal::TooMany.into());
    }
    let card = match card::code(code) {
        Some(code) => card::find(&ctx.app, &mut tx, &code).await?,
        None => None,
    };
    let card = match card.filter(|card| card.currency == *currency && card.used_at.is_none()) {
        // Another account may have been faster.
        Some(card) if rows::redeem(&mut tx, card.id, target.account, ctx.now()).await? == 1 => card,
        _ => {
            let shown =
                Shown { kind: kind::BAD_CARD, at: None, reason: "", comment: "", reference: None, settles: None };
            ledger::note(ctx, &mut tx, Some(target.account), &who.author(), &shown).await?;
            tx.commit().await?;
            return Err(Refusal::NotFound.into());
        }
    };
    let id = credit(who, &mut tx, &target, &card).await?;
    tx.commit().await?;
    Ok(Redeemed { id, amount: card.amount })
}

async fn credit(who: &Who, tx: &mut Tx, target: &scope::Target, card: &ScratchCardRow) -> Outcome<StatementId> {
    let ctx = &who.ctx;
    let author: Author = who.author();
    let shown = Shown { kind: kind::CARD, at: None, reason: &card.series, comment: "", reference: None, settles: None };
    let lines =
        [Line::wallet(target.account, card.amount, shown), Line::house(Book::Clearing("cards"), card.amount.negated())];
    let key = format!("card:{}", card.id);
    let event = Event { key: &key, reason: "billing.card.redeem", author: &author, lines: &lines };
    let posted = ledger::post(ctx, tx, &card.currency, &event).await?;
    let id =
        posted.row().ok_or_else(|| Error::internal(format!("{key} is in the ledger, but the card is not used")))?;
    renew::resume(ctx, tx, target.account).await?;
    push::queue(ctx, tx, target.account, &push::Event::PaymentCredited { id, amount: card.amount }).await?;
    let detail =
        serde_json::json!({ "series": card.series, "amount": card.amount.to_decimal(), "row": id }).to_string();
    let uid = target.uid.to_string();
    let object = Object::new("subscriber", target.account.0, &uid);
    audit::record(tx, ctx, Stream::Change, "billing.card.redeem", object, "ok", Some(detail)).await?;
    Ok(id)
}
