//! What a subscriber may connect (specs/billing.md §5.5).

use gatehouse_model::{BillingServiceId, BillingSubscriptionId};
use gatehouse_store::{
    Query, billing_service as services, billing_service::ServiceRow, billing_subscription as rows,
    billing_subscription::SubscriptionRow,
};

use super::{
    Outcome, Refusal, Who, scope,
    service::{Listed, with_groups},
};

/// A service that the subscriber's group may have.
#[derive(Debug)]
pub struct Selectable {
    /// The service.
    pub service: Listed,
    /// Why it cannot be connected: `already`, `analog`.
    pub why_not: Option<&'static str>,
}

/// Lists the services with a price that the subscriber's group may have, by number.
///
/// Errors: those of [`scope::target`]. Source: specs/billing.md §5.5.
pub async fn list(who: &Who, uid: Option<i64>) -> Outcome<Vec<Selectable>> {
    let q = &mut who.ctx.read();
    let target = scope::target(q, who, uid, None).await?;
    let all = services::list_for_group(q, target.group).await?;
    let connected = connected(q, target.account).await?;
    let why_not = |row: &ServiceRow| match refusal(row, &connected) {
        Some(Refusal::ServiceAlready) => Some("already"),
        Some(_) => Some("analog"),
        None => None,
    };
    let listed = with_groups(all, &services::list_groups(q).await?);
    Ok(listed.into_iter().map(|service| Selectable { why_not: why_not(&service.row), service }).collect())
}

/// What is connected, or was and waits for money, with the module of the service.
pub(super) struct Connected {
    pub(super) id: BillingSubscriptionId,
    pub(super) service: BillingServiceId,
    pub(super) module: String,
    pub(super) is_active: bool,
}

/// What a subscriber has.
pub(super) async fn connected(
    q: &mut impl Query,
    account: gatehouse_model::AccountId,
) -> crate::Result<Vec<Connected>> {
    let mut all = Vec::new();
    for SubscriptionRow { id, billing_service_id, ordered_service_id, state, .. } in rows::list_of(q, account).await? {
        let is_active = state == "active";
        // One that stopped is what it shall be again.
        let service = if is_active { billing_service_id } else { ordered_service_id.unwrap_or(billing_service_id) };
        let module = services::find(q, service).await?.map(|row| row.module).unwrap_or_default();
        all.push(Connected { id, service, module, is_active });
    }
    Ok(all)
}

/// Why a service cannot be connected beside others.
pub(super) fn refusal(row: &ServiceRow, connected: &[Connected]) -> Option<Refusal> {
    let active = || connected.iter().filter(|other| other.is_active);
    if active().any(|other| other.service == row.id) {
        Some(Refusal::ServiceAlready)
    } else if !row.is_multiple && active().any(|other| other.module == row.module) {
        Some(Refusal::ServiceAnalog)
    } else {
        None
    }
}
