//! Connects a service (specs/billing.md §5.6).

use std::time::Duration;

use gatehouse_model::{AccountId, BillingServiceId, BillingSubscriptionId, Money, StatementId};
use gatehouse_store::{
    Tx, billing_block, billing_service as services,
    billing_subscription::{self as rows, NewSubscription},
    subscriber,
};

use super::{
    Outcome, Refusal, Who,
    begin::{self, Plan},
    conclude, idempotency, price,
    scope::{self, Target},
    select,
    service::Service,
};
use crate::{
    audit::{self, Object, Stream},
    ledger::{self, Shown, kind},
};

/// What staff need to change services.
pub(super) const CODE: &str = "billing.service.connect";

/// So soon the same order of what is charged once is taken for a repetition.
const REPEAT: Duration = Duration::from_mins(1);

/// A service that was connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connected {
    /// The subscription, on the wire `usr_service_id`.
    pub id: BillingSubscriptionId,
    /// The row of the charge; none: it is free.
    pub pay_id: Option<StatementId>,
}

/// Connects a service now and charges its first period. Under the same idempotency key once a day: a process that died before it
/// could keep its answer has connected it all the same.
///
/// Errors, in this order: those of [`scope::target`], `ServiceUnavailable`, `ServiceBroken`, `OrderingBlocked`, `ServiceAlready`,
/// `ServiceAnalog`, `Repeat`, `NoMoney`; a refusal changes nothing. Source: specs/billing.md §5.6.
pub async fn connect(who: &Who, uid: Option<i64>, service: BillingServiceId, key: Option<&str>) -> Outcome<Connected> {
    let target = scope::target(&mut who.ctx.read(), who, uid, Some(CODE)).await?;
    let mut tx = who.ctx.begin().await?;
    let outcome = connect_in(&mut tx, who, target, service, key).await;
    conclude(tx, outcome).await
}

/// As [`connect`], in a transaction, of a subscriber whom the caller may change.
pub async fn connect_in(
    tx: &mut Tx,
    who: &Who,
    target: Target,
    service: BillingServiceId,
    key: Option<&str>,
) -> Outcome<Connected> {
    let (ctx, account) = (&who.ctx, target.account);
    let wallet = ledger::wallet(ctx, tx, account, &ctx.app.settings().billing.pay.currency).await?;
    let terms = subscriber::lock_terms(tx, account).await?.ok_or(Refusal::NoUid)?;
    for name in key.iter().flat_map(|key| idempotency::names(&ctx.app, key)) {
        let since = ctx.now().minus(idempotency::KEPT);
        if let Some((id, pay_id)) = rows::find_by_key(tx, account, &name, since).await? {
            return Ok(Connected { id, pay_id });
        }
    }
    let row = services::find(tx, service).await?.ok_or(Refusal::ServiceUnavailable)?;
    let is_for_group = services::is_for_group(tx, service, terms.billing_group_id).await?;
    if !is_for_group || (row.price <= Money::ZERO && !who.is_admin()) {
        return Err(Refusal::ServiceUnavailable.into());
    }
    let service = Service::try_from(row.clone()).map_err(|faulty| {
        tracing::warn!(event = "billing.service_faulty", service = %faulty.id, "{faulty}");
        Refusal::ServiceBroken
    })?;
    if billing_block::find(tx, account, kind::NO_ORDERING).await?.is_some() {
        return Err(Refusal::OrderingBlocked.into());
    }
    let others = select::connected(tx, account).await?;
    if let Some(refusal) = select::refusal(&row, &others) {
        return Err(refusal.into());
    }
    let (now, plan) = (ctx.now(), Plan::new(&begin::zone(&ctx.app), &service, &terms, ctx.now(), None)?);
    if plan.is_once() && key.is_none() && rows::has_ordered_once(tx, account, service.id, now.minus(REPEAT)).await? {
        return Err(Refusal::Repeat.into());
    }
    if service.is_funds_checked && !price::is_affordable(&terms, wallet.balance, plan.price) {
        return Err(Refusal::NoMoney.into());
    }
    // What waits for money and is ordered anew would come twice.
    for other in others.iter().filter(|other| !other.is_active && !plan.is_once()) {
        if other.service == service.id || (!service.is_multiple && other.module == service.module) {
            rows::end(tx, other.id, None, now).await?;
        }
    }
    let new = NewSubscription {
        account_id: account,
        billing_service_id: service.id,
        next_service_id: if plan.is_once() { None } else { service.follower() },
        state: plan.state(),
        start_at: now,
        end_at: plan.period.end,
    };
    let id = rows::insert(tx, &new, now).await?;
    if let Some(name) = key.and_then(|key| idempotency::names(&ctx.app, key).next()) {
        rows::update_key(tx, id, &name).await?;
    }
    let author = who.author();
    let pay_id = begin::charge(ctx, tx, (id, account), &plan, &author, "billing.connect").await?;
    if pay_id.is_some() {
        rows::update_charge(tx, id, pay_id).await?;
    } else {
        note_free(who, tx, account, id, &service).await?;
    }
    begin::announce(ctx, tx, account).await?;
    let detail = serde_json::json!({
        "subscription": id, "service": service.id, "title": service.title, "price": plan.price.to_decimal(), "pay_id": pay_id,
    });
    let name = target.uid.to_string();
    let object = Object::new("subscriber", account.0, &name);
    audit::record(tx, ctx, Stream::Change, "billing.service.connect", object, "ok", Some(detail.to_string())).await?;
    Ok(Connected { id, pay_id })
}

/// The row of a service that costs nothing.
async fn note_free(
    who: &Who,
    tx: &mut Tx,
    account: AccountId,
    id: BillingSubscriptionId,
    service: &Service,
) -> Outcome<()> {
    let reference = id.to_string();
    let shown = Shown {
        kind: kind::BONUS_SERVICE,
        at: None,
        reason: "",
        comment: &service.title,
        reference: Some(&reference),
        settles: None,
    };
    ledger::note(&who.ctx, tx, Some(account), &who.author(), &shown).await?;
    Ok(())
}
