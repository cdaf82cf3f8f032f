//! Roles: nobody grants, takes or changes what he does not hold.

use std::collections::BTreeSet;

use gatehouse_store::{
    Aspect, Tx,
    role::{self as rows, RoleRow},
};

use super::{Change, Names, Presence, RoleEntry, StateFile, Work, billing, pick};
use crate::{
    Ctx, Error, Result,
    audit::{self, Object},
};

/// Makes and changes roles.
pub(super) async fn ensure(ctx: &Ctx, tx: &mut Tx, file: &StateFile, names: &mut Names, work: &mut Work) -> Result<()> {
    for entry in file.role.iter().filter(|role| role.state == Presence::Present) {
        let outcome = ensure_one(ctx, tx, entry, names).await;
        work.note(RoleEntry::KIND, entry.key(), outcome)?;
    }
    Ok(())
}

async fn ensure_one(ctx: &Ctx, tx: &mut Tx, entry: &RoleEntry, names: &mut Names) -> Result<Change> {
    let found = names.roles.get(&entry.code);
    let name = entry.name.as_ref().or(found.map(|role| &role.name)).unwrap_or(&entry.code).clone();
    if names.roles.values().any(|other| other.name == name && other.code != entry.code) {
        return Err(Error::invalid("name", format!("another role is named `{name}`")));
    }
    let remark = pick(entry.remark.as_ref(), found.and_then(|role| role.remark.as_ref()));
    let is_enabled = entry.enabled.or(found.map(|role| role.is_enabled)).unwrap_or(true);
    let held: BTreeSet<String> = match found {
        Some(role) => rows::list_codes(tx, role.id).await?.into_iter().collect(),
        None => BTreeSet::new(),
    };
    let codes = entry.codes.as_ref().unwrap_or(&held);
    ctx.require_covers(codes)?;
    ctx.require_covers(&held)?;
    let (id, change) = match found {
        Some(role)
            if (&role.name, role.remark.as_deref(), role.is_enabled) == (&name, remark, is_enabled)
                && *codes == held
                && !billing::role_differs(tx, entry, role.id).await? =>
        {
            return Ok(Change::Unchanged);
        }
        Some(role) if role.is_protected => return Err(Error::Locked { what: "role", why: "it is protected" }),
        Some(role) => (role.id, Change::Updated),
        None => (rows::insert(tx, &entry.code, &name, false, ctx.now()).await?, Change::Created),
    };
    rows::update(tx, id, &name, remark, is_enabled, ctx.now()).await?;
    for code in codes.difference(&held) {
        rows::insert_code(tx, id, code).await?;
    }
    for code in held.difference(codes) {
        rows::delete_code(tx, id, code).await?;
    }
    billing::bind_role(tx, entry, id).await?;
    tx.touch(Aspect::Permission, Some(id.0));
    tx.touch(Aspect::Access, None);
    let action = if change == Change::Created { "role.create" } else { "role.update" };
    audit::changed(tx, ctx, action, Object::new("role", id.0, &entry.code)).await?;
    let remark = remark.map(str::to_owned);
    let row = RoleRow {
        id,
        code: entry.code.clone(),
        name,
        remark,
        is_enabled,
        is_protected: false,
        created_at: ctx.now(),
        updated_at: ctx.now(),
    };
    names.roles.insert(entry.code.clone(), row);
    Ok(change)
}

/// Removes roles, after the accounts of the file have lost them.
pub(super) async fn remove(ctx: &Ctx, tx: &mut Tx, file: &StateFile, names: &Names, work: &mut Work) -> Result<()> {
    for entry in file.role.iter().filter(|role| role.state == Presence::Absent) {
        let outcome = match names.roles.get(&entry.code) {
            Some(role) => remove_one(ctx, tx, role).await,
            None => Ok(Change::Unchanged),
        };
        work.note(RoleEntry::KIND, entry.key(), outcome)?;
    }
    Ok(())
}

async fn remove_one(ctx: &Ctx, tx: &mut Tx, role: &RoleRow) -> Result<Change> {
    if role.is_protected {
        return Err(Error::Locked { what: "role", why: "it is protected" });
    }
    ctx.require_covers(&rows::list_codes(tx, role.id).await?.into_iter().collect())?;
    rows::disable_own_rules(tx, role.id, ctx.now()).await?;
    rows::delete(tx, role.id).await?;
    tx.touch(Aspect::Permission, None);
    tx.touch(Aspect::Access, None);
    audit::changed(tx, ctx, "role.delete", Object::new("role", role.id.0, &role.code)).await?;
    Ok(Change::Removed)
}
