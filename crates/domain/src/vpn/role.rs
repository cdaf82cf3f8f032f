//! VPN roles: which resources users and groups may reach (specs/vpn.md §8 "Role").

use std::collections::BTreeSet;

use gatehouse_model::{Paged, VpnRoleId, fold_key};
use gatehouse_store::{
    Query, Tx, lock,
    vpn_role::{self as rows, Linked, VpnRoleRow},
};

use super::{
    field,
    staged::{self, Twin},
};
use crate::{
    Ctx, Error, Result,
    audit::{self, Object},
};

/// What an edit changes; `None` keeps. Names that nothing bears are ignored, as the original does.
#[derive(Debug, Clone, Default)]
pub struct RoleEdit {
    /// Name, 1–48 bytes without commas.
    pub name: Option<String>,
    /// Note, at most 48 bytes.
    pub note: Option<String>,
    /// Whether it counts.
    pub is_enabled: Option<bool>,
    /// Logins of the users who have it.
    pub users: Option<Vec<String>>,
    /// Paths of the groups that have it.
    pub groups: Option<Vec<String>>,
    /// Names of the resources it opens.
    pub resources: Option<Vec<String>>,
    /// Names of the resource groups it opens.
    pub resource_groups: Option<Vec<String>>,
}

/// Things that hang on a role: identity and name.
pub type Links = Vec<(i64, String)>;

/// A role with what hangs on it, each by id.
#[derive(Debug, Clone)]
pub struct RoleView {
    /// The role.
    pub role: VpnRoleRow,
    /// Users, by login.
    pub users: Links,
    /// Groups, by path.
    pub groups: Links,
    /// Resources.
    pub resources: Links,
    /// Resource groups.
    pub resource_groups: Links,
}

/// Shows a role as it is staged. Errors: `Forbidden`; `NotFound`.
pub async fn find(ctx: &Ctx, name: &str) -> Result<RoleView> {
    ctx.require("vpn.role.read")?;
    let mut q = ctx.read();
    field::askable(name, "role")?;
    let role = rows::find(&mut q, name).await?.ok_or(Error::NotFound { what: "role" })?;
    view(&mut q, role).await
}

async fn view(q: &mut impl Query, role: VpnRoleRow) -> Result<RoleView> {
    Ok(RoleView {
        users: rows::list_linked(q, role.id, Linked::Users).await?,
        groups: rows::list_linked(q, role.id, Linked::Groups).await?,
        resources: rows::list_linked(q, role.id, Linked::Resources).await?,
        resource_groups: rows::list_linked(q, role.id, Linked::ResourceGroups).await?,
        role,
    })
}

/// Lists a page of roles by id, each with its groups and users. Errors: `Forbidden`.
pub async fn list(ctx: &Ctx, offset: i64, limit: i64) -> Result<Paged<RoleView>> {
    ctx.require("vpn.role.read")?;
    let mut q = ctx.read();
    let total = rows::count(&mut q).await?;
    let mut page = Vec::new();
    for role in rows::list(&mut q, offset, limit).await? {
        page.push(view(&mut q, role).await?);
    }
    Ok(Paged { total, rows: page })
}

/// Makes a role, staged. Errors: `Forbidden`; `Conflict` for a taken name; `Fields`.
pub async fn add(ctx: &Ctx, new: &RoleEdit) -> Result<VpnRoleId> {
    ctx.require("vpn.role.create")?;
    let name = new.name.as_deref().unwrap_or_default();
    check(&RoleEdit { name: Some(name.to_owned()), ..new.clone() })?;
    let mut tx = staged::begin(ctx, "vpn.role.create").await?;
    lock::own_tree(&mut tx).await?;
    let note = new.note.as_deref().unwrap_or_default();
    let id = rows::insert(&mut tx, name, note, new.is_enabled.unwrap_or(true), ctx.now()).await?;
    hang(&mut tx, id, new).await?;
    staged::mark(&mut tx, Twin::Role, id.0).await?;
    audit::changed(&mut tx, ctx, "vpn.role.create", Object::new("vpn_role", id.0, name)).await?;
    tx.commit().await?;
    Ok(id)
}

/// Edits a role, staged. Errors: `Forbidden`; `NotFound`; `Conflict` for a taken name; `Fields`.
pub async fn edit(ctx: &Ctx, name: &str, edit: &RoleEdit) -> Result<()> {
    ctx.require("vpn.role.update")?;
    check(edit)?;
    let mut tx = staged::begin(ctx, "vpn.role.update").await?;
    lock::own_tree(&mut tx).await?;
    field::askable(name, "role")?;
    let mut row = rows::own(&mut tx, name, ctx.now()).await?.ok_or(Error::NotFound { what: "role" })?;
    row.name = edit.name.clone().unwrap_or(row.name);
    row.note = edit.note.clone().unwrap_or(row.note);
    row.is_enabled = edit.is_enabled.unwrap_or(row.is_enabled);
    rows::update(&mut tx, &row, ctx.now()).await?;
    hang(&mut tx, row.id, edit).await?;
    staged::mark(&mut tx, Twin::Role, row.id.0).await?;
    audit::changed(&mut tx, ctx, "vpn.role.update", Object::new("vpn_role", row.id.0, name)).await?;
    tx.commit().await?;
    Ok(())
}

/// Deletes those of the named roles that exist, staged. Gives how many. Errors: `Forbidden`.
pub async fn delete(ctx: &Ctx, names: &[String]) -> Result<usize> {
    let mut tx = staged::begin(ctx, "vpn.role.delete").await?;
    lock::own_tree(&mut tx).await?;
    let mut deleted = 0;
    for name in names.iter().filter(|name| field::is_askable(name)) {
        // Who has it is not marked: publishing a deleted role takes it from everybody.
        let Some(id) = rows::delete(&mut tx, name).await? else { continue };
        staged::mark(&mut tx, Twin::Role, id.0).await?;
        audit::changed(&mut tx, ctx, "vpn.role.delete", Object::new("vpn_role", id.0, name)).await?;
        deleted += 1;
    }
    tx.commit().await?;
    Ok(deleted)
}

fn check(edit: &RoleEdit) -> Result<()> {
    if let Some(name) = &edit.name {
        field::name("name", name)?;
    }
    field::text("note", edit.note.as_deref().unwrap_or_default(), field::MAX_NAME)
}

async fn hang(tx: &mut Tx, role: VpnRoleId, edit: &RoleEdit) -> Result<()> {
    let sets = [
        (Linked::Users, &edit.users),
        (Linked::Groups, &edit.groups),
        (Linked::Resources, &edit.resources),
        (Linked::ResourceGroups, &edit.resource_groups),
    ];
    for (linked, names) in sets {
        let Some(names) = names else { continue };
        let changed = replace(tx, role, linked, names).await?;
        // Who has a role is published with the user or the group.
        let twin = match linked {
            Linked::Users => Twin::User,
            Linked::Groups => Twin::Group,
            Linked::Resources | Linked::ResourceGroups => continue,
        };
        for id in changed {
            staged::mark(tx, twin, id).await?;
        }
    }
    Ok(())
}

/// Makes the named ones all that hangs on a role; gives what came and what went.
async fn replace(tx: &mut Tx, role: VpnRoleId, linked: Linked, names: &[String]) -> Result<Vec<i64>> {
    let before: BTreeSet<i64> = rows::list_linked(tx, role, linked).await?.into_iter().map(|(id, _)| id).collect();
    let mut after = BTreeSet::new();
    for name in names.iter().filter(|name| field::is_askable(name)) {
        let key = if linked == Linked::Users { fold_key(name) } else { name.clone() };
        after.extend(rows::find_linkable(tx, linked, &key).await?);
    }
    for id in after.difference(&before) {
        rows::link(tx, role, linked, *id).await?;
    }
    for id in before.difference(&after) {
        rows::unlink(tx, role, linked, *id).await?;
    }
    Ok(before.symmetric_difference(&after).copied().collect())
}
