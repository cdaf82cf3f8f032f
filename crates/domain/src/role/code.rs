//! The installation-wide codes of a role.

use std::collections::BTreeSet;

use gatehouse_model::RoleId;
use gatehouse_store::{Aspect, role as rows};

use super::{find, require_unprotected};
use crate::{
    Ctx, Result,
    audit::{self, Object, Stream},
    permission::{self, Change, watched},
};

/// The codes of a role, those of other surfaces too, in order.
///
/// Errors: `Forbidden`; `NotFound`. Source: specs/bastion.md §6.1 row 15.
pub async fn codes(ctx: &Ctx, id: RoleId) -> Result<Vec<String>> {
    ctx.require("system.permission.read")?;
    find(&mut ctx.read(), id).await?;
    Ok(rows::list_codes(&mut ctx.read(), id).await?)
}

/// Replaces those codes of a role that the surface shows; what it does not show stays.
///
/// `wanted` must be among `visible`. Errors: `Forbidden` when a code that is given or taken is not the caller's;
/// `NotFound`; `Locked` when protected. Source: specs/bastion.md §6.1 row 16, §2.3 N1.
pub async fn replace_codes(ctx: &Ctx, id: RoleId, wanted: &BTreeSet<&str>, visible: &BTreeSet<&str>) -> Result<()> {
    let object = Object::new("role", id.0, "");
    watched(ctx, "system.permission.update", "role.codes", object, write(ctx, id, wanted, visible)).await
}

async fn write(ctx: &Ctx, id: RoleId, wanted: &BTreeSet<&str>, visible: &BTreeSet<&str>) -> Result<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    ctx.require("system.permission.update")?;
    let role = find(&mut tx, id).await?;
    require_unprotected(&role)?;
    let held = rows::list_codes(&mut tx, id).await?;
    let held: BTreeSet<&str> = held.iter().map(String::as_str).filter(|code| visible.contains(code)).collect();
    let added: Vec<&str> = wanted.difference(&held).copied().filter(|code| visible.contains(code)).collect();
    let removed: Vec<&str> = held.difference(wanted).copied().collect();
    ctx.require_covers(&added.iter().chain(&removed).map(|code| (*code).to_owned()).collect())?;
    for code in &added {
        rows::insert_code(&mut tx, id, code).await?;
    }
    for code in &removed {
        rows::delete_code(&mut tx, id, code).await?;
    }
    rows::update_touched(&mut tx, id, ctx.now()).await?;
    tx.touch(Aspect::Permission, Some(id.0));
    tx.touch(Aspect::Access, None);
    let facts = serde_json::json!({ "added": added, "removed": removed }).to_string();
    let object = Object::new("role", id.0, &role.code);
    audit::record(&mut tx, &ctx, Stream::Change, "role.codes", object, "ok", Some(facts)).await?;
    tx.commit().await?;
    Ok(())
}
