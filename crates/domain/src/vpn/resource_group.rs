//! Resource groups of the vpn surface: every resource lies in one (specs/vpn.md §8 "`RcGrp`").

use gatehouse_model::VpnResourceGroupId;
use gatehouse_store::{
    vpn_resource,
    vpn_resource_group::{self as rows, VpnResourceGroupRow},
    vpn_role::{self, Linked},
};

use super::{
    field,
    staged::{self, Twin},
};
use crate::{
    Ctx, Error, Result,
    audit::{self, Object},
};

/// The built-in group, which takes the resources of deleted ones.
pub const DEFAULT: VpnResourceGroupId = VpnResourceGroupId(0);

/// What an edit changes; `None` keeps.
#[derive(Debug, Clone, Default)]
pub struct ResourceGroupEdit {
    /// New name.
    pub name: Option<String>,
    /// Note, at most 48 bytes.
    pub note: Option<String>,
    /// Whether its resources count.
    pub is_enabled: Option<bool>,
}

/// Finds a resource group by name. Errors: `Forbidden`; `NotFound`.
pub async fn find(ctx: &Ctx, name: &str) -> Result<VpnResourceGroupRow> {
    ctx.require("vpn.resource.read")?;
    field::askable(name, "resource group")?;
    rows::find(&mut ctx.read(), name).await?.ok_or(Error::NotFound { what: "resource group" })
}

/// Makes a resource group, staged. Errors: `Forbidden`; `Conflict` for a taken name; `Fields`.
pub async fn add(ctx: &Ctx, name: &str, note: &str, is_enabled: bool) -> Result<VpnResourceGroupId> {
    ctx.require("vpn.resource.create")?;
    field::name("name", name)?;
    field::text("note", note, field::MAX_NAME)?;
    let mut tx = staged::begin(ctx, "vpn.resource.create").await?;
    let id = rows::insert(&mut tx, name, note, is_enabled, ctx.now()).await?;
    staged::mark(&mut tx, Twin::ResourceGroup, id.0).await?;
    audit::changed(&mut tx, ctx, "vpn.resource.create", Object::new("vpn_resource_group", id.0, name)).await?;
    tx.commit().await?;
    Ok(id)
}

/// Edits a resource group, staged. Errors: `Forbidden`; `NotFound`; `Conflict` for a taken name; `Locked` for a new name of the
/// default group; `Fields`.
pub async fn edit(ctx: &Ctx, name: &str, edit: &ResourceGroupEdit) -> Result<()> {
    ctx.require("vpn.resource.update")?;
    if let Some(name) = &edit.name {
        field::name("name", name)?;
    }
    field::text("note", edit.note.as_deref().unwrap_or_default(), field::MAX_NAME)?;
    let mut tx = staged::begin(ctx, "vpn.resource.update").await?;
    field::askable(name, "resource group")?;
    let mut row = rows::own(&mut tx, name, ctx.now()).await?.ok_or(Error::NotFound { what: "resource group" })?;
    if row.id == DEFAULT && edit.name.as_ref().is_some_and(|new| *new != row.name) {
        return Err(Error::Locked { what: "resource group", why: "it is built in" });
    }
    row.name = edit.name.clone().unwrap_or(row.name);
    row.note = edit.note.clone().unwrap_or(row.note);
    row.is_enabled = edit.is_enabled.unwrap_or(row.is_enabled);
    rows::update(&mut tx, &row, ctx.now()).await?;
    staged::mark(&mut tx, Twin::ResourceGroup, row.id.0).await?;
    audit::changed(&mut tx, ctx, "vpn.resource.update", Object::new("vpn_resource_group", row.id.0, name)).await?;
    tx.commit().await?;
    Ok(())
}

/// Deletes those of the named resource groups that exist, staged; their resources fall to the default group. Gives how many.
///
/// Errors: `Forbidden`; `Locked` when the default group is among them.
pub async fn delete(ctx: &Ctx, names: &[String]) -> Result<usize> {
    let mut tx = staged::begin(ctx, "vpn.resource.delete").await?;
    let mut deleted = 0;
    for name in names {
        if !field::is_askable(name) {
            continue;
        }
        let Some(row) = rows::own(&mut tx, name, ctx.now()).await? else { continue };
        if row.id == DEFAULT {
            return Err(Error::Locked { what: "resource group", why: "it is built in" });
        }
        for resource in vpn_resource::empty_group(&mut tx, row.id, ctx.now()).await? {
            staged::mark(&mut tx, Twin::Resource, resource.0).await?;
        }
        for role in vpn_role::list_opening(&mut tx, Linked::ResourceGroups, row.id.0).await? {
            staged::mark(&mut tx, Twin::Role, role.0).await?;
        }
        rows::delete(&mut tx, row.id).await?;
        staged::mark(&mut tx, Twin::ResourceGroup, row.id.0).await?;
        audit::changed(&mut tx, ctx, "vpn.resource.delete", Object::new("vpn_resource_group", row.id.0, name)).await?;
        deleted += 1;
    }
    tx.commit().await?;
    Ok(deleted)
}
