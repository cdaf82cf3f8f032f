//! Ends services early (specs/billing.md §8.4).

use std::time::Duration;

use gatehouse_model::{AccountId, BillingSubscriptionId, Millis, Money};
use gatehouse_store::{
    Tx,
    billing_subscription::{self as rows, PeriodRow, SubscriptionRow},
};

use super::{
    Outcome, Refusal, Who, begin, conclude,
    connect::CODE,
    owned, price, renew,
    scope::{self, Target},
};
use crate::{
    Result,
    audit::{self, Object, Stream},
    ledger::{self, Book, Event, Line, Shown, kind},
};

/// So close to its end a service just ends.
const CLOSE: Duration = Duration::from_secs(5);

/// Ends a subscription now and gives back what was not used of its charge; gives how much that is, negative where less is owed to
/// him than he was given. Staff only.
///
/// Errors: those of [`scope::target`]; `Forbidden` for subscribers; `NotFound`. Source: specs/billing.md §8.4.
pub async fn finish(who: &Who, uid: Option<i64>, id: BillingSubscriptionId) -> Outcome<Money> {
    if !who.is_admin() {
        return Err(Refusal::Forbidden.into());
    }
    let target = scope::target(&mut who.ctx.read(), who, uid, Some(CODE)).await?;
    let mut tx = who.ctx.begin().await?;
    let outcome = finish_in(&mut tx, who, target, id).await;
    conclude(tx, outcome).await
}

async fn finish_in(tx: &mut Tx, who: &Who, target: Target, id: BillingSubscriptionId) -> Outcome<Money> {
    let (ctx, account) = (&who.ctx, target.account);
    let subscription = owned::lock(ctx, tx, account, id).await?.subscription;
    let is_active = subscription.state == "active";
    let refund = match rows::find_period(tx, id, subscription.start_at).await? {
        Some(period) if is_active => refund_of(&subscription, &period, ctx.now()).map(|refund| (period, refund)),
        _ => None,
    };
    let end = if is_active { Some(ctx.now()) } else { subscription.end_at };
    rows::end(tx, id, end, ctx.now()).await?;
    let given = match &refund {
        Some((period, refund)) => {
            give_back(who, tx, account, period, *refund).await?;
            *refund
        }
        None => Money::ZERO,
    };
    let (reference, reason) = (id.to_string(), given.to_decimal());
    let shown = Shown {
        kind: kind::FINISHED_EARLY,
        at: None,
        reason: &reason,
        comment: "",
        reference: Some(&reference),
        settles: None,
    };
    ledger::note(ctx, tx, Some(account), &who.author(), &shown).await?;
    begin::announce(ctx, tx, account).await?;
    let detail = serde_json::json!({
        "subscription": id, "service": subscription.billing_service_id, "refund": given.to_decimal(),
    });
    let name = target.uid.to_string();
    let object = Object::new("subscriber", account.0, &name);
    audit::record(tx, ctx, Stream::Change, "billing.service.finish", object, "ok", Some(detail.to_string())).await?;
    if given > Money::ZERO {
        renew::resume(ctx, tx, account).await?;
    }
    Ok(given)
}

/// What is given back of a period that ends now. Time in which it was frozen was not used.
fn refund_of(subscription: &SubscriptionRow, period: &PeriodRow, now: Millis) -> Option<Money> {
    let left = match (subscription.frozen_left, subscription.end_at) {
        (Some(left), _) => left,
        (None, Some(end)) => end.0.saturating_sub(now.0),
        (None, None) => return None,
    };
    let whole = period.end_at?.0.saturating_sub(period.start_at.0);
    if Millis(left) <= Millis(0).plus(CLOSE) {
        return None;
    }
    let due = price::of_used(period.amount, left, whole)?;
    Some(period.amount.minus(period.refunded).minus(due)).filter(|refund| *refund != Money::ZERO)
}

/// Posts it: the charge stays as it was.
async fn give_back(who: &Who, tx: &mut Tx, account: AccountId, period: &PeriodRow, refund: Money) -> Result<()> {
    let (ctx, id) = (&who.ctx, period.billing_subscription_id);
    let (service, reference, author) = (period.billing_service_id.to_string(), id.to_string(), who.author());
    let (kind, book) = if period.amount > Money::ZERO {
        (kind::CHARGE, Book::Revenue(&service))
    } else {
        (kind::BONUS_SERVICE, Book::Bonus)
    };
    let reason = period.statement_id.map_or_else(String::new, |id| id.to_string());
    let shown = Shown { kind, at: None, reason: &reason, comment: "", reference: Some(&reference), settles: None };
    let lines = [Line::wallet(account, refund, shown), Line::house(book, refund.negated())];
    let key = format!("refund:{id}:{}", period.start_at.0);
    let event = Event { key: &key, reason: "billing.finish", author: &author, lines: &lines };
    ledger::post(ctx, tx, &ctx.app.settings().billing.pay.currency, &event).await?;
    rows::update_refunded(tx, id, period.start_at, period.refunded.plus(refund)).await?;
    Ok(())
}
