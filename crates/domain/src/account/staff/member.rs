//! The roles of a user.

use std::collections::BTreeMap;

use gatehouse_model::{AccountId, Millis, RoleId};
use gatehouse_store::{Aspect, Query, Tx, role as roles};

use super::{find, require_administrator_left, require_power, require_unprotected};
use crate::{
    Ctx, Edit, Error, Fault, Result,
    audit::{self, Object, Stream},
    permission::{self, Change, watched},
    role,
};

/// Replaces the roles of a user; each with the end of its membership, where [`Edit::Keep`] leaves the end of a role he has
/// and means "for good" for one he has not.
///
/// Errors: `Forbidden` when he holds more than the caller, or a role that is given, taken or gets another end does;
/// `NotFound`; `Locked` when protected or the last administrator; `Fields` (roles: unknown).
/// Source: specs/bastion.md §6.1 row 10, §2.3 N1–N4.
pub async fn bind(ctx: &Ctx, id: AccountId, wanted: &BTreeMap<RoleId, Edit<Millis>>) -> Result<()> {
    let object = Object::new("account", id.0, "");
    watched(ctx, "system.permission.update", "account.roles", object, write(ctx, id, wanted)).await
}

/// What is wrong with a set of roles, for surfaces that found other faults in the same form and tell all at once.
pub async fn bind_faults(q: &mut impl Query, wanted: &BTreeMap<RoleId, Edit<Millis>>) -> Result<Vec<Fault>> {
    for role in wanted.keys() {
        if roles::find(q, *role).await?.is_none() {
            return Ok(vec![Fault::new("roles", "unknown")]);
        }
    }
    Ok(Vec::new())
}

async fn write(ctx: &Ctx, id: AccountId, wanted: &BTreeMap<RoleId, Edit<Millis>>) -> Result<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    ctx.require("system.permission.update")?;
    let account = find(&mut tx, id).await?;
    require_unprotected(&account)?;
    let faults = bind_faults(&mut tx, wanted).await?;
    if !faults.is_empty() {
        return Err(Error::Fields(faults));
    }
    require_power(&ctx, &mut tx, &account).await?;
    let changes = replace(&ctx, &mut tx, id, wanted).await?;
    require_administrator_left(&mut tx).await?;
    tx.touch(Aspect::Permission, Some(id.0));
    tx.touch(Aspect::Access, Some(id.0));
    let object = Object::new("account", id.0, &account.login);
    audit::record(&mut tx, &ctx, Stream::Change, "account.roles", object, "ok", Some(changes)).await?;
    tx.commit().await?;
    Ok(())
}

/// Writes the differences, each only if the caller may; gives them as JSON.
async fn replace(ctx: &Ctx, tx: &mut Tx, id: AccountId, wanted: &BTreeMap<RoleId, Edit<Millis>>) -> Result<String> {
    let mut held: BTreeMap<RoleId, Option<Millis>> = BTreeMap::new();
    for (role, until) in roles::list_members(tx, id).await? {
        if until.is_none_or(|until| until > ctx.now()) {
            held.insert(role, until);
        } else {
            // Ended: it grants nothing, so that taking it needs nothing.
            roles::delete_member(tx, id, role).await?;
        }
    }
    let (mut added, mut removed, mut dated) = (Vec::new(), Vec::new(), Vec::new());
    for role in held.keys().filter(|role| !wanted.contains_key(role)) {
        role::require_binding(ctx, tx, *role).await?;
        roles::delete_member(tx, id, *role).await?;
        removed.push(role.0);
    }
    for (role, end) in wanted {
        let old = held.get(role).copied();
        let until = end.clone().apply(old.flatten());
        if old == Some(until) {
            continue;
        }
        role::require_binding(ctx, tx, *role).await?;
        if old.is_none() {
            roles::insert_member(tx, id, *role).await?;
            added.push(role.0);
        } else {
            dated.push(role.0);
        }
        roles::update_member(tx, id, *role, until).await?;
    }
    Ok(serde_json::json!({ "added": added, "removed": removed, "dated": dated }).to_string())
}
