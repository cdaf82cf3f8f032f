//! Temporary payments: a subscriber's promise to pay, given for days and taken back (specs/billing.md §9).

use std::time::Duration;

use gatehouse_model::{AccountId, Millis, Money, StatementId};
use gatehouse_store::{
    Tx,
    billing_credit::{self as rows, CreditRow},
    statement, subscriber,
};

use super::{
    Outcome, Refusal, Who,
    block::{self, Block},
    need, renew, scope,
};
use crate::{
    App, Ctx, Error, Result,
    audit::{self, Object},
    ledger::{self, Author, Book, Event, Line, Posted, Shown, Wallet, kind},
    push,
};

/// How many are taken back in one round.
const BATCH: i64 = 200;
const DAY: Duration = Duration::from_hours(24);

/// What a subscriber gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// What he needs.
    pub amount: Money,
    /// What it costs.
    pub commission: Money,
    /// Both together: what is given, and taken back.
    pub full: Money,
    /// For how long.
    pub days: u32,
}

/// Whether he gets one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A row forbids it.
    Blocked,
    /// He has one.
    OtherExists,
    /// He has not paid more than the last one since he took it.
    NoMore,
    /// He has not paid for too long.
    ManyNopayDays,
    /// He lacks nothing.
    NotNeeded,
    /// He gets it.
    Ok(Terms),
}

impl Verdict {
    /// `result` on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::OtherExists => "other_exists",
            Self::NoMore => "no_more",
            Self::ManyNopayDays => "many_nopay_days",
            Self::NotNeeded => "not_needed",
            Self::Ok(_) => "ok",
        }
    }
}

/// What a subscriber would get now.
///
/// Shape: whose (staff name him) → the verdict. Units: hundredths, days. Errors: of [`scope::target`].
/// Source: seeds/004 "Получение кредита", specs/billing.md §9.
pub async fn ask(who: &Who, uid: Option<i64>) -> Outcome<Verdict> {
    let target = scope::target(&mut who.ctx.read(), who, uid, None).await?;
    let mut tx = who.ctx.begin().await?;
    let wallet = ledger::wallet(&who.ctx, &mut tx, target.account, currency(&who.ctx)).await?;
    let verdict = judge(&who.ctx, &mut tx, &wallet).await?;
    tx.commit().await?;
    Ok(verdict)
}

/// Gives a subscriber what he needs, if nothing is in the way; two at once give one.
///
/// Shape, units, errors, source: as [`ask`]; staff need `billing.payment.credit`.
pub async fn take(who: &Who, uid: Option<i64>) -> Outcome<Verdict> {
    let ctx = &who.ctx;
    let target = scope::target(&mut ctx.read(), who, uid, Some("billing.payment.credit")).await?;
    let mut tx = ctx.begin().await?;
    let wallet = ledger::wallet(ctx, &mut tx, target.account, currency(ctx)).await?;
    let verdict = judge(ctx, &mut tx, &wallet).await?;
    if let Verdict::Ok(terms) = verdict {
        let until = ctx.now().plus(DAY * terms.days);
        grant(ctx, &mut tx, &who.author(), target.account, (terms.full, terms.commission), until).await?;
        audit::changed(&mut tx, ctx, "billing.credit.take", Object::new("subscriber", target.account.0, "")).await?;
        renew::resume(ctx, &mut tx, target.account).await?;
    }
    tx.commit().await?;
    Ok(verdict)
}

/// Gives a sum until a moment, whatever stands against it: what staff decide, and the end of [`take`]. Of the sum the commission
/// is earned at once.
pub(crate) async fn grant(
    ctx: &Ctx,
    tx: &mut Tx,
    author: &Author,
    account: AccountId,
    (full, commission): (Money, Money),
    until: Millis,
) -> Result<StatementId> {
    let currency = currency(ctx);
    let granted = (ctx.now().0 / 1_000).to_string();
    let shown =
        Shown { kind: kind::CREDIT, at: Some(until), reason: &granted, comment: "", reference: None, settles: None };
    let lines = [Line::wallet(account, full, shown), Line::house(Book::Credit, full.negated())];
    let key = format!("credit:{}", ctx.app.random().uuid());
    let event = Event { key: &key, reason: "billing.credit", author, lines: &lines };
    let posted = ledger::post(ctx, tx, currency, &event).await?;
    let id = posted.row().ok_or_else(|| Error::internal("a new key was known"))?;
    let row = CreditRow {
        statement_id: id,
        account_id: account,
        amount: full,
        granted_at: ctx.now(),
        due_at: until,
        ended_at: None,
    };
    rows::insert(tx, &row).await?;
    push::queue(ctx, tx, account, &push::Event::CreditGiven { id, amount: full, until }).await?;
    if commission > Money::ZERO {
        let of = id.to_string();
        let shown =
            Shown { kind: kind::CHARGE, at: None, reason: "", comment: "", reference: Some(&of), settles: None };
        let lines = [Line::wallet(account, commission.negated(), shown), Line::house(Book::Fee, commission)];
        let key = format!("credit_fee:{id}");
        ledger::post(ctx, tx, currency, &Event { key: &key, reason: "billing.credit.fee", author, lines: &lines })
            .await?;
    }
    Ok(id)
}

/// The checks of specs/billing.md §9, in this order; the caller holds the wallet. What is due is taken back first.
async fn judge(ctx: &Ctx, tx: &mut Tx, wallet: &Wallet) -> Outcome<Verdict> {
    let settings = &ctx.app.settings().billing;
    let (account, now) = (wallet.owner, ctx.now());
    if block::find(ctx, tx, account, Block::Credit).await?.is_some() {
        return Ok(Verdict::Blocked);
    }
    let open = rows::list_open(tx, account).await?;
    if open.iter().any(|credit| credit.due_at > now) {
        return Ok(Verdict::OtherExists);
    }
    for credit in &open {
        end(ctx, tx, account, credit.statement_id).await?;
    }
    let paid_after = async |tx: &mut Tx, after: Millis| -> Result<(Money, Money)> {
        let mut sums = (Money::ZERO, Money::ZERO);
        for kind in &settings.real_payment_categories {
            let (total, most) = rows::sum_after(tx, account, *kind, after).await?;
            sums = (sums.0.plus(total), sums.1.max(most));
        }
        Ok(sums)
    };
    if let Some(last) = rows::find_last_ended(tx, account).await?
        && paid_after(tx, last.granted_at).await?.0 <= last.amount
    {
        return Ok(Verdict::NoMore);
    }
    let nopay = DAY * settings.credit.nopay_days;
    if !nopay.is_zero() && paid_after(tx, now.minus(nopay)).await?.1 <= Money::ZERO {
        return Ok(Verdict::ManyNopayDays);
    }
    let terms = subscriber::lock_terms(tx, account).await?.ok_or(Refusal::NoUid)?;
    let balance = ledger::balance(tx, account, currency(ctx)).await?;
    let until = now.plus(DAY * settings.credit.days);
    let wanted = terms.limit_balance.minus(balance).plus(need::until(ctx, tx, account, &terms, until).await?);
    let amount = settings.credit.max.map_or(wanted, |max| wanted.min(max));
    if amount <= Money::ZERO {
        return Ok(Verdict::NotNeeded);
    }
    // Of hundredths of a percent.
    let commission = amount.part(settings.credit.percent, 10_000).plus(settings.credit.fixed);
    Ok(Verdict::Ok(Terms { amount, commission, full: amount.plus(commission), days: settings.credit.days }))
}

/// Takes a temporary payment back; the caller holds the wallet. Of the postings a row of kind 200 is what remains to be seen.
pub(crate) async fn end(ctx: &Ctx, tx: &mut Tx, account: AccountId, id: StatementId) -> Result<()> {
    let Some(credit) = rows::list_open(tx, account).await?.into_iter().find(|credit| credit.statement_id == id) else {
        return Ok(());
    };
    if rows::end(tx, id, ctx.now()).await? == 0 {
        return Ok(());
    }
    let (author, sum) = (Author::kernel(), credit.amount.to_decimal());
    let of = id.to_string();
    let seen =
        Shown { kind: kind::CREDIT_ENDED, at: None, reason: &sum, comment: "", reference: Some(&of), settles: None };
    let seen = ledger::note(ctx, tx, Some(account), &author, &seen).await?;
    let shown = Shown { kind: kind::CREDIT, at: None, reason: "", comment: "", reference: Some(&of), settles: None };
    let lines = [Line::wallet(account, credit.amount.negated(), shown), Line::house(Book::Credit, credit.amount)];
    let key = format!("credit_end:{id}");
    let event = Event { key: &key, reason: "billing.credit.end", author: &author, lines: &lines };
    if let Posted::Now { shown, .. } = ledger::post(ctx, tx, currency(ctx), &event).await? {
        for folded in shown.into_iter().chain([id]) {
            statement::fold(tx, folded, seen).await?;
        }
    }
    push::queue(ctx, tx, account, &push::Event::CreditExpired { id: seen, amount: credit.amount }).await
}

/// Tells the owner of a temporary payment that it will be taken back.
async fn warn(ctx: &Ctx, account: AccountId, id: StatementId) -> Result<()> {
    let mut tx = ctx.begin().await?;
    let open = rows::list_open(&mut tx, account).await?;
    let credit = open.into_iter().find(|credit| credit.statement_id == id);
    if let (Some(credit), 1) = (credit, rows::warn(&mut tx, id, ctx.now()).await?) {
        let event = push::Event::CreditExpiring { id, amount: credit.amount, until: credit.due_at };
        push::queue(ctx, &mut tx, account, &event).await?;
    }
    Ok(tx.commit().await?)
}

/// Whether any is due, or its owner is to be told that it will be.
pub(crate) async fn is_due(app: &App) -> Result<bool> {
    let ctx = super::kernel(app);
    Ok(!rows::list_to_warn(&mut ctx.read(), ctx.now().plus(DAY), 1).await?.is_empty()
        || !rows::list_due(&mut ctx.read(), ctx.now(), 1).await?.is_empty())
}

/// Takes back what is due, each in a transaction of its own, and tells the owners of those that will be within a day: the periodic
/// task `billing.credit_end`.
pub(crate) async fn end_due(app: &App) -> Result<()> {
    let ctx = super::kernel(app);
    for (account, id, _) in rows::list_to_warn(&mut ctx.read(), ctx.now().plus(DAY), BATCH).await? {
        warn(&ctx, account, id).await?;
    }
    loop {
        let due = rows::list_due(&mut ctx.read(), ctx.now(), BATCH).await?;
        let found = due.len();
        for (account, id) in due {
            let mut tx = ctx.begin().await?;
            ledger::wallet(&ctx, &mut tx, account, currency(&ctx)).await?;
            end(&ctx, &mut tx, account, id).await?;
            tx.commit().await?;
        }
        if i64::try_from(found).unwrap_or(BATCH) < BATCH {
            return Ok(());
        }
    }
}

fn currency(ctx: &Ctx) -> &str {
    &ctx.app.settings().billing.pay.currency
}
