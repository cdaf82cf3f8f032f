//! Groups, extra fields, scratch cards.

use std::collections::BTreeSet;

use gatehouse_model::{BillingGroupId, Money};
use gatehouse_store::{Query, Tx, billing_group as rows};

use super::super::{BillingFieldEntry, BillingGroupEntry, CardEntry, Change};
use crate::{
    Ctx, Error, Result,
    billing::{
        card,
        field::{self, FieldSpec},
        group::{self, Group},
    },
};

pub(super) async fn group(ctx: &Ctx, tx: &mut Tx, entry: &BillingGroupEntry) -> Result<Change> {
    let found = rows::find_by_name(tx, &entry.name).await?;
    let old = found.as_ref().map(|row| Group {
        name: row.name.clone(),
        property: row.property.clone(),
        limit_balance: row.limit_balance,
    });
    let base = old.clone().unwrap_or_else(|| Group {
        name: entry.name.clone(),
        property: String::new(),
        limit_balance: Money::ZERO,
    });
    let new = Group {
        property: entry.property.clone().unwrap_or_else(|| base.property.clone()),
        limit_balance: entry.limit_balance.map_or(base.limit_balance, |amount| amount.0),
        ..base
    };
    let id = entry.id.map(BillingGroupId);
    let Some(row) = found else {
        if let Some(id) = id
            && rows::find(tx, id).await?.is_some()
        {
            return Err(Error::invalid("id", "another group has this number"));
        }
        group::insert(ctx, tx, id, &new).await?;
        return Ok(Change::Created);
    };
    if id.is_some_and(|id| id != row.id) {
        return Err(Error::invalid("id", format!("the group is number {} and stays so", row.id)));
    }
    if old.as_ref() == Some(&new) {
        return Ok(Change::Unchanged);
    }
    group::update(ctx, tx, row.id, &new).await?;
    Ok(Change::Updated)
}

pub(super) async fn remove_group(ctx: &Ctx, tx: &mut Tx, entry: &BillingGroupEntry) -> Result<Change> {
    let Some(row) = rows::find_by_name(tx, &entry.name).await? else { return Ok(Change::Unchanged) };
    group::delete(ctx, tx, &row).await?;
    Ok(Change::Removed)
}

/// The numbers of groups. Errors: `Invalid` for a name that none has.
pub(super) async fn group_ids(q: &mut impl Query, names: &BTreeSet<String>) -> Result<Vec<BillingGroupId>> {
    let mut ids = Vec::with_capacity(names.len());
    for name in names {
        ids.push(group_id(q, "billing_groups", name).await?);
    }
    Ok(ids)
}

/// The number of a group. Errors: `Invalid` for a name that none has.
pub(super) async fn group_id(q: &mut impl Query, key: &'static str, name: &str) -> Result<BillingGroupId> {
    let row = rows::find_by_name(q, name).await?;
    row.map(|row| row.id).ok_or_else(|| Error::invalid(key, format!("no billing group is `{name}`")))
}

pub(super) async fn field(ctx: &Ctx, tx: &mut Tx, entry: &BillingFieldEntry) -> Result<Change> {
    let kind = entry.kind.ok_or_else(|| Error::invalid("type", "a type such as \"str_one\""))?;
    let spec = FieldSpec {
        name: entry.name.clone(),
        title: entry.title.clone().unwrap_or_else(|| entry.name.clone()),
        section: entry.section.clone(),
        kind,
        flags: entry.flags.clone(),
        pattern: entry.pattern.clone(),
        choices: entry.choices.clone(),
        comment: entry.comment.clone(),
        is_staff_only: entry.staff_only,
    };
    field::ensure(ctx, tx, &spec).await
}

pub(super) async fn card(ctx: &Ctx, tx: &mut Tx, entry: &CardEntry) -> Result<Change> {
    let amount = entry.amount.ok_or_else(|| Error::invalid("amount", "what it is worth, such as \"100.00\""))?;
    card::ensure(ctx, tx, &entry.code, &entry.series, amount.0).await
}
