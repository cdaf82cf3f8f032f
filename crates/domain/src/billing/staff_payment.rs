//! What staff do with money: cash, bonuses and temporary payments given, payments taken back (specs/billing.md §5.10).

use std::time::Duration;

use gatehouse_model::{AccountId, Millis, Money, StatementId};
use gatehouse_store::{
    Tx, ledger as entries,
    statement::{self, StatementRow},
    subscriber,
};

use super::{Outcome, Refusal, Role, Who, credit, renew, scope};
use crate::{
    Ctx, Error, Result,
    audit::{self, Object, Stream},
    ledger::{self, Author, Book, Event, Line, Posted, Shown, kind},
    payment, push,
};

/// Characters of a comment.
const COMMENT: usize = 512;
/// Longest temporary payment that staff give, days.
const MOST_DAYS: u32 = 366;
/// After this a row is old.
const DAY: Duration = Duration::from_hours(24);

/// What staff give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gift {
    /// Cash that was taken in: category 1.
    Cash,
    /// A bonus: category 2.
    Bonus,
    /// A temporary payment: category 3.
    Credit {
        /// For how long.
        days: u32,
    },
}

impl Gift {
    const fn code(self) -> &'static str {
        match self {
            Self::Cash => "billing.payment.cash",
            Self::Bonus => "billing.payment.bonus",
            Self::Credit { .. } => "billing.payment.credit",
        }
    }
}

/// Gives a subscriber money; gives the number of its row.
///
/// `key` makes it happen once: what was given under it before is given back as it is; none: it is new. Temporary payments have
/// neither key nor comment: their rows say what they are.
///
/// Shape: his number, what, how much, a comment → a row. Units: hundredths of `billing.pay.currency`. Errors: `Forbidden` for
/// subscribers, those of [`scope::target`] for `billing.payment.cash`, `.bonus` or `.credit`; `BadAmount` for nothing, less or more
/// than `billing.pay.max`; `BadRequest` for a comment of more than 512 characters, and days but 1 to 366; `IdempotencyConflict` for
/// a key of something else. Source: specs/billing.md §5.10 `api_pay_add`.
pub async fn add(
    who: &Who,
    uid: Option<i64>,
    gift: Gift,
    amount: Money,
    comment: &str,
    key: Option<&str>,
) -> Outcome<StatementId> {
    let ctx = &who.ctx;
    if !who.is_admin() {
        return Err(Refusal::Forbidden.into());
    }
    let target = scope::target(&mut ctx.read(), who, uid, Some(gift.code())).await?;
    if amount <= Money::ZERO || amount > ctx.app.settings().billing.pay.max {
        return Err(Refusal::BadAmount.into());
    }
    if comment.chars().count() > COMMENT || comment.contains('\0') {
        return Err(Refusal::BadRequest.into());
    }
    let mut tx = ctx.begin().await?;
    ledger::wallet(ctx, &mut tx, target.account, currency(ctx)).await?;
    let given = Given { account: target.account, uid: target.uid, amount, at: None, comment };
    let id = give(ctx, &mut tx, &who.author(), gift, &given, key).await?;
    tx.commit().await?;
    Ok(id)
}

/// To whom something is given, and how much.
#[derive(Debug)]
pub(crate) struct Given<'a> {
    pub(crate) account: AccountId,
    pub(crate) uid: i64,
    pub(crate) amount: Money,
    /// Time of the row; none: now.
    pub(crate) at: Option<Millis>,
    pub(crate) comment: &'a str,
}

/// Gives in a transaction that holds the wallet.
pub(crate) async fn give(
    ctx: &Ctx,
    tx: &mut Tx,
    author: &Author,
    gift: Gift,
    given: &Given<'_>,
    key: Option<&str>,
) -> Outcome<StatementId> {
    let Given { account, uid, amount, at, comment } = *given;
    let (kind, book) = match gift {
        Gift::Cash => (kind::CASH, Book::Clearing("cash")),
        Gift::Bonus => (kind::BONUS, Book::Bonus),
        Gift::Credit { days } => return lend(ctx, tx, author, given, days).await,
    };
    let key = key.map_or_else(|| format!("staff:{}", ctx.app.random().uuid()), str::to_owned);
    let shown = Shown { kind, at, reason: "", comment, reference: None, settles: None };
    let lines = [Line::wallet(account, amount, shown), Line::house(book, amount.negated())];
    let event = Event { key: &key, reason: "billing.pay_add", author, lines: &lines };
    let posted = ledger::post(ctx, tx, currency(ctx), &event).await?;
    let Some(id) = posted.row() else { return before(tx, &key, account, (kind, amount)).await };
    renew::resume(ctx, tx, account).await?;
    push::queue(ctx, tx, account, &push::Event::PaymentCredited { id, amount }).await?;
    told(
        ctx,
        tx,
        "billing.payment.add",
        (account, uid),
        &serde_json::json!({ "pay_id": id, "category": kind, "cash": amount.to_decimal() }),
    )
    .await?;
    Ok(id)
}

/// Gives a temporary payment, whatever stands against it.
async fn lend(ctx: &Ctx, tx: &mut Tx, author: &Author, given: &Given<'_>, days: u32) -> Outcome<StatementId> {
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(Refusal::BadRequest.into());
    }
    let (account, amount) = (given.account, given.amount);
    let id = credit::grant(ctx, tx, author, account, (amount, Money::ZERO), ctx.now().plus(DAY * days)).await?;
    renew::resume(ctx, tx, account).await?;
    let facts =
        serde_json::json!({ "pay_id": id, "category": kind::CREDIT, "cash": amount.to_decimal(), "days": days });
    told(ctx, tx, "billing.payment.add", (account, given.uid), &facts).await?;
    Ok(id)
}

/// The row that was written under a key, if it says the same.
async fn before(tx: &mut Tx, key: &str, account: AccountId, (kind, amount): (i64, Money)) -> Outcome<StatementId> {
    let row = entries::find_row(tx, key, account).await?;
    let row = match row {
        Some(id) => statement::find(tx, id).await?,
        None => None,
    };
    match row.filter(|row| row.kind == kind && row.amount == amount) {
        Some(row) => Ok(row.id),
        None => Err(Refusal::IdempotencyConflict.into()),
    }
}

/// Takes a payment back by its opposite row, a temporary one before its end by its own rules (row 200): one that came through a payment system at its provider first. What was taken back
/// whole is not taken back again: the row that did it is given.
///
/// Shape: the number of its row, and how much of it, none: what is left → the number of the opposite row; of a payment that the
/// provider reports later, and of one that it reversed: that of the payment. Units: hundredths. Errors: `Forbidden` for
/// subscribers; `NotFound` for a row that is no payment or whose subscriber is gone; `NoPrivilege`, `GroupDenied` without
/// `billing.payment.reverse`, for rows of others `.foreign`, for rows older than a day `.old`; `BadAmount` for more than is left;
/// those of [`payment::reverse::payment`]. Source: specs/billing.md §5.10 `api_pay_reverse`, §11.4.
pub async fn reverse(who: &Who, id: StatementId, amount: Option<Money>) -> Outcome<StatementId> {
    let ctx = &who.ctx;
    if !who.is_admin() {
        return Err(Refusal::Forbidden.into());
    }
    let q = &mut ctx.read();
    scope::reach(q, who, "billing.payment.reverse").await?;
    let row = statement::find(q, id).await?.ok_or(Refusal::NotFound)?;
    let account = row.account_id.ok_or(Refusal::NotFound)?;
    let (uid, group) = subscriber::find_group(q, account).await?.ok_or(Refusal::NotFound)?;
    for code in ["billing.access", "billing.subscriber.read", "billing.payment.reverse"] {
        scope::require_on(q, who, code, group).await?;
    }
    if !is_own(who, &row) {
        scope::require_on(q, who, "billing.payment.foreign", group).await?;
    }
    if row.created_at < ctx.now().minus(DAY) {
        scope::require_on(q, who, "billing.payment.old", group).await?;
    }
    if payment::reverse::is_provider_payment(q, id).await? {
        payment::reverse::payment(who, id, amount).await?;
        return Ok(id);
    }
    if row.kind == kind::CREDIT && row.entry_id.is_some() {
        if amount.is_some_and(|amount| amount != row.amount) {
            return Err(Refusal::BadAmount.into());
        }
        let mut tx = ctx.begin().await?;
        ledger::wallet(ctx, &mut tx, account, currency(ctx)).await?;
        credit::end(ctx, &mut tx, account, id).await?;
        told(ctx, &mut tx, "billing.payment.reverse", (account, uid), &serde_json::json!({ "pay_id": id })).await?;
        tx.commit().await?;
        return Ok(id);
    }
    let Some(book) = book(row.kind).filter(|_| row.entry_id.is_some() && row.amount > Money::ZERO) else {
        return Err(Refusal::NotFound.into());
    };
    let mut tx = ctx.begin().await?;
    ledger::wallet(ctx, &mut tx, account, currency(ctx)).await?;
    let done = take_back(who, &mut tx, &row, (account, uid), book, amount).await?;
    tx.commit().await?;
    Ok(done)
}

/// Where the money of a payment came from that staff may take back by themselves.
const fn book(kind: i64) -> Option<Book<'static>> {
    match kind {
        kind::CASH => Some(Book::Clearing("cash")),
        kind::BONUS => Some(Book::Bonus),
        kind::CARD => Some(Book::Clearing("cards")),
        _ => None,
    }
}

fn is_own(who: &Who, row: &StatementRow) -> bool {
    matches!(who.role, Role::Admin { staff_no, .. } if row.actor == "admin" && row.actor_no == staff_no)
}

/// Posts the opposite of a payment, in a transaction that holds the wallet.
async fn take_back(
    who: &Who,
    tx: &mut Tx,
    row: &StatementRow,
    (account, uid): (AccountId, i64),
    book: Book<'_>,
    amount: Option<Money>,
) -> Outcome<StatementId> {
    let ctx = &who.ctx;
    let reference = format!("reverses:{}", row.id);
    let (back, last) = statement::sum_of_reference(tx, account, &reference).await?;
    let left = row.amount.plus(back);
    if let (None, true, Some(last)) = (amount, left == Money::ZERO, last) {
        return Ok(last);
    }
    let amount = amount.unwrap_or(left);
    if amount <= Money::ZERO || amount > left {
        return Err(Refusal::BadAmount.into());
    }
    let so_far = amount.minus(back);
    let key = format!("reversed:staff:{}:{}", row.id, so_far.0);
    let reason = row.id.to_string();
    let shown =
        Shown { kind: row.kind, at: None, reason: &reason, comment: "", reference: Some(&reference), settles: None };
    let lines = [Line::wallet(account, amount.negated(), shown), Line::house(book, amount)];
    let author = who.author();
    let event = Event { key: &key, reason: "billing.pay_reverse", author: &author, lines: &lines };
    let Posted::Now { shown, .. } = ledger::post(ctx, tx, currency(ctx), &event).await? else {
        return Err(Error::internal(format!("{key} was entered, and its row does not say so")).into());
    };
    let id = shown.first().copied().ok_or_else(|| Error::internal("a wallet moved without a row"))?;
    push::queue(ctx, tx, account, &push::Event::PaymentReversed { id, amount }).await?;
    let facts = serde_json::json!({ "pay_id": row.id, "cash": amount.negated().to_decimal(), "row": id });
    told(ctx, tx, "billing.payment.reverse", (account, uid), &facts).await?;
    Ok(id)
}

async fn told(
    ctx: &Ctx,
    tx: &mut Tx,
    action: &'static str,
    (account, uid): (AccountId, i64),
    facts: &serde_json::Value,
) -> Result<()> {
    let name = uid.to_string();
    let object = Object::new("subscriber", account.0, &name);
    audit::record(tx, ctx, Stream::Change, action, object, "ok", Some(facts.to_string())).await
}

fn currency(ctx: &Ctx) -> &str {
    &ctx.app.settings().billing.pay.currency
}
