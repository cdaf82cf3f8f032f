//! Staff take back a payment that came through a payment system: at the provider first (specs/billing.md §5.10, §11.4).

use std::time::Duration;

use gatehouse_model::{Money, StatementId};
use gatehouse_store::{
    payment::{self as rows, AttemptRow},
    subscriber,
};

use super::{
    ProviderHandle,
    provider::{Report, Reversal, Status, Trouble},
    settle::{self, Source},
};
use crate::{
    Error,
    billing::{Outcome, Refusal, Who, scope},
};

/// How long one attempt may take; another one waits so long for an attempt that vanished.
const TURN: Duration = Duration::from_mins(1);

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reversed {
    /// What was taken back of the payment in all.
    pub refunded: Money,
    /// The provider will do it and report it; until then nothing moves.
    pub is_pending: bool,
}

/// Whether a row of the statement is a payment that must be reversed at its provider.
pub async fn is_provider_payment(q: &mut impl gatehouse_store::Query, row: StatementId) -> crate::Result<bool> {
    Ok(rows::find_by_statement(q, row).await?.is_some_and(|order| order.state == "paid"))
}

/// Has the provider give a payment back, and takes it back from the wallet. `amount`: of what the wallet got; none: all that is
/// left. What the provider reversed without our having heard of it counts first, so that a call whose answer was lost can be
/// repeated.
///
/// Errors: `NoPrivilege`, `GroupDenied`, `Forbidden`, `NotFound` for a row that no provider paid, `BadAmount`, `TooMany` while
/// somebody else is at it, `GatewayUnavailable`. Source: specs/billing.md §11.4.
pub async fn payment(who: &Who, row: StatementId, amount: Option<Money>) -> Outcome<Reversed> {
    let ctx = &who.ctx;
    let order = rows::find_by_statement(&mut ctx.read(), row).await?;
    let order = order.filter(|order| order.state == "paid").ok_or(Refusal::NotFound)?;
    let (_, group) = subscriber::find_group(&mut ctx.read(), order.account_id).await?.ok_or(Refusal::NotFound)?;
    scope::require_on(&mut ctx.read(), who, "billing.payment.reverse", group).await?;
    let provider = ctx.app.payments().and_then(|all| all.find(&order.channel)).ok_or(Refusal::GatewayUnavailable)?;

    let until = ctx.now().plus(TURN);
    let mut tx = ctx.begin().await?;
    let is_mine = rows::claim_reversal(&mut tx, order.id, ctx.now(), until).await?;
    tx.commit().await?;
    if !is_mine {
        return Err(Refusal::TooMany.into());
    }
    let done = ask(who, provider, &order, amount).await;
    let mut tx = ctx.begin().await?;
    rows::release_reversal(&mut tx, order.id, until).await?;
    tx.commit().await?;
    done
}

async fn ask(who: &Who, provider: &ProviderHandle, before: &AttemptRow, amount: Option<Money>) -> Outcome<Reversed> {
    let report = provider.status(before.order_ref.clone()).await.map_err(|trouble| gateway(before, &trouble))?;
    let order = apply(who, provider, before, &report).await?;
    let found = order.refunded.minus(before.refunded);
    let is_found = amount.map_or(order.reversed == order.payable, |amount| found >= amount && found > Money::ZERO);
    if is_found {
        return Ok(Reversed { refunded: order.refunded, is_pending: false });
    }
    let (left, left_to_pay) = (order.amount.minus(order.refunded), order.payable.minus(order.reversed));
    let sum = match amount {
        None => left_to_pay,
        Some(amount) if amount == left => left_to_pay,
        Some(amount) if amount > Money::ZERO && amount < left => {
            amount.part(order.payable.0, order.amount.0).min(left_to_pay)
        }
        Some(_) => return Err(Refusal::BadAmount.into()),
    };
    let comment = format!("order {}", order.order_ref);
    let asked = provider.reverse(order.order_ref.clone(), sum, order.currency.clone(), comment).await;
    match asked.map_err(|trouble| gateway(&order, &trouble))? {
        Reversal::Pending => Ok(Reversed { refunded: order.refunded, is_pending: true }),
        Reversal::Done => {
            let report = Report {
                merchant: provider.merchant().to_owned(),
                order: order.order_ref.clone(),
                payment: order.provider_ref.clone(),
                status: Status::Reversed,
                word: "reversed".to_owned(),
                amount: Some(order.payable),
                currency: Some(order.currency.clone()),
                reversed: order.reversed.plus(sum),
                way: String::new(),
            };
            let order = apply(who, provider, &order, &report).await?;
            Ok(Reversed { refunded: order.refunded, is_pending: false })
        }
    }
}

/// Does what the provider said; gives the order as it is then.
async fn apply(who: &Who, provider: &ProviderHandle, order: &AttemptRow, report: &Report) -> Outcome<AttemptRow> {
    let ctx = &who.ctx;
    let said = (Source::Asked, &who.author());
    if let Err(mismatch) = settle::apply(ctx, provider.as_ref(), order, report, said).await? {
        settle::alert(ctx, order, report, mismatch).await?;
        return Err(Refusal::GatewayUnavailable.into());
    }
    let now = rows::find(&mut ctx.read(), order.id).await?;
    Ok(now.ok_or_else(|| Error::internal("the order is gone"))?)
}

fn gateway(order: &AttemptRow, trouble: &Trouble) -> Refusal {
    metrics::counter!("gatehouse_payment_failures_total", "channel" => order.channel.clone(), "call" => "reverse")
        .increment(1);
    let (channel, reference) = (&order.channel, &order.order_ref);
    tracing::warn!(event = "payment.reverse_failed", channel, order = reference, "{channel} {trouble}");
    Refusal::GatewayUnavailable
}
