//! Billing groups: what subscribers are sorted into (specs/billing.md §6.1). The state file makes them.

use gatehouse_model::{BillingGroupId, Money};
use gatehouse_store::{
    Aspect, Query, Tx,
    billing_group::{self as rows, BillingGroupRow},
};

use super::{Outcome, Refusal, Who, scope};
use crate::{
    Ctx, Error, Result,
    audit::{self, Object},
};

/// The group that is made when the first subscriber comes and there is none.
pub const DEFAULT: &str = "default";

/// What a group says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Name, 1 to 64 characters.
    pub name: String,
    /// What staff wrote about it.
    pub property: String,
    /// Limit of new subscribers in it; negative: allowed debt.
    pub limit_balance: Money,
}

/// Lists the groups that the caller's `billing.access` reaches, by number.
///
/// Shape: nothing → groups. Errors: `Forbidden` for subscribers, `NoPrivilege`. Source: specs/billing.md §6.2.
pub async fn list(who: &Who) -> Outcome<Vec<BillingGroupRow>> {
    let reach = scope::reach(&mut who.ctx.read(), who, "billing.access").await?;
    let mut groups = rows::list(&mut who.ctx.read()).await?;
    groups.retain(|group| reach.holds(group.id));
    Ok(groups)
}

/// Finds a group. Errors: `BadRequest` where there is none.
pub(crate) async fn find(q: &mut impl Query, id: BillingGroupId) -> Outcome<BillingGroupRow> {
    rows::find(q, id).await?.ok_or_else(|| Refusal::BadRequest.into())
}

/// The group with the lowest number, made if there is none.
pub(crate) async fn first(ctx: &Ctx, tx: &mut Tx) -> Result<BillingGroupId> {
    if let Some(group) = rows::find_first(tx).await? {
        return Ok(group.id);
    }
    let group = Group { name: DEFAULT.to_owned(), property: String::new(), limit_balance: Money::ZERO };
    insert(ctx, tx, None, &group).await
}

/// Makes a group, with a number of the caller's choice or the next one.
pub(crate) async fn insert(
    ctx: &Ctx,
    tx: &mut Tx,
    id: Option<BillingGroupId>,
    group: &Group,
) -> Result<BillingGroupId> {
    check(group)?;
    if let Some(id) = id.filter(|id| id.0 < 1) {
        return Err(Error::invalid("id", format!("a number above 0 instead of {id}")));
    }
    let texts = (group.name.as_str(), group.property.as_str());
    let id = rows::insert(tx, id, texts, group.limit_balance, ctx.now()).await.map_err(taken)?;
    tx.touch(Aspect::Billing, None);
    audit::changed(tx, ctx, "billing.group.create", Object::new("billing_group", id.0, &group.name)).await?;
    Ok(id)
}

/// Changes a group; subscribers that are in it keep their limits.
pub(crate) async fn update(ctx: &Ctx, tx: &mut Tx, id: BillingGroupId, group: &Group) -> Result<()> {
    check(group)?;
    let texts = (group.name.as_str(), group.property.as_str());
    rows::update(tx, id, texts, group.limit_balance, ctx.now()).await.map_err(taken)?;
    tx.touch(Aspect::Billing, None);
    audit::changed(tx, ctx, "billing.group.update", Object::new("billing_group", id.0, &group.name)).await
}

/// Deletes a group. Errors: `Locked` while subscribers are in it.
pub(crate) async fn delete(ctx: &Ctx, tx: &mut Tx, group: &BillingGroupRow) -> Result<()> {
    if rows::count_subscribers(tx, group.id).await? > 0 {
        return Err(Error::Locked { what: "billing group", why: "subscribers are in it: move them first" });
    }
    rows::delete(tx, group.id).await?;
    tx.touch(Aspect::Billing, None);
    audit::changed(tx, ctx, "billing.group.delete", Object::new("billing_group", group.id.0, &group.name)).await
}

fn check(group: &Group) -> Result<()> {
    if !(1..=64).contains(&group.name.chars().count()) || group.name.chars().any(char::is_control) {
        return Err(Error::invalid("name", "1 to 64 characters"));
    }
    if group.property.chars().count() > 512 {
        return Err(Error::invalid("property", "at most 512 characters"));
    }
    Ok(())
}

fn taken(error: gatehouse_store::Error) -> Error {
    match Error::from(error) {
        Error::Conflict { key, .. } if key == "billing_group_pkey" => Error::Conflict { what: "id", key },
        Error::Conflict { key, .. } => Error::Conflict { what: "name", key },
        other => other,
    }
}
