//! Subscribers send each other money (specs/billing.md §5.10).

use std::time::Duration;

use gatehouse_model::{Money, StatementId};
use gatehouse_store::{Tx, billing_credit, statement, subscriber};

use super::{
    Outcome, Refusal, Who, idempotency, renew,
    scope::{self, Target},
};
use crate::{
    Error,
    audit::{self, Object, Stream},
    ledger::{self, Book, Event, Line, Shown, Wallet, kind},
    payment::order::{parse_amount, payment_code},
    push,
};

/// Who received money does not send any for that long: nothing travels through many wallets at once.
const REST: Duration = Duration::from_hours(24);

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The receiver's payment code.
    pub ppc: &'a str,
    /// What he shall get.
    pub amt: &'a str,
    /// What the sender's wallet holds, as he saw it.
    pub balance: Option<&'a str>,
    /// False: only a quote.
    pub go: bool,
    /// The caller's idempotency key.
    pub key: Option<&'a str>,
}

/// A transfer, or a quote for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    /// The receiver's number.
    pub to: i64,
    /// What he gets.
    pub amount: Money,
    /// What the sender pays beside it.
    pub fee: Money,
    /// The sender's row; none: a quote.
    pub row: Option<StatementId>,
}

/// Sends money to another subscriber, or tells what it would cost.
///
/// Shape: code of the receiver, sum, what the sender believes to have → sums, hundredths of `billing.pay.currency`. Errors: those of
/// [`scope::target`], for staff with `billing.payment.cash`; `Forbidden` where transfers are off; `BadAmount`; `NotFound` for a code
/// that is nobody's, or his own; `Repeat` for another balance; `NoMoney` for less than it costs, and with an active temporary payment;
/// `TooMany` for who received money in the last 24 h. Source: specs/billing.md §5.10 `u_remitter`.
pub async fn transfer(who: &Who, uid: Option<i64>, wish: &Wish<'_>) -> Outcome<Transfer> {
    let ctx = &who.ctx;
    let (settings, currency) = (&ctx.app.settings().billing.transfer, &ctx.app.settings().billing.pay.currency);
    let q = &mut ctx.read();
    let from = scope::target(q, who, uid, Some("billing.payment.cash")).await?;
    if !settings.enabled {
        return Err(Refusal::Forbidden.into());
    }
    let amount = parse_amount(wish.amt, settings.max)?;
    if amount < settings.min {
        return Err(Refusal::BadAmount.into());
    }
    let to = receiver_number(wish.ppc).ok_or(Refusal::NotFound)?;
    let receiver = subscriber::find_by_uid(q, to).await?.filter(|id| *id != from.account).ok_or(Refusal::NotFound)?;
    let fee = amount.part(settings.percent, 10_000).plus(settings.fixed);
    let quote = Transfer { to, amount, fee, row: None };

    let mut tx = ctx.begin().await?;
    // The smaller account first, as everywhere.
    let mut wallets = Vec::with_capacity(2);
    for owner in [from.account.min(receiver), from.account.max(receiver)] {
        wallets.push(ledger::wallet(ctx, &mut tx, owner, currency).await?);
    }
    let wallet = wallets.into_iter().find(|wallet| wallet.owner == from.account);
    let wallet = wallet.ok_or_else(|| Error::internal("a wallet of somebody else"))?;
    if let Err(refusal) = judge(who, &mut tx, &wallet, wish.balance, amount.plus(fee)).await? {
        tx.commit().await?;
        return Err(refusal.into());
    }
    if !wish.go {
        tx.commit().await?;
        return Ok(quote);
    }
    let (reason_out, reason_in) = (format!("to:{to}"), format!("from:{}", from.uid));
    let shown = |kind, reason| Shown { kind, at: None, reason, comment: "", reference: None, settles: None };
    let mut lines = vec![
        Line::wallet(from.account, amount.plus(fee).negated(), shown(kind::TRANSFER_OUT, reason_out.as_str())),
        Line::wallet(receiver, amount, shown(kind::TRANSFER_IN, reason_in.as_str())),
    ];
    if fee != Money::ZERO {
        lines.push(Line::house(Book::Fee, fee));
    }
    let name = wish.key.and_then(|key| idempotency::names(&ctx.app, key).next());
    let key = match name {
        Some(name) => format!("transfer:{}:{name}", from.uid),
        None => format!("transfer:{}", ctx.app.random().uuid()),
    };
    let author = who.author();
    let event = Event { key: &key, reason: "billing.transfer", author: &author, lines: &lines };
    let posted = ledger::post(ctx, &mut tx, currency, &event).await?;
    let ledger::Posted::Now { shown, .. } = &posted else {
        // A process that died before it could keep its answer has done it.
        tx.commit().await?;
        return Err(Refusal::Repeat.into());
    };
    renew::resume(ctx, &mut tx, receiver).await?;
    if let Some(id) = shown.get(1) {
        push::queue(ctx, &mut tx, receiver, &push::Event::PaymentCredited { id: *id, amount }).await?;
    }
    note(who, &mut tx, &from, &quote).await?;
    tx.commit().await?;
    Ok(Transfer { row: posted.row(), ..quote })
}

/// Whether the sender may spend that much; he holds his wallet.
async fn judge(
    who: &Who,
    tx: &mut Tx,
    wallet: &Wallet,
    believed: Option<&str>,
    cost: Money,
) -> Outcome<Result<(), Refusal>> {
    let now = who.ctx.now();
    let is_seen = believed.is_none_or(|text| text.parse() == Ok(wallet.balance));
    if !is_seen {
        return Ok(Err(Refusal::Repeat));
    }
    if billing_credit::list_open(tx, wallet.owner).await?.iter().any(|credit| credit.due_at > now) {
        return Ok(Err(Refusal::NoMoney));
    }
    if statement::count_after(tx, wallet.owner, kind::TRANSFER_IN, now.minus(REST)).await? > 0 {
        return Ok(Err(Refusal::TooMany));
    }
    let terms = subscriber::lock_terms(tx, wallet.owner).await?.ok_or(Refusal::NoUid)?;
    let least = terms.limit_balance.max(Money::ZERO);
    Ok(if wallet.balance.minus(cost) >= least { Ok(()) } else { Err(Refusal::NoMoney) })
}

/// The number in a payment code whose last digit is right.
fn receiver_number(ppc: &str) -> Option<i64> {
    let (number, _) = ppc.split_at_checked(ppc.len().checked_sub(1)?)?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse().ok().filter(|uid| is_number && payment_code(*uid) == ppc)
}

async fn note(who: &Who, tx: &mut Tx, from: &Target, sent: &Transfer) -> crate::Result<()> {
    let detail = serde_json::json!({ "to": sent.to, "amount": sent.amount.to_decimal(), "fee": sent.fee.to_decimal() });
    let uid = from.uid.to_string();
    let object = Object::new("subscriber", from.account.0, &uid);
    audit::record(tx, &who.ctx, Stream::Change, "billing.transfer", object, "ok", Some(detail.to_string())).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_with_a_wrong_digit_is_nobodys() {
        assert_eq!(receiver_number("3575"), Some(357));
        for code in ["3574", "357", "", "5", "-11", "+11", "0357", "35 75", "٣", "99999999999999999999"] {
            assert_eq!(receiver_number(code), None, "{code}");
        }
    }
}
