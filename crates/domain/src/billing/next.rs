//! Orders what follows a service (specs/billing.md §5.6, §8.2).

use gatehouse_model::{BillingServiceId, BillingSubscriptionId, Money};
use gatehouse_store::{Tx, billing_block, billing_service as services, billing_subscription as rows};

use super::{
    Outcome, Refusal, Who, begin, conclude,
    connect::CODE,
    owned::{self, Owned},
    scope::{self, Target},
    service::Service,
};
use crate::{
    audit::{self, Object, Stream},
    ledger::kind,
};

/// Orders the service that follows a subscription; none: it ends with its period.
///
/// Errors: those of [`scope::target`]; `NotFound` for a subscription of somebody else; `OrderingBlocked`, `ServiceUnavailable`,
/// `ServiceBroken`, `ServiceModule`, `ServiceNoRenew`. Source: specs/billing.md §5.6.
pub async fn set_next(
    who: &Who,
    uid: Option<i64>,
    id: BillingSubscriptionId,
    service: Option<BillingServiceId>,
) -> Outcome<()> {
    let target = scope::target(&mut who.ctx.read(), who, uid, Some(CODE)).await?;
    let mut tx = who.ctx.begin().await?;
    let outcome = set_next_in(&mut tx, who, target, id, service).await;
    conclude(tx, outcome).await
}

async fn set_next_in(
    tx: &mut Tx,
    who: &Who,
    target: Target,
    id: BillingSubscriptionId,
    service: Option<BillingServiceId>,
) -> Outcome<()> {
    let (ctx, now) = (&who.ctx, who.ctx.now());
    let Owned { subscription, terms } = owned::lock(ctx, tx, target.account, id).await?;
    let next = match service {
        Some(service) => Some(check(tx, who, (&subscription, &terms), service).await?),
        None => None,
    };
    let is_active = subscription.state == "active";
    let written = match &next {
        // What waits for money waits no longer.
        None if !is_active => rows::end(tx, id, subscription.end_at, now).await,
        None => rows::update_next(tx, id, None, None, now).await,
        // It has another one now for want of money: the order is what comes as soon as there is some.
        Some(next) if subscription.ordered_service_id.is_some() => {
            rows::update_next(tx, id, Some(next.id), next.follower(), now).await
        }
        Some(next) => rows::update_next(tx, id, None, Some(next.id), now).await,
    };
    written?;
    if !is_active {
        begin::announce(ctx, tx, target.account).await?;
    }
    let detail = serde_json::json!({
        "subscription": id, "from": subscription.ordered_service_id.or(subscription.next_service_id), "to": service,
    });
    let name = target.uid.to_string();
    let object = Object::new("subscriber", target.account.0, &name);
    audit::record(tx, ctx, Stream::Change, "billing.service.set_next", object, "ok", Some(detail.to_string())).await?;
    Ok(())
}

/// The service, if it may follow.
async fn check(
    tx: &mut Tx,
    who: &Who,
    (subscription, terms): (&rows::SubscriptionRow, &gatehouse_store::subscriber::TermsRow),
    id: BillingServiceId,
) -> Outcome<Service> {
    if billing_block::find(tx, subscription.account_id, kind::NO_ORDERING).await?.is_some() {
        return Err(Refusal::OrderingBlocked.into());
    }
    let row = services::find(tx, id).await?.ok_or(Refusal::ServiceUnavailable)?;
    let current = services::find(tx, subscription.billing_service_id).await?.ok_or(Refusal::ServiceUnavailable)?;
    if row.module != current.module || row.period_mode == "once" {
        return Err(Refusal::ServiceModule.into());
    }
    if row.is_no_renew && !who.is_admin() {
        return Err(Refusal::ServiceNoRenew.into());
    }
    let is_for_group = services::is_for_group(tx, id, terms.billing_group_id).await?;
    if !is_for_group || (row.price <= Money::ZERO && !who.is_admin()) {
        return Err(Refusal::ServiceUnavailable.into());
    }
    Ok(Service::try_from(row).map_err(|_| Refusal::ServiceBroken)?)
}
