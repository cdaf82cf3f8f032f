//! What a provider's word does to an order and to the wallet behind it (specs/billing.md §11.4).
//!
//! Whoever comes here holds the wallet first and reads the order after it, so that words about one order follow one another.

use gatehouse_model::Money;
use gatehouse_store::{
    Tx,
    payment::{self as rows, AttemptRow, NewNotice},
    statement,
};

use super::{
    Provider,
    fee::share,
    provider::{Report, Status},
};
use crate::{
    Ctx, Error, Result,
    audit::{self, Object, Stream},
    billing::renew,
    ledger::{self, Author, Book, Event, Line, Posted, Shown, kind},
    push,
};

/// Who says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// A notice: one event, which may have been overtaken by a later one.
    Notice,
    /// The provider, asked: how it stands now.
    Asked,
}

/// What a word did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The wallet got its money.
    Credited,
    /// Money was taken back.
    Reversed,
    /// It was written down.
    Noted,
    /// Nothing: it was known, or is overtaken.
    Stale,
}

impl Verdict {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Credited => "credited",
            Self::Reversed => "reversed",
            Self::Noted => "noted",
            Self::Stale => "stale",
        }
    }
}

/// What does not agree with the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mismatch {
    Merchant,
    Currency,
    Amount,
    /// The payment has paid another order.
    Payment,
}

impl Mismatch {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Merchant => "wrong_merchant",
            Self::Currency => "wrong_currency",
            Self::Amount => "wrong_amount",
            Self::Payment => "payment_of_another_order",
        }
    }
}

/// Whether a report is about this order as we made it. Who paid must name sum and currency.
fn agrees(order: &AttemptRow, report: &Report) -> Result<(), Mismatch> {
    let must_name = matches!(report.status, Status::Paid | Status::Reversed);
    if !report.currency.as_ref().map_or(!must_name, |currency| *currency == order.currency) {
        return Err(Mismatch::Currency);
    }
    let is_sum = report.amount.map_or(!must_name, |amount| amount == order.payable);
    let may_be_reversed = report.reversed >= Money::ZERO && report.reversed <= order.payable;
    if is_sum && may_be_reversed { Ok(()) } else { Err(Mismatch::Amount) }
}

/// Does what a report says, in one transaction.
pub(super) async fn apply(
    ctx: &Ctx,
    provider: &dyn Provider,
    found: &AttemptRow,
    report: &Report,
    (source, author): (Source, &Author),
) -> Result<Result<Verdict, Mismatch>> {
    if report.merchant != provider.merchant() {
        return Ok(Err(Mismatch::Merchant));
    }
    if let Err(mismatch) = agrees(found, report) {
        return Ok(Err(mismatch));
    }
    let mut tx = ctx.begin().await?;
    ledger::wallet(ctx, &mut tx, found.account_id, &found.currency).await?;
    let order = rows::find(&mut tx, found.id).await?.ok_or_else(|| Error::internal("the order is gone"))?;
    let payment = report.payment.clone().unwrap_or_else(|| format!("order:{}", order.order_ref));
    let is_paid = order.state == "paid";
    let is_payment = report.status == Status::Paid || (report.status == Status::Reversed && source == Source::Asked);
    if is_payment && !is_paid {
        let payer = rows::find_by_payment(&mut tx, &order.channel, &payment).await?;
        if payer.is_some_and(|payer| payer != order.id) {
            tx.commit().await?;
            return Ok(Err(Mismatch::Payment));
        }
    }
    let books = Books { ctx, author, order: &order, way: &report.way };
    let verdict = match report.status {
        _ if is_payment && !is_paid => {
            books.credit(&mut tx, &payment).await?;
            let reversed = report.reversed.max(order.reversed);
            if reversed > Money::ZERO {
                books.take_back(&mut tx, &payment, Money::ZERO, reversed).await?;
            }
            renew::resume(ctx, &mut tx, order.account_id).await?;
            Verdict::Credited
        }
        Status::Paid | Status::Reversed if is_paid => {
            let paid_by = order.provider_ref.as_deref().unwrap_or(&payment);
            if report.status == Status::Paid && paid_by != payment {
                books.alert_second(&mut tx, &payment).await?;
            }
            if report.reversed > order.reversed {
                books.take_back(&mut tx, paid_by, order.reversed, report.reversed).await?;
                Verdict::Reversed
            } else {
                Verdict::Stale
            }
        }
        // It overtook the approval, which will take it into account.
        Status::Paid | Status::Reversed if report.reversed > order.reversed => {
            rows::update_reversed(&mut tx, order.id, report.reversed, Money::ZERO, ctx.now()).await?;
            Verdict::Noted
        }
        Status::Paid | Status::Reversed => Verdict::Stale,
        Status::Waiting => books.advance(&mut tx, "waiting").await?,
        Status::Failed => books.advance(&mut tx, "failed").await?,
    };
    let told = NewNotice {
        attempt: order.id,
        channel: &order.channel,
        provider_ref: &payment,
        status: &report.word,
        amount: if report.reversed > Money::ZERO { report.reversed } else { order.payable },
        verdict: verdict.as_str(),
        at: ctx.now(),
    };
    rows::insert_notice(&mut tx, &told).await?;
    tx.commit().await?;
    Ok(Ok(verdict))
}

/// Ends an order that can no longer be paid, if nobody has paid it.
pub(super) async fn expire(ctx: &Ctx, tx: &mut Tx, order: &AttemptRow) -> Result<Verdict> {
    Books { ctx, author: &Author::kernel(), order, way: "" }.advance(tx, "failed").await
}

/// An order whose wallet this transaction holds.
struct Books<'a> {
    ctx: &'a Ctx,
    author: &'a Author,
    order: &'a AttemptRow,
    way: &'a str,
}

impl Books<'_> {
    /// `system:time:amount[:phone:transaction:way]`
    fn reason(&self, amount: Money, payment: &str) -> String {
        let seconds = self.ctx.now().0.div_euclid(1_000);
        format!("{}:{seconds}:{}::{payment}:{}", self.order.channel, amount.to_decimal(), self.way)
    }

    /// Pays an unpaid order: the ordered sum to the wallet, the rest is commission income.
    async fn credit(&self, tx: &mut Tx, payment: &str) -> Result<()> {
        let (ctx, order) = (self.ctx, self.order);
        if rows::update_paid(tx, order.id, payment, ctx.now()).await? != 1 {
            return Err(Error::internal(format!("order {} is paid already", order.order_ref)));
        }
        let reason = self.reason(order.amount, payment);
        let shown = Shown {
            kind: kind::PAID,
            at: None,
            reason: &reason,
            comment: "",
            reference: None,
            settles: order.statement_id,
        };
        let fee = order.payable.minus(order.amount);
        let mut lines = vec![
            Line::wallet(order.account_id, order.amount, shown),
            Line::house(Book::Clearing(&order.channel), order.payable.negated()),
        ];
        if fee != Money::ZERO {
            lines.push(Line::house(Book::Fee, fee));
        }
        let key = format!("paid:{}:{payment}", order.channel);
        let event = Event { key: &key, reason: "payment.credit", author: self.author, lines: &lines };
        let posted = ledger::post(ctx, tx, &order.currency, &event).await?;
        let Posted::Now { shown, .. } = &posted else {
            return Err(Error::internal(format!("{key} is in the ledger, but its order is not paid")));
        };
        if let Some(id) = shown.first() {
            let event = push::Event::PaymentCredited { id: *id, amount: order.amount };
            push::queue(ctx, tx, order.account_id, &event).await?;
        }
        self.audit(tx, "billing.payment.credit", payment, order.amount).await
    }

    /// Takes back what was reversed in all, less what was taken back when it was `before`.
    async fn take_back(&self, tx: &mut Tx, payment: &str, before: Money, reversed: Money) -> Result<()> {
        let (ctx, order) = (self.ctx, self.order);
        let shares = [before, reversed].map(|sum| share(sum, order.amount, order.payable));
        let [share_before, share] = shares;
        let (sum, own) = (reversed.minus(before), share.minus(share_before));
        rows::update_reversed(tx, order.id, reversed, share, ctx.now()).await?;
        let reason = self.reason(own, payment);
        let about = order.statement_id.map(|id| id.to_string());
        let shown = Shown {
            kind: kind::PAID,
            at: None,
            reason: &reason,
            comment: "",
            reference: about.as_deref(),
            settles: None,
        };
        let mut lines = vec![Line::house(Book::Clearing(&order.channel), sum)];
        if own != Money::ZERO {
            lines.push(Line::wallet(order.account_id, own.negated(), shown));
        }
        if sum != own {
            lines.push(Line::house(Book::Fee, own.minus(sum)));
        }
        let key = format!("reversed:{}:{payment}:{}", order.channel, reversed.0);
        let event = Event { key: &key, reason: "payment.reverse", author: self.author, lines: &lines };
        let posted = ledger::post(ctx, tx, &order.currency, &event).await?;
        if posted == Posted::Before {
            return Err(Error::internal(format!("{key} is in the ledger, but its order is not reversed")));
        }
        if let Some(id) = posted.row() {
            push::queue(ctx, tx, order.account_id, &push::Event::PaymentReversed { id, amount: own }).await?;
        }
        self.audit(tx, "billing.payment.reverse", payment, own).await
    }

    /// Moves an open order along; one that failed or is paid stays what it is.
    async fn advance(&self, tx: &mut Tx, state: &'static str) -> Result<Verdict> {
        let order = self.order;
        if rows::update_open(tx, order.id, state, self.ctx.now()).await? != 1 {
            return Ok(Verdict::Stale);
        }
        if let Some(row) = order.statement_id {
            statement::update_kind(tx, row, row_kind(&order.state), row_kind(state)).await?;
        }
        Ok(Verdict::Noted)
    }

    /// A second payment of one order: the money is at the provider, and staff must send it back.
    async fn alert_second(&self, tx: &mut Tx, payment: &str) -> Result<()> {
        let order = self.order;
        tracing::warn!(
            event = "payment.paid_twice",
            channel = order.channel,
            order = order.order_ref,
            payment,
            "an order was paid twice; give the second payment back at the provider"
        );
        let detail = serde_json::json!({ "payment": payment, "first": order.provider_ref }).to_string();
        let object = Object::new("payment", order.id.0, &order.order_ref);
        audit::record(tx, self.ctx, Stream::Alert, "billing.payment.twice", object, "failed", Some(detail)).await
    }

    async fn audit(&self, tx: &mut Tx, action: &'static str, payment: &str, amount: Money) -> Result<()> {
        let order = self.order;
        let detail = serde_json::json!({
            "order": order.statement_id, "channel": order.channel, "payment": payment, "amount": amount.to_decimal(),
        });
        let object = Object::new("subscriber", order.account_id.0, &order.reference);
        audit::record(tx, self.ctx, Stream::Change, action, object, "ok", Some(detail.to_string())).await
    }
}

/// The row that shows an unpaid order.
fn row_kind(state: &str) -> i64 {
    match state {
        "new" => kind::ORDER,
        "waiting" => kind::ORDER_WAITING,
        _ => kind::ORDER_FAILED,
    }
}

/// Tells staff that a provider speaks of an order as of another one; at most once an hour for each order.
pub(super) async fn alert(ctx: &Ctx, order: &AttemptRow, report: &Report, mismatch: Mismatch) -> Result<()> {
    metrics::counter!("gatehouse_payment_alerts_total", "channel" => order.channel.clone(), "why" => mismatch.as_str())
        .increment(1);
    tracing::warn!(
        event = "payment.mismatch",
        channel = order.channel,
        order = order.order_ref,
        why = mismatch.as_str(),
        "a provider's word about an order does not agree with it; look the order up at the provider"
    );
    let detail = serde_json::json!({
        "status": report.word, "merchant": report.merchant, "payment": report.payment, "currency": report.currency,
        "amount": report.amount.map(Money::to_decimal), "payable": order.payable.to_decimal(),
    });
    let object = Object::new("payment", order.id.0, &order.order_ref);
    let mut tx = ctx.begin().await?;
    let (action, why) = ("billing.payment.mismatch", mismatch.as_str());
    audit::record(&mut tx, ctx, Stream::Alert, action, object, why, Some(detail.to_string())).await?;
    Ok(tx.commit().await?)
}
