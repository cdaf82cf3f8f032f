//! Billing groups, services, extra fields, scratch cards; address pools and devices; the subscriber pass.
//!
//! Groups come before roles, which are bound to them; everything a subscriber has comes before the accounts; devices, which name
//! accounts, after them.

mod base;
pub(super) mod file;
mod place;
mod service;
pub(super) mod subscriber;

use gatehouse_model::RoleId;
use gatehouse_store::{Aspect, Query, Tx, role_reach};

use super::{
    AddressPoolEntry, BillingFieldEntry, BillingGroupEntry, BillingServiceEntry, CardEntry, Change, DeviceEntry,
    Presence, RoleEntry, RoleGroups, StateFile, Work, check::Problems,
};
use crate::{Ctx, Error, Result};

/// How many entries of these kinds a file has.
pub(super) fn count(file: &StateFile) -> usize {
    let billing = &file.billing;
    billing.group.len()
        + billing.service.len()
        + billing.field.len()
        + billing.card.len()
        + file.address_pool.len()
        + file.device.len()
}

/// Whether a file says how billing is set up.
pub(super) fn is_set_up(file: &StateFile) -> bool {
    let billing = &file.billing;
    !billing.group.is_empty() || !billing.service.is_empty() || !billing.field.is_empty()
}

/// Every rule that the file alone breaks.
pub(super) fn check(file: &StateFile, problems: &mut Problems) {
    let billing = &file.billing;
    problems.unique("name", billing.group.iter().map(|entry| (entry.name.clone(), entry.entry())));
    problems.unique("key", billing.service.iter().map(|entry| (entry.key.clone(), entry.entry())));
    problems.unique("name", billing.field.iter().map(|entry| (entry.name.clone(), entry.entry())));
    problems.unique("code", billing.card.iter().map(|entry| (entry.code.expose().to_owned(), entry.entry())));
    problems.unique("name", file.address_pool.iter().map(|entry| (entry.name.clone(), entry.entry())));
    problems.unique("mac", file.device.iter().map(|entry| (place::mac(&entry.mac).unwrap_or_default(), entry.entry())));
    let uids =
        file.account.iter().filter_map(|entry| Some((entry.subscriber.as_ref()?.uid?.to_string(), entry.entry())));
    problems.unique("subscriber.uid", uids);
    for entry in &billing.service {
        problems.text(&entry.entry(), "key", &entry.key, 1, 64);
        problems.optional(&entry.entry(), "module", entry.module.as_ref());
        problems.optional(&entry.entry(), "category", entry.category.as_ref());
        if entry.tags.iter().flatten().any(|tag| tag.is_empty() || tag.contains([',', ' '])) {
            problems.refuse(&entry.entry(), "tags", "words without commas and blanks, such as \"speed=5\"");
        }
    }
    for entry in &billing.card {
        problems.text(&entry.entry(), "series", &entry.series, 0, 64);
        if entry.state == Presence::Present && entry.amount.is_none() {
            problems.refuse(&entry.entry(), "amount", "what it is worth, such as \"100.00\"");
        }
    }
    for entry in &billing.field {
        if entry.state == Presence::Present && entry.kind.is_none() {
            problems.refuse(&entry.entry(), "type", "a type such as \"str_one\"");
        }
    }
    for entry in &file.address_pool {
        problems.text(&entry.entry(), "name", &entry.name, 1, 100);
    }
    for entry in &file.device {
        if place::mac(&entry.mac).is_none() {
            problems.refuse(&entry.entry(), "mac", "twelve hex digits, such as \"00:1a:2b:3c:4d:5e\"");
        }
    }
    for entry in &file.account {
        for (key, rule) in entry.subscriber.iter().flat_map(subscriber::faults) {
            problems.refuse(&entry.entry(), key, rule);
        }
    }
}

/// Makes and changes groups.
pub(super) async fn groups(ctx: &Ctx, tx: &mut Tx, file: &StateFile, work: &mut Work) -> Result<()> {
    for entry in file.billing.group.iter().filter(|entry| entry.state == Presence::Present) {
        let outcome = base::group(ctx, tx, entry).await;
        work.note(BillingGroupEntry::KIND, entry.key(), outcome)?;
    }
    Ok(())
}

/// Makes and changes what subscribers have.
pub(super) async fn ensure(ctx: &Ctx, tx: &mut Tx, file: &StateFile, work: &mut Work) -> Result<()> {
    service::ensure(ctx, tx, file, work).await?;
    for entry in file.billing.field.iter().filter(|entry| entry.state == Presence::Present) {
        let outcome = base::field(ctx, tx, entry).await;
        work.note(BillingFieldEntry::KIND, entry.key(), outcome)?;
    }
    for entry in file.billing.card.iter().filter(|entry| entry.state == Presence::Present) {
        let outcome = base::card(ctx, tx, entry).await;
        work.note(CardEntry::KIND, entry.key(), outcome)?;
    }
    for entry in file.address_pool.iter().filter(|entry| entry.state == Presence::Present) {
        let outcome = place::pool(ctx, tx, entry).await;
        work.note(AddressPoolEntry::KIND, entry.key(), outcome)?;
    }
    Ok(())
}

/// Makes, moves and removes devices, once their owners are there.
pub(super) async fn devices(ctx: &Ctx, tx: &mut Tx, file: &StateFile, work: &mut Work) -> Result<()> {
    for entry in &file.device {
        let outcome = place::device(ctx, tx, entry).await;
        work.note(DeviceEntry::KIND, entry.key(), outcome)?;
    }
    Ok(())
}

/// Removes, after accounts and roles have lost it.
pub(super) async fn remove(ctx: &Ctx, tx: &mut Tx, file: &StateFile, work: &mut Work) -> Result<()> {
    let billing = &file.billing;
    for entry in billing.card.iter().filter(|entry| entry.state == Presence::Absent) {
        let outcome = crate::billing::card::remove(ctx, tx, &entry.code).await;
        work.note(CardEntry::KIND, entry.key(), outcome)?;
    }
    for entry in billing.field.iter().filter(|entry| entry.state == Presence::Absent) {
        let outcome = crate::billing::field::delete(ctx, tx, &entry.name).await;
        work.note(BillingFieldEntry::KIND, entry.key(), outcome)?;
    }
    for entry in billing.service.iter().filter(|entry| entry.state == Presence::Absent) {
        let outcome = service::remove(ctx, tx, entry).await;
        work.note(BillingServiceEntry::KIND, entry.key(), outcome)?;
    }
    for entry in file.address_pool.iter().filter(|entry| entry.state == Presence::Absent) {
        let outcome = place::remove_pool(ctx, tx, entry).await;
        work.note(AddressPoolEntry::KIND, entry.key(), outcome)?;
    }
    for entry in billing.group.iter().filter(|entry| entry.state == Presence::Absent) {
        let outcome = base::remove_group(ctx, tx, entry).await;
        work.note(BillingGroupEntry::KIND, entry.key(), outcome)?;
    }
    Ok(())
}

/// Whether a role is bound to other billing groups than its entry names.
pub(super) async fn role_differs(q: &mut impl Query, entry: &RoleEntry, role: RoleId) -> Result<bool> {
    let Some(wanted) = &entry.billing_groups else { return Ok(false) };
    let held = role_reach::find_of_role(q, role).await?;
    Ok(match (wanted, held) {
        (RoleGroups::All, held) => held.is_some(),
        (RoleGroups::Some(_), None) => true,
        (RoleGroups::Some(names), Some(mut held)) => {
            let mut wanted = base::group_ids(q, names).await?;
            wanted.sort_unstable();
            held.sort_unstable();
            wanted != held
        }
    })
}

/// Binds a role to the billing groups its entry names.
pub(super) async fn bind_role(tx: &mut Tx, entry: &RoleEntry, role: RoleId) -> Result<()> {
    match &entry.billing_groups {
        None => return Ok(()),
        Some(RoleGroups::All) => role_reach::replace(tx, role, None).await?,
        Some(RoleGroups::Some(names)) => {
            let groups = base::group_ids(tx, names).await?;
            role_reach::replace(tx, role, Some(&groups)).await?;
        }
    }
    tx.touch(Aspect::Permission, Some(role.0));
    Ok(())
}

/// A refusal of billing, told as a rule of an entry.
fn told(key: &'static str, failure: crate::billing::Failure) -> Error {
    match failure {
        crate::billing::Failure::Refused(refusal) => {
            Error::invalid(key, format!("billing refuses it: {}", refusal.code()))
        }
        crate::billing::Failure::Error(error) => error,
    }
}

/// What became of a thing.
fn outcome(is_new: bool, is_changed: bool) -> Change {
    match (is_new, is_changed) {
        (true, _) => Change::Created,
        (false, true) => Change::Updated,
        (false, false) => Change::Unchanged,
    }
}
