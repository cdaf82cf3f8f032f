//! Resource groups, grants, resources, vouchers, host keys, policies, command rules, routes and SSH keys of accounts. What
//! may be made is decided by the use cases of the bastion; here entries are compared with what there is.

mod access;
pub(super) mod file;
mod thing;

use std::collections::BTreeMap;

use gatehouse_model::{ResourceGroupId, ResourceId};
use gatehouse_store::{Tx, resource, resource_group as groups, role};

pub(super) use access::values;
pub(super) use thing::{Secrets, survey};

use super::{Change, GrantEntry, Presence, ResourceGroupEntry, RoleEntry, StateFile, Work, pick};
use crate::{
    Ctx, Edit, Error, Result,
    bastion::{
        group::{self, Deletion, EditGroup, NewGroup},
        policy::Scope,
    },
    permission::{self, ON_GROUPS},
    role::{GrantKey, ValidityEdit, grants},
};

/// How many entries of the bastion a file has.
pub(super) fn count(file: &StateFile) -> usize {
    let BastionCounts(parts) = BastionCounts::of(file);
    parts.iter().sum()
}

struct BastionCounts([usize; 8]);

impl BastionCounts {
    fn of(file: &StateFile) -> Self {
        let keys = file.account.iter().filter(|account| access::names_keys(account)).count();
        Self([
            file.resource_group.len(),
            file.resource.len(),
            file.voucher.len(),
            file.bastion.host_key.len(),
            file.bastion.policy.len(),
            file.bastion.rule.len(),
            file.bastion.route.len(),
            keys,
        ])
    }
}

/// Makes and changes everything, and removes all but groups. Roles and accounts of the file are there already.
pub(super) async fn ensure(ctx: &Ctx, tx: &mut Tx, file: &StateFile, secrets: Secrets, work: &mut Work) -> Result<()> {
    access::remove_rules(ctx, tx, file, work).await?;
    thing::remove(ctx, tx, file, work).await?;
    for entry in &file.resource_group {
        if entry.state == Presence::Absent {
            continue;
        }
        let outcome = ensure_group(ctx, tx, entry).await;
        work.note(ResourceGroupEntry::KIND, entry.key(), outcome)?;
    }
    for entry in &file.role {
        if entry.state == Presence::Absent || entry.grants.is_none() {
            continue;
        }
        let outcome = ensure_grants(ctx, tx, entry).await;
        work.note("role.grants", entry.code.clone(), outcome)?;
    }
    thing::ensure(ctx, tx, file, secrets, work).await?;
    access::ensure(ctx, tx, file, work).await
}

/// Removes groups, after everything in them has gone or moved.
pub(super) async fn remove_groups(ctx: &Ctx, tx: &mut Tx, file: &StateFile, work: &mut Work) -> Result<()> {
    let mut found = Vec::new();
    for entry in &file.resource_group {
        if entry.state == Presence::Present {
            continue;
        }
        match groups::find_by_name(tx, &entry.name).await? {
            None => work.note(ResourceGroupEntry::KIND, entry.key(), Ok(Change::Unchanged))?,
            Some(row) => found.push((entry, row)),
        }
    }
    let mut rows = Vec::new();
    for (entry, row) in &found {
        let outcome = if row.is_protected {
            Err(Error::Locked { what: "resource group", why: "it is protected" })
        } else {
            ctx.require("system.group.delete")
        };
        match outcome {
            Ok(()) => rows.push(row.clone()),
            Err(error) => work.note(ResourceGroupEntry::KIND, entry.key(), Err(error))?,
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    let deletion = group::del_in(ctx, tx, rows).await?;
    for (entry, row) in found.iter().filter(|(_, row)| !row.is_protected) {
        let is_in_use = matches!(&deletion, Deletion::InUse(groups) if groups.iter().any(|one| one.group == row.id));
        let outcome = if is_in_use {
            Err(Error::Locked { what: "resource group", why: "resources, vouchers or groups are in it" })
        } else {
            Ok(Change::Removed)
        };
        work.note(ResourceGroupEntry::KIND, entry.key(), outcome)?;
    }
    Ok(())
}

async fn group_id(tx: &mut Tx, name: &str) -> Result<ResourceGroupId> {
    let row = groups::find_by_name(tx, name).await?;
    row.map(|row| row.id).ok_or_else(|| Error::invalid("group", format!("no resource group is `{name}`")))
}

async fn resource_id(tx: &mut Tx, name: &str) -> Result<ResourceId> {
    let row = resource::find_by_name(tx, name).await?;
    row.map(|row| row.id).ok_or_else(|| Error::invalid("resource", format!("no resource is `{name}`")))
}

/// Where a policy or rule stands.
async fn scope(tx: &mut Tx, group: Option<&String>, resource: Option<&String>) -> Result<Scope> {
    match (group, resource) {
        (Some(_), Some(_)) => Err(Error::invalid("group", "either group or resource, not both")),
        (Some(name), None) => Ok(Scope::Group(group_id(tx, name).await?)),
        (None, Some(name)) => Ok(Scope::Resource(resource_id(tx, name).await?)),
        (None, None) => Ok(Scope::All),
    }
}

async fn ensure_group(ctx: &Ctx, tx: &mut Tx, entry: &ResourceGroupEntry) -> Result<Change> {
    let parent = match entry.parent.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => Some(group_id(tx, name).await?),
        None => None,
    };
    let Some(row) = groups::find_by_name(tx, &entry.name).await? else {
        let remark = pick(entry.remark.as_ref(), None).map(str::to_owned);
        group::add_in(ctx, tx, &NewGroup { name: entry.name.clone(), remark, parent, role: None }).await?;
        return Ok(Change::Created);
    };
    if entry.parent.is_some() && parent != row.parent_id {
        return Err(Error::Locked { what: "parent", why: "groups do not move" });
    }
    if pick(entry.remark.as_ref(), row.remark.as_ref()) == row.remark.as_deref() {
        return Ok(Change::Unchanged);
    }
    if row.is_protected {
        return Err(Error::Locked { what: "resource group", why: "it is protected" });
    }
    ctx.require("system.group.update")?;
    let remark = edit(entry.remark.as_ref());
    group::edit_in(ctx, tx, &row, &EditGroup { id: row.id, name: None, remark }).await?;
    Ok(Change::Updated)
}

/// An optional text of an entry as an edit: `""` clears.
fn edit(named: Option<&String>) -> Edit<String> {
    match named {
        None => Edit::Keep,
        Some(text) if text.is_empty() => Edit::Clear,
        Some(text) => Edit::Set(text.clone()),
    }
}

async fn ensure_grants(ctx: &Ctx, tx: &mut Tx, entry: &RoleEntry) -> Result<Change> {
    let role = role::find_by_code(tx, &entry.code).await?.ok_or(Error::NotFound { what: "role" })?;
    let mut wanted: BTreeMap<GrantKey, ValidityEdit> = BTreeMap::new();
    for grant in entry.grants.as_deref().unwrap_or_default() {
        let group = group_id(tx, &grant.group).await?;
        let validity = ValidityEdit {
            valid_from: grant.from().map_or(Edit::Clear, Edit::Set),
            valid_until: grant.until().map_or(Edit::Clear, Edit::Set),
            schedule: Edit::Set(grant.schedule.clone()),
        };
        for code in codes(grant) {
            wanted.insert((group, code), validity.clone());
        }
    }
    let changed = grants::replace_in(ctx, tx, role.id, &wanted, grants::Record::Changes).await?;
    Ok(if changed { Change::Updated } else { Change::Unchanged })
}

/// The codes of a grant.
fn codes(grant: &GrantEntry) -> Vec<String> {
    let all: &[&str] = if grant.codes.contains("all") { ON_GROUPS } else { &[] };
    let named = grant.codes.iter().map(String::as_str).filter(|code| *code != "all");
    named.chain(all.iter().copied()).map(str::to_owned).collect()
}

/// What a file alone says wrong about the bastion.
pub(super) fn is_code(code: &str) -> bool {
    code == "all" || ON_GROUPS.contains(&code)
}

/// Whether a code may show a route.
pub(super) fn is_route_code(code: &str) -> bool {
    permission::is_known(code) || ON_GROUPS.contains(&code)
}
