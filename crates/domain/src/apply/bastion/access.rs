//! Host keys, policies, command rules, routes, and the SSH keys of accounts.

use std::collections::BTreeSet;

use gatehouse_model::{RoleId, fold_key};
use gatehouse_store::{
    Aspect, Tx, account as accounts,
    bastion_route::{self as routes, NewRoute, RouteRow},
    command_rule::{self as rules, CommandRuleRow},
    host_key as host_keys, role, ssh_key,
};
use serde_json::{Map, Value};

use super::{
    super::{AccountEntry, Change, HostKeyEntry, PolicyEntry, Presence, RouteEntry, RuleEntry, StateFile, Work, pick},
    scope,
};
use crate::{
    Ctx, Error, Result,
    audit::{self, Object},
    bastion::{
        host_key, policy,
        policy::Scope,
        rule::{self, Action, RuleData},
    },
};

/// Makes and changes all of them, and removes what is absent except rules, which went first.
pub(super) async fn ensure(ctx: &Ctx, tx: &mut Tx, file: &StateFile, work: &mut Work) -> Result<()> {
    for entry in &file.bastion.host_key {
        let outcome = ensure_key(ctx, tx, entry).await;
        work.note(HostKeyEntry::KIND, entry.key(), outcome)?;
    }
    for entry in &file.bastion.policy {
        let outcome = ensure_policy(ctx, tx, entry).await;
        work.note(PolicyEntry::KIND, entry.key(), outcome)?;
    }
    for entry in &file.bastion.rule {
        if entry.state == Presence::Absent {
            continue;
        }
        let outcome = ensure_rule(ctx, tx, entry).await;
        work.note(RuleEntry::KIND, entry.key(), outcome)?;
    }
    for entry in &file.bastion.route {
        let outcome = ensure_route(ctx, tx, entry).await;
        work.note(RouteEntry::KIND, entry.key(), outcome)?;
    }
    for entry in &file.account {
        if !names_keys(entry) {
            continue;
        }
        let outcome = ensure_ssh_keys(ctx, tx, entry).await;
        work.note("account.ssh_keys", entry.login.clone(), outcome)?;
    }
    Ok(())
}

async fn ensure_key(ctx: &Ctx, tx: &mut Tx, entry: &HostKeyEntry) -> Result<Change> {
    ctx.require("system.hostkey.approve")?;
    let (host, key) = host_key::read(&entry.host, &entry.public_key).map_err(Error::Fields)?;
    let known = host_keys::list_of_host(tx, &host, entry.port.into()).await?;
    let found = known.into_iter().find(|row| row.fingerprint == key.fingerprint);
    match (entry.state, found) {
        (Presence::Absent, None) => Ok(Change::Unchanged),
        (Presence::Absent, Some(row)) => {
            host_key::del_in(ctx, tx, &[row]).await?;
            Ok(Change::Removed)
        }
        (Presence::Present, Some(row)) if row.state == "pinned" => Ok(Change::Unchanged),
        (Presence::Present, found) => {
            host_key::add_in(ctx, tx, &host, entry.port, &entry.public_key).await?;
            Ok(if found.is_some() { Change::Updated } else { Change::Created })
        }
    }
}

async fn ensure_policy(ctx: &Ctx, tx: &mut Tx, entry: &PolicyEntry) -> Result<Change> {
    policy::may_edit(ctx)?;
    let scope = scope(tx, entry.group.as_ref(), entry.resource.as_ref()).await?;
    let is_changed = policy::edit_in(ctx, tx, scope, &values(entry)).await?;
    Ok(if is_changed { Change::Updated } else { Change::Unchanged })
}

/// The values of an entry: an empty text takes one back.
pub(in crate::apply) fn values(entry: &PolicyEntry) -> Map<String, Value> {
    let lift = |value: &Value| if value.as_str() == Some("") { Value::Null } else { value.clone() };
    entry.values.iter().map(|(name, value)| (name.clone(), lift(value))).collect()
}

/// Removes rules, before what they hold on may go.
pub(super) async fn remove_rules(ctx: &Ctx, tx: &mut Tx, file: &StateFile, work: &mut Work) -> Result<()> {
    for entry in &file.bastion.rule {
        if entry.state == Presence::Present {
            continue;
        }
        let outcome = match rules::find_by_name(tx, &entry.name).await? {
            None => Ok(Change::Unchanged),
            Some(row) => remove_rule(ctx, tx, row).await,
        };
        work.note(RuleEntry::KIND, entry.key(), outcome)?;
    }
    Ok(())
}

async fn remove_rule(ctx: &Ctx, tx: &mut Tx, row: CommandRuleRow) -> Result<Change> {
    rule::may_edit(ctx)?;
    rule::del_in(ctx, tx, &[row]).await?;
    Ok(Change::Removed)
}

async fn ensure_rule(ctx: &Ctx, tx: &mut Tx, entry: &RuleEntry) -> Result<Change> {
    rule::may_edit(ctx)?;
    let mut roles = Vec::new();
    for code in &entry.roles {
        let found = role::find_by_code(tx, code).await?;
        roles.push(found.ok_or_else(|| Error::invalid("roles", format!("no role is `{code}`")))?.id);
    }
    roles.sort_unstable();
    let found = rules::find_by_name(tx, &entry.name).await?;
    let wrong = || Error::invalid("action", "allow, warn, deny or terminate");
    let data = RuleData {
        name: entry.name.clone(),
        scope: scope(tx, entry.group.as_ref(), entry.resource.as_ref()).await?,
        roles,
        pattern: entry.pattern.clone(),
        action: Action::new(&entry.action).ok_or_else(wrong)?,
        priority: entry.priority.or(found.as_ref().map(|row| row.priority)).unwrap_or(100),
        is_enabled: entry.enabled.or(found.as_ref().map(|row| row.is_enabled)).unwrap_or(true),
    };
    let Some(row) = found else {
        rule::add_in(ctx, tx, &data).await?;
        return Ok(Change::Created);
    };
    let held: Vec<RoleId> = rules::list_roles(tx, (row.id, row.id)).await?.into_iter().map(|(_, role)| role).collect();
    let is_same = Scope::new(&row.scope, row.object_id) == Some(data.scope)
        && held == data.roles
        && (row.pattern.as_str(), row.action.as_str()) == (data.pattern.as_str(), data.action.as_str())
        && (row.priority, row.is_enabled) == (data.priority, data.is_enabled);
    if is_same {
        return Ok(Change::Unchanged);
    }
    rule::edit_in(ctx, tx, row.id, &data).await?;
    Ok(Change::Updated)
}

async fn ensure_route(ctx: &Ctx, tx: &mut Tx, entry: &RouteEntry) -> Result<Change> {
    ctx.require("system.setting.update")?;
    let all = routes::list(tx).await?;
    let find = |path: &str| all.iter().find(|row| row.path == path);
    let found = find(&entry.path);
    if entry.state == Presence::Absent {
        let Some(row) = found else { return Ok(Change::Unchanged) };
        routes::delete(tx, row.id).await?;
        route_changed(ctx, tx, "route.delete", row.id, &entry.path).await?;
        return Ok(Change::Removed);
    }
    let parent_id = match entry.parent.as_deref() {
        None => found.and_then(|row| row.parent_id),
        Some("") => None,
        Some(path) => {
            let missing = || Error::invalid("parent", format!("no route is `{path}`"));
            Some(find(path).filter(|row| row.path != entry.path).ok_or_else(missing)?.id)
        }
    };
    let old = |get: fn(&RouteRow) -> &String| found.map(get);
    let new = NewRoute {
        path: &entry.path,
        component: pick(entry.component.as_ref(), old(|row| &row.component)).unwrap_or_default(),
        title: pick(entry.title.as_ref(), old(|row| &row.title)).unwrap_or(&entry.path),
        icon: pick(entry.icon.as_ref(), old(|row| &row.icon)).unwrap_or_default(),
        code: pick(entry.code.as_ref(), found.and_then(|row| row.code.as_ref())),
        parent_id,
        sort: entry.sort.or(found.map(|row| row.sort)).unwrap_or(0),
    };
    let is_enabled = entry.enabled.or(found.map(|row| row.is_enabled)).unwrap_or(true);
    let Some(row) = found else {
        let id = routes::insert(tx, &new, ctx.now()).await?;
        if !is_enabled {
            routes::update(tx, id, &new, false, ctx.now()).await?;
        }
        route_changed(ctx, tx, "route.create", id, &entry.path).await?;
        return Ok(Change::Created);
    };
    let is_same = (row.component.as_str(), row.title.as_str(), row.icon.as_str(), row.code.as_deref())
        == (new.component, new.title, new.icon, new.code)
        && (row.parent_id, row.sort, row.is_enabled) == (new.parent_id, new.sort, is_enabled);
    if is_same {
        return Ok(Change::Unchanged);
    }
    routes::update(tx, row.id, &new, is_enabled, ctx.now()).await?;
    route_changed(ctx, tx, "route.edit", row.id, &entry.path).await?;
    Ok(Change::Updated)
}

async fn route_changed(ctx: &Ctx, tx: &mut Tx, action: &'static str, id: i64, path: &str) -> Result<()> {
    audit::changed(tx, ctx, action, Object::new("bastion_route", id, path)).await
}

/// Whether an account's entry says which SSH keys it has.
pub(super) fn names_keys(entry: &AccountEntry) -> bool {
    let staff = entry.staff.as_ref().filter(|staff| staff.state == Presence::Present);
    entry.state == Presence::Present && staff.is_some_and(|staff| staff.ssh_keys.is_some())
}

/// Makes the keys of an account exactly those of its entry; a key's comment is its name.
async fn ensure_ssh_keys(ctx: &Ctx, tx: &mut Tx, entry: &AccountEntry) -> Result<Change> {
    let row = accounts::find_by_key(tx, &fold_key(&entry.login)).await?;
    let account = row.ok_or(Error::NotFound { what: "account" })?;
    crate::account::guard(ctx, tx, &account).await?;
    let mut wanted = BTreeSet::new();
    let lines: Vec<&String> = entry.staff.iter().filter_map(|staff| staff.ssh_keys.as_ref()).flatten().collect();
    let held = ssh_key::list(tx, account.id).await?;
    let mut is_changed = false;
    for line in lines {
        let key =
            gatehouse_sshkey::read_public(line).map_err(|fault| Error::invalid("staff.ssh_keys", fault.to_string()))?;
        if wanted.insert(key.fingerprint.clone()) && !held.iter().any(|row| row.fingerprint == key.fingerprint) {
            let name = if key.comment.is_empty() { "key" } else { key.comment.as_str() };
            let pair = (key.openssh.as_str(), key.fingerprint.as_str());
            ssh_key::insert(tx, account.id, name, pair, ctx.now()).await?;
            audit::changed(tx, ctx, "ssh_key.create", Object::new("ssh_key", account.id.0, &key.fingerprint)).await?;
            is_changed = true;
        }
    }
    for row in &held {
        if wanted.contains(&row.fingerprint) {
            continue;
        }
        ssh_key::delete(tx, row.id).await?;
        audit::changed(tx, ctx, "ssh_key.delete", Object::new("ssh_key", account.id.0, &row.fingerprint)).await?;
        is_changed = true;
    }
    if is_changed {
        tx.touch(Aspect::Access, Some(account.id.0));
    }
    Ok(if is_changed { Change::Updated } else { Change::Unchanged })
}
