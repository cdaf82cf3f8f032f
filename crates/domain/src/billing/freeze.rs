//! Pauses of services without billing (specs/billing.md §8.5).

use gatehouse_model::{BillingSubscriptionId, Millis};
use gatehouse_store::{Tx, billing_subscription as rows};

use super::{
    Outcome, Refusal, Who, begin, conclude,
    connect::CODE,
    owned, renew,
    scope::{self, Target},
};
use crate::audit::{self, Object, Stream};

/// Freezes a subscription: it keeps what is left of its period, is not renewed and gives nothing. One that is frozen stays so.
/// Staff only.
///
/// Errors: those of [`scope::target`]; `Forbidden` for subscribers; `NotFound`. Source: specs/billing.md §8.5.
pub async fn freeze(who: &Who, uid: Option<i64>, id: BillingSubscriptionId) -> Outcome<()> {
    change(who, uid, id, true).await
}

/// Lets a frozen subscription go on with what was left of its period. Staff only.
///
/// Errors: as [`freeze`].
pub async fn unfreeze(who: &Who, uid: Option<i64>, id: BillingSubscriptionId) -> Outcome<()> {
    change(who, uid, id, false).await
}

async fn change(who: &Who, uid: Option<i64>, id: BillingSubscriptionId, is_frozen: bool) -> Outcome<()> {
    if !who.is_admin() {
        return Err(Refusal::Forbidden.into());
    }
    let target = scope::target(&mut who.ctx.read(), who, uid, Some(CODE)).await?;
    let mut tx = who.ctx.begin().await?;
    let outcome = change_in(&mut tx, who, target, id, is_frozen).await;
    conclude(tx, outcome).await
}

async fn change_in(tx: &mut Tx, who: &Who, target: Target, id: BillingSubscriptionId, is_frozen: bool) -> Outcome<()> {
    let (ctx, now) = (&who.ctx, who.ctx.now());
    let subscription = owned::lock(ctx, tx, target.account, id).await?.subscription;
    if subscription.state != "active" {
        return Err(Refusal::NotFound.into());
    }
    let action = match (subscription.frozen_left, is_frozen) {
        (None, true) => {
            let left = subscription.end_at.map_or(0, |end| end.0.saturating_sub(now.0).max(0));
            rows::update_frozen(tx, id, Some(left), subscription.end_at, now).await?;
            "billing.service.freeze"
        }
        (Some(left), false) => {
            let end = subscription.end_at.map(|_| Millis(now.0.saturating_add(left)));
            rows::update_frozen(tx, id, None, end, now).await?;
            "billing.service.unfreeze"
        }
        _ => return Ok(()),
    };
    begin::announce(ctx, tx, target.account).await?;
    let detail = serde_json::json!({ "subscription": id, "service": subscription.billing_service_id });
    let name = target.uid.to_string();
    let object = Object::new("subscriber", target.account.0, &name);
    audit::record(tx, ctx, Stream::Change, action, object, "ok", Some(detail.to_string())).await?;
    if !is_frozen {
        renew::resume(ctx, tx, target.account).await?;
    }
    Ok(())
}
