//! Resource groups, resources and roles, in both twins.

use std::collections::BTreeSet;

use gatehouse_model::{VpnResourceId, VpnRoleId};
use gatehouse_store::{
    Query, Tx, vpn_resource as resources,
    vpn_resource::VpnResourceRow,
    vpn_resource_group as groups,
    vpn_role::{self as roles, Linked, VpnRoleRow},
    vpn_twin_row as live,
};

use super::super::{Change, VpnResourceEntry, VpnResourceGroupEntry, VpnRoleEntry};
use crate::{
    Ctx, Error, Result,
    audit::{self, Object},
    vpn::{field, reach::Reach, resource as rules, resource_group::DEFAULT},
};

/// Refuses a name that the WebApi could not ask for.
fn named(name: &str) -> Result<()> {
    field::name("name", name).map_err(|_| Error::invalid("name", "1 to 48 bytes without commas and control characters"))
}

fn noted(note: Option<&String>) -> Result<()> {
    let is_good = note.is_none_or(|note| field::is_text(note, field::MAX_NAME));
    if is_good { Ok(()) } else { Err(Error::invalid("note", "at most 48 bytes, none of control")) }
}

/// What became of a thing whose row and links were looked at.
fn outcome(is_new: bool, is_changed: bool) -> Change {
    match (is_new, is_changed) {
        (true, _) => Change::Created,
        (false, true) => Change::Updated,
        (false, false) => Change::Unchanged,
    }
}

pub(super) async fn resource_group(
    ctx: &Ctx,
    tx: &mut Tx,
    entry: &VpnResourceGroupEntry,
    reach: &mut Reach,
) -> Result<Change> {
    named(&entry.name)?;
    noted(entry.note.as_ref())?;
    let apply = |mut row: groups::VpnResourceGroupRow| {
        row.name.clone_from(&entry.name);
        row.note = entry.note.clone().unwrap_or(row.note);
        row.is_enabled = entry.enabled.unwrap_or(row.is_enabled);
        row
    };
    let found = groups::find(tx, &entry.name).await?;
    let is_new = found.is_none();
    let staged = if let Some(row) = found {
        row
    } else {
        let id = groups::insert(tx, &entry.name, "", true, ctx.now()).await?;
        groups::VpnResourceGroupRow { id, name: entry.name.clone(), note: String::new(), is_enabled: true }
    };
    let old = live::find_resource_group(tx, staged.id).await?;
    let (new, new_live) = (apply(staged.clone()), apply(old.clone().unwrap_or_else(|| staged.clone())));
    let is_changed = new != staged || old.as_ref() != Some(&new_live);
    if is_changed {
        groups::update(tx, &new, ctx.now()).await?;
        live::put_resource_group(tx, &new_live, ctx.now()).await?;
        if old.is_none_or(|old| old.is_enabled != new_live.is_enabled) {
            reach.resource_groups.insert(new_live.id);
        }
        let object = Object::new("vpn_resource_group", new.id.0, &new.name);
        audit::changed(tx, ctx, "vpn.resource.update", object).await?;
    }
    Ok(outcome(is_new, is_changed))
}

pub(super) async fn remove_resource_group(ctx: &Ctx, tx: &mut Tx, entry: &VpnResourceGroupEntry) -> Result<Change> {
    let Some(row) = groups::find(tx, &entry.name).await? else { return Ok(Change::Unchanged) };
    if row.id == DEFAULT || live::delete_resource_group(tx, row.id).await? == 0 {
        let why = "it is built in, or something is in it, live or staged: move that in the same file";
        return Err(Error::Locked { what: "state", why });
    }
    audit::changed(tx, ctx, "vpn.resource.delete", Object::new("vpn_resource_group", row.id.0, &row.name)).await?;
    Ok(Change::Removed)
}

pub(super) async fn resource(ctx: &Ctx, tx: &mut Tx, entry: &VpnResourceEntry, reach: &mut Reach) -> Result<Change> {
    named(&entry.name)?;
    noted(entry.note.as_ref())?;
    let group = match entry.group.as_deref() {
        None => None,
        Some("") => Some(DEFAULT),
        Some(name) => {
            let missing = || Error::invalid("group", format!("no resource group is `{name}`"));
            Some(groups::find(tx, name).await?.ok_or_else(missing)?.id)
        }
    };
    let apply = |mut row: VpnResourceRow| {
        row.name.clone_from(&entry.name);
        row.note = entry.note.clone().unwrap_or(row.note);
        row.service = entry.service.clone().unwrap_or(row.service);
        row.main_host = entry.main_host.clone().unwrap_or(row.main_host);
        row.addresses = entry.addresses.as_ref().map_or(row.addresses, |list| list.join(","));
        row.is_enabled = entry.enabled.unwrap_or(row.is_enabled);
        row.is_shown = entry.shown.unwrap_or(row.is_shown);
        row.vpn_resource_group_id = group.unwrap_or(row.vpn_resource_group_id);
        row
    };
    let found = resources::find(tx, &entry.name).await?;
    let is_new = found.is_none();
    let staged = match found {
        Some(row) if entry.kind.is_some_and(|kind| kind as i64 != row.kind) => {
            return Err(Error::invalid("kind", "stays as it was made"));
        }
        Some(row) => row,
        None => VpnResourceRow {
            id: VpnResourceId(0),
            name: entry.name.clone(),
            note: String::new(),
            kind: entry.kind.map_or(2, |kind| kind as i64),
            service: "HTTP".to_owned(),
            main_host: String::new(),
            addresses: String::new(),
            black_list: String::new(),
            is_web_app: false,
            is_enabled: true,
            is_shown: true,
            vpn_resource_group_id: DEFAULT,
            group_name: String::new(),
        },
    };
    let mut new = apply(staged.clone());
    rules::check(&new).map_err(told)?;
    if is_new {
        new.id = resources::insert(tx, &new, ctx.now()).await?;
    }
    let old = live::find_resource(tx, new.id).await?;
    let new_live = apply(old.clone().unwrap_or_else(|| new.clone()));
    let is_changed = new != staged || old.as_ref() != Some(&new_live);
    if is_changed {
        resources::update(tx, &new, ctx.now()).await?;
        live::put_resource(tx, &new_live, ctx.now()).await?;
        let told = |row: &VpnResourceRow| (row.addresses.clone(), row.is_enabled, row.vpn_resource_group_id);
        if old.as_ref().map(told) != Some(told(&new_live)) {
            reach.resources.insert(new_live.id);
            // By its present group it is found; who had it by the old one is lost to a look from there.
            reach.resource_groups.extend(old.map(|old| old.vpn_resource_group_id));
        }
        audit::changed(tx, ctx, "vpn.resource.update", Object::new("vpn_resource", new.id.0, &new.name)).await?;
    }
    Ok(outcome(is_new, is_changed))
}

/// The rules of resources in words.
fn told(error: Error) -> Error {
    match error {
        Error::Fields(faults) => match faults.first().map(|fault| fault.field) {
            Some("main_host") => Error::invalid("main_host", "a web resource needs a host of at most 254 bytes"),
            Some("addresses") => {
                Error::invalid("addresses", "1 to 10 of `ip/port:port`, `ip-ip/port:port`, `https://host:port`")
            }
            _ => Error::Fields(faults),
        },
        other => other,
    }
}

pub(super) async fn remove_resource(
    ctx: &Ctx,
    tx: &mut Tx,
    entry: &VpnResourceEntry,
    reach: &mut Reach,
) -> Result<Change> {
    let Some(row) = resources::find(tx, &entry.name).await? else { return Ok(Change::Unchanged) };
    reach.losing_resource(tx, row.id).await?;
    live::delete_resource(tx, row.id).await?;
    audit::changed(tx, ctx, "vpn.resource.delete", Object::new("vpn_resource", row.id.0, &row.name)).await?;
    Ok(Change::Removed)
}

pub(super) async fn role(ctx: &Ctx, tx: &mut Tx, entry: &VpnRoleEntry, reach: &mut Reach) -> Result<Change> {
    named(&entry.name)?;
    noted(entry.note.as_ref())?;
    let apply = |mut row: VpnRoleRow| {
        row.name.clone_from(&entry.name);
        row.note = entry.note.clone().unwrap_or(row.note);
        row.is_enabled = entry.enabled.unwrap_or(row.is_enabled);
        row
    };
    let found = roles::find(tx, &entry.name).await?;
    let is_new = found.is_none();
    let staged = if let Some(row) = found {
        row
    } else {
        let id = roles::insert(tx, &entry.name, "", true, ctx.now()).await?;
        VpnRoleRow { id, name: entry.name.clone(), note: String::new(), is_enabled: true }
    };
    let old = live::find_role(tx, staged.id).await?;
    let (new, new_live) = (apply(staged.clone()), apply(old.clone().unwrap_or_else(|| staged.clone())));
    let mut is_changed = new != staged || old.as_ref() != Some(&new_live);
    let mut is_told = old.is_none_or(|old| old.is_enabled != new_live.is_enabled);
    if is_changed {
        roles::update(tx, &new, ctx.now()).await?;
        live::put_role(tx, &new_live, ctx.now()).await?;
    }
    for (linked, names, key) in [
        (Linked::Resources, &entry.resources, "resources"),
        (Linked::ResourceGroups, &entry.resource_groups, "resource_groups"),
    ] {
        let Some(names) = names else { continue };
        let mut wanted = BTreeSet::new();
        for name in names {
            let missing = || Error::invalid(key, format!("nothing is called `{name}`"));
            wanted.insert(roles::find_linkable(tx, linked, name).await?.ok_or_else(missing)?);
        }
        let is_opened = open(tx, new.id, linked, &wanted).await?;
        is_changed |= is_opened;
        is_told |= is_opened;
    }
    if is_told {
        reach.roles.insert(new.id);
    }
    if is_changed {
        audit::changed(tx, ctx, "vpn.role.update", Object::new("vpn_role", new.id.0, &new.name)).await?;
    }
    Ok(outcome(is_new, is_changed))
}

/// Makes a role open exactly this, in both twins; true: it did not.
async fn open(tx: &mut Tx, role: VpnRoleId, linked: Linked, wanted: &BTreeSet<i64>) -> Result<bool> {
    let staged: BTreeSet<i64> = roles::list_linked(tx, role, linked).await?.into_iter().map(|(id, _)| id).collect();
    let now: BTreeSet<i64> = live::list_linked(tx, role, linked).await?.into_iter().collect();
    for id in wanted.difference(&staged) {
        roles::link(tx, role, linked, *id).await?;
    }
    for id in staged.difference(wanted) {
        roles::unlink(tx, role, linked, *id).await?;
    }
    for id in wanted.difference(&now) {
        live::link(tx, role, linked, *id).await?;
    }
    for id in now.difference(wanted) {
        live::unlink(tx, role, linked, *id).await?;
    }
    Ok(staged != *wanted || now != *wanted)
}

pub(super) async fn remove_role(ctx: &Ctx, tx: &mut Tx, entry: &VpnRoleEntry, reach: &mut Reach) -> Result<Change> {
    let Some(row) = roles::find(tx, &entry.name).await? else { return Ok(Change::Unchanged) };
    reach.losing_role(tx, row.id).await?;
    live::delete_role(tx, row.id).await?;
    audit::changed(tx, ctx, "vpn.role.delete", Object::new("vpn_role", row.id.0, &row.name)).await?;
    Ok(Change::Removed)
}

/// Ids of roles by name. `Invalid` naming one that does not exist.
pub(super) async fn role_ids(q: &mut impl Query, names: &BTreeSet<String>) -> Result<BTreeSet<VpnRoleId>> {
    let mut ids = BTreeSet::new();
    for name in names {
        let missing = || Error::invalid("roles", format!("no VPN role is `{name}`"));
        ids.insert(roles::find(q, name).await?.ok_or_else(missing)?.id);
    }
    Ok(ids)
}

/// Whether a user or group has exactly these roles in both twins.
pub(super) async fn holds(q: &mut impl Query, linked: Linked, id: i64, wanted: &BTreeSet<VpnRoleId>) -> Result<bool> {
    let staged: BTreeSet<_> = roles::list_opening(q, linked, id).await?.into_iter().collect();
    let now: BTreeSet<_> = live::list_held(q, linked, id).await?.into_iter().collect();
    Ok(staged == *wanted && now == *wanted)
}

/// Gives a user or group exactly these roles in both twins.
pub(super) async fn hold(tx: &mut Tx, linked: Linked, id: i64, wanted: &BTreeSet<VpnRoleId>) -> Result<()> {
    let staged: BTreeSet<_> = roles::list_opening(tx, linked, id).await?.into_iter().collect();
    let now: BTreeSet<_> = live::list_held(tx, linked, id).await?.into_iter().collect();
    for role in wanted.difference(&staged) {
        roles::link(tx, *role, linked, id).await?;
    }
    for role in staged.difference(wanted) {
        roles::unlink(tx, *role, linked, id).await?;
    }
    for role in wanted.difference(&now) {
        live::link(tx, *role, linked, id).await?;
    }
    for role in now.difference(wanted) {
        live::unlink(tx, *role, linked, id).await?;
    }
    Ok(())
}
