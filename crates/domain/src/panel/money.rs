//! The panel's money: balances, what orders hold of them, commissions. Every change is an entry of the ledger under a key that makes
//! it happen once (specs/panel.md §0.1, §3.1, §3.4; specs/billing.md §7, §10).
//!
//! Lock order of everything that moves money here: pass, order, plan, coupon, wallet, commission.

use gatehouse_model::{AccountId, Money};
use gatehouse_store::{Query, Tx, billing_credit, panel_order::OrderRow, pass};

use crate::{
    Actor, Ctx, Error, Result,
    billing::renew,
    ledger::{self, Author, Book, Event, Line, Posted, Shown, Wallet, kind},
};

/// The currency of the panel's wallets, as the settings say now. Orders keep the one they were made in.
pub fn currency(ctx: &Ctx) -> String {
    ctx.app.live().panel().currency.clone()
}

/// Who moves the money of `owner`, as statements name him.
pub(crate) async fn author(ctx: &Ctx, q: &mut impl Query, owner: AccountId) -> Result<Author> {
    Ok(match &ctx.actor {
        Actor::Account { id, .. } if *id == owner => Author::user(ctx, owner.0),
        Actor::Account { id, .. } => Author::staff(ctx, pass::find_staff_no(q, *id).await?.unwrap_or(0)),
        Actor::Operator | Actor::Machine { .. } => Author::staff(ctx, 0),
        Actor::System(_) => Author::kernel(),
        Actor::Anonymous => Author::provider(ctx),
    })
}

/// What of a balance may be spent here: not what temporary payments lent, which pay for services of billing only.
pub(crate) async fn spendable(ctx: &Ctx, tx: &mut Tx, wallet: &Wallet, currency: &str) -> Result<Money> {
    let mut sum = wallet.balance;
    if currency == ctx.app.settings().billing.pay.currency {
        for credit in billing_credit::list_open(tx, wallet.owner).await? {
            sum = sum.minus(credit.amount);
        }
    }
    Ok(sum.max(Money::ZERO))
}

/// What revenue of a plan is entered under.
fn earned(order: &OrderRow) -> String {
    order.plan_id.map_or_else(|| "panel".to_owned(), |plan| format!("panel:{plan}"))
}

fn shown<'a>(kind: i64, reason: &'a str, reference: &'a str) -> Shown<'a> {
    Shown { kind, at: None, reason, comment: "", reference: Some(reference), settles: None }
}

/// One step of an order's money.
async fn step(
    ctx: &Ctx,
    tx: &mut Tx,
    order: &OrderRow,
    (name, reason): (&str, &'static str),
    lines: &[Line<'_>],
) -> Result<Posted> {
    let key = format!("panel.{name}:{}", order.trade_no);
    let author = author(ctx, tx, order.account_id).await?;
    ledger::post(ctx, tx, &order.currency, &Event { key: &key, reason, author: &author, lines }).await
}

/// Takes what an order needs of the balance, until it is opened or cancelled. Whoever calls holds the wallet.
pub(super) async fn hold(ctx: &Ctx, tx: &mut Tx, order: &OrderRow) -> Result<()> {
    let Some(amount) = order.balance.filter(|amount| *amount != Money::ZERO) else { return Ok(()) };
    let shown = shown(kind::CHARGE, "panel.order", &order.trade_no);
    let owner = order.account_id;
    let lines = [Line::wallet(owner, amount.negated(), shown), Line::house(Book::Hold(owner), amount)];
    step(ctx, tx, order, ("hold", "panel.order.hold"), &lines).await.map(drop)
}

/// Gives it back: the order was cancelled.
pub(super) async fn release(ctx: &Ctx, tx: &mut Tx, order: &OrderRow) -> Result<()> {
    let Some(amount) = order.balance.filter(|amount| *amount != Money::ZERO) else { return Ok(()) };
    let shown = shown(kind::CHARGE, "panel.order.cancel", &order.trade_no);
    let owner = order.account_id;
    let lines = [Line::house(Book::Hold(owner), amount.negated()), Line::wallet(owner, amount, shown)];
    step(ctx, tx, order, ("release", "panel.order.release"), &lines).await?;
    resume(ctx, tx, order.account_id, &order.currency).await
}

/// Takes in what was paid for an order through a channel, fees included, until it is opened.
pub(super) async fn take_in(ctx: &Ctx, tx: &mut Tx, order: &OrderRow, channel: &str) -> Result<()> {
    let fee = order.handling.unwrap_or(Money::ZERO);
    if order.total == Money::ZERO {
        return Ok(());
    }
    let mut lines = vec![
        Line::house(Book::Clearing(channel), order.total.plus(fee).negated()),
        Line::house(Book::Hold(order.account_id), order.total),
    ];
    if fee != Money::ZERO {
        lines.push(Line::house(Book::Fee, fee));
    }
    step(ctx, tx, order, ("paid", "panel.order.paid"), &lines).await.map(drop)
}

/// What was held for an order is earned, or becomes balance where nothing is had for it, as of a top-up; and what a change refunds
/// becomes balance.
pub(super) async fn settle(ctx: &Ctx, tx: &mut Tx, order: &OrderRow, is_earned: bool) -> Result<()> {
    let owner = order.account_id;
    let held = order.total.plus(order.balance.unwrap_or(Money::ZERO));
    let earned = earned(order);
    if held != Money::ZERO {
        let into = if is_earned {
            Line::house(Book::Revenue(&earned), held)
        } else {
            Line::wallet(owner, held, shown(kind::PAID, "panel.deposit", &order.trade_no))
        };
        let lines = [Line::house(Book::Hold(owner), held.negated()), into];
        step(ctx, tx, order, ("open", "panel.order.open"), &lines).await?;
    }
    if let Some(refund) = order.refund.filter(|refund| is_earned && *refund != Money::ZERO) {
        let shown = shown(kind::CHARGE, "panel.order.refund", &order.trade_no);
        let lines = [Line::house(Book::Revenue(&earned), refund.negated()), Line::wallet(owner, refund, shown)];
        step(ctx, tx, order, ("refund", "panel.order.refund"), &lines).await?;
    }
    resume(ctx, tx, owner, &order.currency).await
}

/// Credits what arrived for an order that no longer waits for it. False: it was credited before.
///
/// `name` is the payment's own, such as `CHANNEL:CALLBACK`.
pub(crate) async fn credit_late(
    ctx: &Ctx,
    tx: &mut Tx,
    order: &OrderRow,
    (channel, name): (&str, &str),
    amount: Money,
) -> Result<bool> {
    let key = format!("panel.late:{name}");
    let shown = shown(kind::PAID, "panel.late", &order.trade_no);
    let lines = [Line::house(Book::Clearing(channel), amount.negated()), Line::wallet(order.account_id, amount, shown)];
    let author = Author::provider(ctx);
    let event = Event { key: &key, reason: "panel.payment.late", author: &author, lines: &lines };
    let posted = ledger::post(ctx, tx, &order.currency, &event).await?;
    resume(ctx, tx, order.account_id, &order.currency).await?;
    Ok(posted != Posted::Before)
}

/// Gives somebody money of the house: a gift card, a reward. False: it was given before.
pub(crate) async fn give(
    ctx: &Ctx,
    tx: &mut Tx,
    account: AccountId,
    amount: Money,
    (key, reason): (&str, &'static str),
) -> Result<bool> {
    if amount == Money::ZERO {
        return Ok(true);
    }
    let currency = currency(ctx);
    let author = author(ctx, tx, account).await?;
    let lines = [Line::wallet(account, amount, shown(kind::BONUS, reason, key)), bonus(amount)];
    let posted = ledger::post(ctx, tx, &currency, &Event { key, reason, author: &author, lines: &lines }).await?;
    resume(ctx, tx, account, &currency).await?;
    Ok(posted != Posted::Before)
}

const fn bonus(given: Money) -> Line<'static> {
    Line::house(Book::Bonus, given.negated())
}

/// Sets a balance to what staff say, by a posting of the difference.
pub(crate) async fn adjust(ctx: &Ctx, tx: &mut Tx, account: AccountId, to: Money) -> Result<()> {
    let wallet = ledger::wallet(ctx, tx, account, &currency(ctx)).await?;
    let key = format!("panel.adjust:{}", ctx.app.random().uuid());
    give(ctx, tx, account, to.minus(wallet.balance), (&key, "panel.user.adjust")).await.map(drop)
}

/// Sets what somebody earned by inviting to what staff say, by a posting of the difference.
pub(crate) async fn adjust_commission(ctx: &Ctx, tx: &mut Tx, account: AccountId, to: Money) -> Result<()> {
    let currency = currency(ctx);
    let difference = to.minus(ledger::lock_commission(ctx, tx, account, &currency).await?);
    if difference == Money::ZERO {
        return Ok(());
    }
    let key = format!("panel.adjust:{}", ctx.app.random().uuid());
    let lines = [Line::house(Book::Commission(account), difference), bonus(difference)];
    let author = author(ctx, tx, account).await?;
    let event = Event { key: &key, reason: "panel.user.adjust", author: &author, lines: &lines };
    ledger::post(ctx, tx, &currency, &event).await.map(drop)
}

/// Where a commission goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purse {
    /// What may be moved or paid out.
    Commission,
    /// What may be spent.
    Balance,
}

/// Pays the commission of a level of an order. False: it was paid before.
pub(super) async fn pay_commission(
    ctx: &Ctx,
    tx: &mut Tx,
    order: &OrderRow,
    (level, inviter): (i64, AccountId),
    amount: Money,
    purse: Purse,
) -> Result<bool> {
    let key = format!("panel.commission:{}:{level}", order.trade_no);
    let into = match purse {
        Purse::Commission => Line::house(Book::Commission(inviter), amount),
        Purse::Balance => Line::wallet(inviter, amount, shown(kind::BONUS, "panel.commission", &order.trade_no)),
    };
    let author = author(ctx, tx, inviter).await?;
    let event = Event { key: &key, reason: "panel.commission", author: &author, lines: &[into, bonus(amount)] };
    let posted = ledger::post(ctx, tx, &order.currency, &event).await?;
    if purse == Purse::Balance {
        resume(ctx, tx, inviter, &order.currency).await?;
    }
    Ok(posted != Posted::Before)
}

/// Moves what somebody earned by inviting to his balance; false: he has not earned that much.
pub(super) async fn transfer(ctx: &Ctx, tx: &mut Tx, account: AccountId, amount: Money) -> Result<bool> {
    let currency = currency(ctx);
    ledger::wallet(ctx, tx, account, &currency).await?;
    if ledger::lock_commission(ctx, tx, account, &currency).await? < amount {
        return Ok(false);
    }
    let key = format!("panel.transfer:{}", ctx.app.random().uuid());
    let lines = [
        Line::wallet(account, amount, shown(kind::TRANSFER_IN, "panel.transfer", &key)),
        Line::house(Book::Commission(account), amount.negated()),
    ];
    let author = author(ctx, tx, account).await?;
    let event = Event { key: &key, reason: "panel.transfer", author: &author, lines: &lines };
    if ledger::post(ctx, tx, &currency, &event).await? == Posted::Before {
        return Err(Error::internal("a new key was known"));
    }
    resume(ctx, tx, account, &currency).await?;
    Ok(true)
}

/// Money that arrived may let services of billing go on, where both share the wallet.
async fn resume(ctx: &Ctx, tx: &mut Tx, account: AccountId, currency: &str) -> Result<()> {
    if currency == ctx.app.settings().billing.pay.currency {
        renew::resume(ctx, tx, account).await?;
    }
    Ok(())
}
