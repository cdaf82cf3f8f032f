//! The catalogue of services.

use gatehouse_model::{BillingGroupId, BillingServiceId};
use gatehouse_store::{
    Aspect, Query, Tx,
    billing_service::{self as rows, ServiceRow},
};

use super::{
    super::{BillingServiceEntry, Change, Presence, StateFile, Work},
    base,
};
use crate::{
    Ctx, Error, Result,
    audit::{self, Object},
    billing::{
        period::PeriodMode,
        service::{self, Service, ServiceSpec, Tags},
    },
};

/// Makes and changes services, each after the one that stands in for it.
pub(super) async fn ensure(ctx: &Ctx, tx: &mut Tx, file: &StateFile, work: &mut Work) -> Result<()> {
    let mut waiting: Vec<_> = file.billing.service.iter().filter(|entry| entry.state == Presence::Present).collect();
    while !waiting.is_empty() {
        let before = waiting.len();
        let mut later = Vec::new();
        for entry in waiting {
            let fallback = entry.fallback_service.as_deref().filter(|key| !key.is_empty());
            let is_here = match fallback {
                Some(key) => rows::find_by_key(tx, key).await?.is_some(),
                None => true,
            };
            if is_here {
                let outcome = one(ctx, tx, entry).await;
                work.note(BillingServiceEntry::KIND, entry.key(), outcome)?;
            } else {
                later.push(entry);
            }
        }
        if later.len() == before {
            for entry in later {
                let rule = "no service has this key, or each waits for the other: say it in two files";
                work.note(BillingServiceEntry::KIND, entry.key(), Err(Error::invalid("fallback_service", rule)))?;
            }
            return Ok(());
        }
        waiting = later;
    }
    Ok(())
}

async fn one(ctx: &Ctx, tx: &mut Tx, entry: &BillingServiceEntry) -> Result<Change> {
    let named = entry.id.map(BillingServiceId);
    let mut found = rows::find_by_key(tx, &entry.key).await?;
    match (&found, named) {
        (Some(row), Some(id)) if row.id != id => {
            return Err(Error::invalid("id", format!("the service is number {} and stays so", row.id)));
        }
        // One that came from elsewhere gets its name.
        (None, Some(id)) => {
            found = rows::find(tx, id).await?;
            if found.as_ref().is_some_and(|row| row.key.is_some()) {
                return Err(Error::invalid("id", "another service has this number"));
            }
        }
        _ => {}
    }
    let old = match &found {
        Some(row) => Some(spec(tx, row).await?),
        None => None,
    };
    let new = overlay(tx, entry, old.as_ref()).await?;
    if old.as_ref() == Some(&new) {
        return Ok(Change::Unchanged);
    }
    service::save(ctx, tx, found.as_ref().map(|row| row.id).or(named), &new).await?;
    // What he gets who has it may be another thing now.
    tx.touch(Aspect::Billing, None);
    Ok(super::outcome(old.is_none(), true))
}

/// A service as it is stored. One whose definition is faulty is written anew from what can be read of it.
async fn spec(q: &mut impl Query, row: &ServiceRow) -> Result<ServiceSpec> {
    let pairs = rows::list_groups(q).await?;
    let groups: Vec<BillingGroupId> =
        pairs.into_iter().filter(|(service, _)| *service == row.id).map(|(_, group)| group).collect();
    let Ok(service) = Service::try_from(row.clone()) else {
        return Ok(ServiceSpec { groups, ..ServiceSpec::new(&row.title, row.price, PeriodMode::Endless) });
    };
    Ok(ServiceSpec {
        key: row.key.clone(),
        module: service.module,
        category: service.category,
        title: service.title,
        description: service.description,
        price: service.price,
        period: service.period,
        is_auto_renew: service.is_auto_renew,
        is_no_renew: service.is_no_renew,
        is_multiple: service.is_multiple,
        is_discountable: service.is_discountable,
        is_funds_checked: service.is_funds_checked,
        on_no_money: service.on_no_money,
        fallback: service.fallback,
        tags: service.tags,
        param: service.param,
        groups,
    })
}

/// What is stored, with what the entry names in its place.
async fn overlay(q: &mut impl Query, entry: &BillingServiceEntry, old: Option<&ServiceSpec>) -> Result<ServiceSpec> {
    let required = |key: &'static str| Error::invalid(key, "is required for a new service");
    let (price, period) = (entry.price.map(|amount| amount.0), entry.period.map(|period| period.0));
    let base = match old {
        Some(old) => old.clone(),
        None => ServiceSpec::new(
            &entry.key,
            price.ok_or_else(|| required("price"))?,
            period.ok_or_else(|| required("period"))?,
        ),
    };
    let fallback = match entry.fallback_service.as_deref() {
        None => base.fallback,
        Some("") => None,
        Some(key) => rows::find_by_key(q, key).await?.map(|row| row.id),
    };
    let groups = match &entry.groups {
        None => base.groups.clone(),
        Some(names) => {
            let mut groups = Vec::with_capacity(names.len());
            for name in names {
                groups.push(base::group_id(q, "groups", name).await?);
            }
            groups.sort_unstable();
            groups
        }
    };
    let text = |named: &Option<String>, held: String| named.clone().unwrap_or(held);
    Ok(ServiceSpec {
        key: Some(entry.key.clone()),
        module: text(&entry.module, base.module),
        category: text(&entry.category, base.category),
        title: text(&entry.title, base.title),
        description: text(&entry.description, base.description),
        price: price.unwrap_or(base.price),
        period: period.unwrap_or(base.period),
        is_auto_renew: entry.auto_renew.unwrap_or(base.is_auto_renew),
        is_no_renew: entry.no_renew.unwrap_or(base.is_no_renew),
        is_multiple: entry.multiple.unwrap_or(base.is_multiple),
        is_discountable: entry.discountable.unwrap_or(base.is_discountable),
        is_funds_checked: entry.funds_check.unwrap_or(base.is_funds_checked),
        on_no_money: entry.on_no_money.map_or(base.on_no_money, |policy| policy.0),
        fallback,
        tags: entry.tags.as_ref().map_or(base.tags, |tags| Tags::parse(&tags.join(","))),
        param: entry.param.clone().unwrap_or(base.param),
        groups,
    })
}

pub(super) async fn remove(ctx: &Ctx, tx: &mut Tx, entry: &BillingServiceEntry) -> Result<Change> {
    let Some(row) = rows::find_by_key(tx, &entry.key).await? else { return Ok(Change::Unchanged) };
    if rows::is_used(tx, row.id).await? {
        let why =
            "somebody has or had it, or it stands in for another: give it no groups instead, then nobody orders it";
        return Err(Error::Locked { what: "state", why });
    }
    rows::delete(tx, row.id).await?;
    tx.touch(Aspect::Billing, None);
    audit::changed(tx, ctx, "billing.service.delete", Object::new("billing_service", row.id.0, &row.title)).await?;
    Ok(Change::Removed)
}
