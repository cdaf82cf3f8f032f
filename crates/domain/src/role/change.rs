//! Making, editing, switching and deleting roles.

use std::collections::BTreeSet;

use gatehouse_model::RoleId;
use gatehouse_store::{Aspect, Query, role as rows};

use super::{find, require_binding, require_unprotected};
use crate::{
    Ctx, Edit, Error, Result,
    audit::{self, Object, Stream},
    error::Fault,
    permission::{self, Change, watched},
};

/// A new role; it holds nothing yet.
#[derive(Debug, Clone)]
pub struct NewRole {
    /// Unique name.
    pub name: String,
    /// Unique code.
    pub code: String,
    /// Note.
    pub remark: Option<String>,
}

/// Which of name and code belong to a role other than `of` already.
///
/// Asked before a change, so that every clash is told at once; the constraints decide.
pub async fn taken(
    q: &mut impl Query,
    of: Option<RoleId>,
    name: Option<&str>,
    code: Option<&str>,
) -> Result<Vec<Fault>> {
    let mut faults = Vec::new();
    if let Some(name) = name
        && rows::find_by_name(q, name).await?.is_some_and(|role| Some(role.id) != of)
    {
        faults.push(Fault { field: "name", rule: "role_taken" });
    }
    if let Some(code) = code
        && rows::find_by_code(q, code).await?.is_some_and(|role| Some(role.id) != of)
    {
        faults.push(Fault { field: "code", rule: "role_taken" });
    }
    Ok(faults)
}

async fn require_free(q: &mut impl Query, of: Option<RoleId>, name: Option<&str>, code: Option<&str>) -> Result<()> {
    let faults = taken(q, of, name, code).await?;
    if faults.is_empty() { Ok(()) } else { Err(Error::Fields(faults)) }
}

/// Makes a role.
///
/// Errors: `Forbidden`; `Fields` (`name`, `code`: `role_taken`), both at once. Source: specs/bastion.md §6.1 row 11.
pub async fn add(ctx: &Ctx, new: &NewRole) -> Result<RoleId> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    ctx.require("system.role.create")?;
    require_free(&mut tx, None, Some(&new.name), Some(&new.code)).await?;
    let id = rows::insert(&mut tx, &new.code, &new.name, false, ctx.now()).await?;
    if new.remark.is_some() {
        let remark = rows::RoleUpdate { remark: Some(new.remark.as_deref()), ..rows::RoleUpdate::default() };
        rows::update_given(&mut tx, id, remark, ctx.now()).await?;
    }
    tx.touch(Aspect::Permission, Some(id.0));
    audit::changed(&mut tx, &ctx, "role.create", Object::new("role", id.0, &new.code)).await?;
    tx.commit().await?;
    Ok(id)
}

/// What an edit changes; fields that are kept are not written.
#[derive(Debug, Clone, Default)]
pub struct RoleEdit {
    /// Unique name.
    pub name: Option<String>,
    /// Unique code.
    pub code: Option<String>,
    /// Note.
    pub remark: Edit<String>,
}

/// Edits a role.
///
/// Errors: `Forbidden`; `NotFound`; `Locked` when protected; `Fields` (`name`, `code`: `role_taken`). Source: specs/bastion.md
/// §6.1 row 12.
pub async fn edit(ctx: &Ctx, id: RoleId, edit: &RoleEdit) -> Result<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    ctx.require("system.role.update")?;
    let role = find(&mut tx, id).await?;
    require_unprotected(&role)?;
    require_free(&mut tx, Some(id), edit.name.as_deref(), edit.code.as_deref()).await?;
    let remark = match &edit.remark {
        Edit::Keep => None,
        Edit::Clear => Some(None),
        Edit::Set(text) => Some(Some(text.as_str())),
    };
    let update = rows::RoleUpdate { name: edit.name.as_deref(), code: edit.code.as_deref(), remark, is_enabled: None };
    rows::update_given(&mut tx, id, update, ctx.now()).await?;
    tx.touch(Aspect::Permission, Some(id.0));
    audit::changed(&mut tx, &ctx, "role.edit", Object::new("role", id.0, &role.code)).await?;
    tx.commit().await?;
    Ok(())
}

/// Switches a role on or off, which gives or takes all it holds at once.
///
/// Errors: `Forbidden` also when it holds more than the caller; `NotFound`; `Locked` when protected. Source:
/// specs/bastion.md §13 `role/status`.
pub async fn set_status(ctx: &Ctx, id: RoleId, is_enabled: bool) -> Result<()> {
    let object = Object::new("role", id.0, "");
    watched(ctx, "system.role.update", "role.status", object, switch(ctx, id, is_enabled)).await
}

async fn switch(ctx: &Ctx, id: RoleId, is_enabled: bool) -> Result<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    ctx.require("system.role.update")?;
    let role = find(&mut tx, id).await?;
    require_unprotected(&role)?;
    require_binding(&ctx, &mut tx, id).await?;
    let update = rows::RoleUpdate { is_enabled: Some(is_enabled), ..rows::RoleUpdate::default() };
    rows::update_given(&mut tx, id, update, ctx.now()).await?;
    tx.touch(Aspect::Permission, Some(id.0));
    tx.touch(Aspect::Access, None);
    let action = if is_enabled { "role.enable" } else { "role.disable" };
    audit::changed(&mut tx, &ctx, action, Object::new("role", id.0, &role.code)).await?;
    tx.commit().await?;
    Ok(())
}

/// Deletes roles with their memberships, codes and grants; tells how many.
///
/// Protected and unknown ids are skipped; 0: nothing was left to delete. Command rules that held for such a role only are
/// switched off, because without it they would hold for everybody.
/// Errors: `Forbidden` when one of the others holds more than the caller, and then nothing is deleted. Source:
/// specs/bastion.md §6.1 row 13, §6.2.
pub async fn delete(ctx: &Ctx, ids: &[RoleId]) -> Result<i64> {
    let object = Object::new("role", None, "");
    watched(ctx, "system.role.delete", "role.delete", object, delete_all(ctx, ids)).await
}

async fn delete_all(ctx: &Ctx, ids: &[RoleId]) -> Result<i64> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    ctx.require("system.role.delete")?;
    let mut roles = Vec::new();
    for id in ids.iter().copied().collect::<BTreeSet<_>>() {
        let Some(role) = rows::find(&mut tx, id).await?.filter(|role| !role.is_protected) else { continue };
        require_binding(&ctx, &mut tx, id).await?;
        roles.push(role);
    }
    if roles.is_empty() {
        return Ok(0);
    }
    for role in &roles {
        rows::disable_own_rules(&mut tx, role.id, ctx.now()).await?;
        rows::delete(&mut tx, role.id).await?;
    }
    tx.touch(Aspect::Permission, None);
    tx.touch(Aspect::Access, None);
    let object = match roles.as_slice() {
        [one] => Object::new("role", one.id.0, &one.code),
        _ => Object::new("role", None, ""),
    };
    let facts: Vec<_> = roles.iter().map(|role| serde_json::json!({ "id": role.id.0, "code": role.code })).collect();
    let facts = Some(serde_json::Value::from(facts).to_string());
    audit::record(&mut tx, &ctx, Stream::Change, "role.delete", object, "ok", facts).await?;
    tx.commit().await?;
    Ok(i64::try_from(roles.len()).unwrap_or(i64::MAX))
}
