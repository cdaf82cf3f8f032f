//! Resource groups: made, renamed, deleted, listed (specs/bastion.md §6.1 rows 20–23, §6.2).

use gatehouse_model::{Paged, Paging, ResourceGroupId, ResourceId, RoleId, VoucherId, fold_key};
use gatehouse_store::{
    Aspect, Query, Tx, access_policy, command_rule, resource,
    resource_group::{self as rows, GroupFilter, ResourceGroupRow},
    role, voucher,
};

use super::{absent, containing, pick, seed, setting};
use crate::{
    Actor, Ctx, Edit, Error, Fault, Result,
    account::administrator,
    audit::{self, Object},
    permission::{self, Change, Holder},
};

/// A group as it is stored.
pub use gatehouse_store::resource_group::ResourceGroupRow as Group;

const CREATE: &str = "system.group.create";
const DELETE: &str = "system.group.delete";
const UPDATE: &str = "system.group.update";
const READ: &str = "system.group.read";
const SUB_CREATE: &str = "resource.self.create";
const SUB_DELETE: &str = "resource.self.delete";
const SUB_UPDATE: &str = "resource.self.update";
/// Holders see a group.
const SUB_READ: &str = "resource.self.read";

/// A group to make.
#[derive(Debug, Clone)]
pub struct NewGroup {
    /// Unique name, 1–20 characters; the surface sees to the length.
    pub name: String,
    /// Note.
    pub remark: Option<String>,
    /// The group above; none: a root.
    pub parent: Option<ResourceGroupId>,
    /// Who gets all rights on a root; ignored below one.
    pub role: Option<RoleId>,
}

/// Refuses callers who could add no group at all, before a body is looked at.
pub async fn may_add(ctx: &Ctx) -> Result<()> {
    may(ctx, CREATE, SUB_CREATE).await
}

/// Refuses callers who could edit no group at all.
pub async fn may_edit(ctx: &Ctx) -> Result<()> {
    may(ctx, UPDATE, SUB_UPDATE).await
}

/// Refuses callers who could delete no group at all.
pub async fn may_delete(ctx: &Ctx) -> Result<()> {
    may(ctx, DELETE, SUB_DELETE).await
}

async fn may(ctx: &Ctx, root: &'static str, below: &'static str) -> Result<()> {
    match ctx.require(root) {
        Ok(()) => Ok(()),
        Err(_) => permission::require_anywhere(ctx, &mut ctx.read(), below).await,
    }
}

/// Makes a group.
///
/// A root grants every group code to role 1, protected, and to the given role, which must be the caller's own unless he holds
/// role 1. Errors: `NotFound` parent; `Forbidden`; `QuotaExceeded` at the deepest level; `Fields` (`name`, `taken`), (`role`,
/// `required` | `unknown` | `not_own`). Source: specs/bastion.md §6.2.
pub async fn add(ctx: &Ctx, new: &NewGroup) -> Result<ResourceGroupId> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    let id = add_in(&ctx, &mut tx, new).await?;
    tx.commit().await?;
    Ok(id)
}

/// What is wrong with a group to make, for surfaces that found other faults in the same form and tell all at once.
///
/// Errors: those of [`add`] that are about rights and the parent.
pub async fn faults(ctx: &Ctx, new: &NewGroup) -> Result<Vec<Fault>> {
    Ok(check_add(ctx, &mut ctx.read(), new).await?.1)
}

async fn check_add(ctx: &Ctx, q: &mut impl Query, new: &NewGroup) -> Result<(Option<ResourceGroupRow>, Vec<Fault>)> {
    let parent = match new.parent {
        None => {
            ctx.require(CREATE)?;
            None
        }
        Some(id) => Some(parent(ctx, q, id).await?),
    };
    let mut faults: Vec<Fault> = taken(q, None, &new.name).await?.into_iter().collect();
    if parent.is_none() {
        faults.extend(check_role(ctx, q, new.role).await?);
    }
    Ok((parent, faults))
}

async fn taken(q: &mut impl Query, own: Option<ResourceGroupId>, name: &str) -> Result<Option<Fault>> {
    let other = rows::find_by_name(q, name).await?.filter(|other| Some(other.id) != own);
    Ok(other.map(|_| Fault::new("name", "taken")))
}

/// The same inside a transaction, for the state file.
pub(crate) async fn add_in(ctx: &Ctx, tx: &mut Tx, new: &NewGroup) -> Result<ResourceGroupId> {
    let (parent, faults) = check_add(ctx, tx, new).await?;
    if !faults.is_empty() {
        return Err(Error::Fields(faults));
    }
    let name = (new.name.as_str(), fold_key(&new.name));
    let remark = new.remark.as_deref().filter(|text| !text.is_empty());
    let id = rows::insert(tx, (name.0, &name.1), remark, parent.as_ref(), false, ctx.now()).await?;
    if parent.is_none() {
        let first = role::find_by_code(tx, administrator::ROLE).await?.ok_or(Error::NotFound { what: "role" })?;
        seed::grant_root(tx, first.id, id, true, ctx.now()).await?;
        if let Some(role) = new.role {
            seed::grant_root(tx, role, id, false, ctx.now()).await?;
        }
    }
    changed(ctx, tx, "resource_group.create", id, &new.name).await?;
    Ok(id)
}

async fn parent(ctx: &Ctx, q: &mut impl Query, id: ResourceGroupId) -> Result<ResourceGroupRow> {
    let Some(parent) = rows::find(q, id).await? else { return Err(unknown(ctx, q, SUB_CREATE).await?) };
    permission::require_on(ctx, q, SUB_CREATE, id).await?;
    let deepest = setting::in_force(&ctx.app, q).await?.bastion.group_level_max;
    if parent.level >= i64::from(deepest) {
        return Err(Error::QuotaExceeded { what: "levels of resource groups" });
    }
    Ok(parent)
}

/// Who sees all groups learns that one does not exist; others hear what they would hear of a hidden one.
async fn unknown(ctx: &Ctx, q: &mut impl Query, code: &'static str) -> Result<Error> {
    if ctx.require(READ).is_ok() {
        return Ok(Error::NotFound { what: "resource group" });
    }
    absent(ctx, q, code, "resource group").await
}

async fn check_role(ctx: &Ctx, q: &mut impl Query, id: Option<RoleId>) -> Result<Option<Fault>> {
    let fault = |rule| Ok(Some(Fault::new("role", rule)));
    // The state file gives its grants by role, so its roots need none.
    let Some(id) = id else {
        return if matches!(ctx.actor, Actor::Operator | Actor::System(_)) { Ok(None) } else { fault("required") };
    };
    if role::find(q, id).await?.is_none() {
        return fault("unknown");
    }
    let Some(account) = ctx.account() else { return Ok(None) };
    let own = role::list_of_account(q, account, ctx.now()).await?;
    let is_own = own.iter().any(|role| role.id == id || role.code == administrator::ROLE);
    if is_own { Ok(None) } else { fault("not_own") }
}

/// What an edit changes; `None` leaves a field alone.
#[derive(Debug, Clone)]
pub struct EditGroup {
    /// Which group.
    pub id: ResourceGroupId,
    /// Unique name.
    pub name: Option<String>,
    /// Note; may be cleared.
    pub remark: Edit<String>,
}

/// Renames a group or changes its note.
///
/// Errors: `NotFound`; `Forbidden`; `Locked` when protected; `Fields` (`name`, `taken`).
pub async fn edit(ctx: &Ctx, edit: &EditGroup) -> Result<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    let group = editable(&ctx, &mut tx, edit.id).await?;
    edit_in(&ctx, &mut tx, &group, edit).await?;
    tx.commit().await?;
    Ok(())
}

/// What is wrong with an edit, as [`faults`] for a group to make.
pub async fn edit_faults(ctx: &Ctx, edit: &EditGroup) -> Result<Vec<Fault>> {
    let group = editable(ctx, &mut ctx.read(), edit.id).await?;
    let name = edit.name.as_deref().unwrap_or(&group.name);
    Ok(taken(&mut ctx.read(), Some(group.id), name).await?.into_iter().collect())
}

async fn editable(ctx: &Ctx, q: &mut impl Query, id: ResourceGroupId) -> Result<ResourceGroupRow> {
    let Some(group) = rows::find(q, id).await? else { return Err(unknown(ctx, q, SUB_UPDATE).await?) };
    allowed(ctx, q, &group, (UPDATE, SUB_UPDATE)).await?;
    if group.is_protected { Err(locked()) } else { Ok(group) }
}

pub(crate) async fn edit_in(ctx: &Ctx, tx: &mut Tx, group: &ResourceGroupRow, edit: &EditGroup) -> Result<()> {
    let name = edit.name.as_deref().unwrap_or(&group.name);
    if let Some(fault) = taken(tx, Some(group.id), name).await? {
        return Err(Error::Fields(vec![fault]));
    }
    let remark = pick(&edit.remark, group.remark.as_deref());
    rows::update(tx, group.id, (name, &fold_key(name)), remark, ctx.now()).await?;
    changed(ctx, tx, "resource_group.edit", group.id, name).await
}

async fn allowed(
    ctx: &Ctx,
    q: &mut impl Query,
    group: &ResourceGroupRow,
    (root, below): (&'static str, &'static str),
) -> Result<()> {
    match group.parent_id {
        None => ctx.require(root),
        Some(_) => permission::require_on(ctx, q, below, group.id).await,
    }
}

fn locked() -> Error {
    Error::Locked { what: "resource group", why: "it is protected" }
}

/// What hinders the deletion of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InUse {
    /// The group.
    pub group: ResourceGroupId,
    /// Resources in it.
    pub resources: Vec<ResourceId>,
    /// Vouchers in it.
    pub vouchers: Vec<VoucherId>,
    /// Groups right below it that are not deleted with it.
    pub groups: Vec<ResourceGroupId>,
}

/// How a deletion of groups ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deletion {
    /// So many were deleted; 0: none of them exists.
    Done(u64),
    /// Nothing was deleted; what is in the way, by group.
    InUse(Vec<InUse>),
}

/// Deletes groups with their grants, policies and command rules: all of them or none. Unknown ids are passed over.
///
/// Errors: `Forbidden` when the right is missing on any of them; `Locked` when any is protected.
pub async fn del(ctx: &Ctx, ids: &[ResourceGroupId]) -> Result<Deletion> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    let (mut groups, mut strange) = (Vec::<ResourceGroupRow>::new(), false);
    for id in ids {
        match rows::find(&mut tx, *id).await? {
            Some(group) if groups.iter().any(|other| other.id == group.id) => {}
            Some(group) => groups.push(group),
            None => strange = true,
        }
    }
    for group in &groups {
        allowed(&ctx, &mut tx, group, (DELETE, SUB_DELETE)).await?;
    }
    if strange && let error @ Error::Forbidden { .. } = unknown(&ctx, &mut tx, SUB_DELETE).await? {
        return Err(error);
    }
    if groups.iter().any(|group| group.is_protected) {
        return Err(locked());
    }
    let deletion = del_in(&ctx, &mut tx, groups).await?;
    if matches!(deletion, Deletion::Done(_)) {
        tx.commit().await?;
    }
    Ok(deletion)
}

pub(crate) async fn del_in(ctx: &Ctx, tx: &mut Tx, mut groups: Vec<ResourceGroupRow>) -> Result<Deletion> {
    let mut in_use = Vec::new();
    for group in &groups {
        let mut below = rows::list_children(tx, group.id).await?;
        below.retain(|child| !groups.iter().any(|group| group.id == *child));
        let use_of = InUse {
            group: group.id,
            resources: resource::list_ids_of_group(tx, group.id).await?,
            vouchers: voucher::list_ids_of_group(tx, group.id).await?,
            groups: below,
        };
        if !(use_of.resources.is_empty() && use_of.vouchers.is_empty() && use_of.groups.is_empty()) {
            in_use.push(use_of);
        }
    }
    if !in_use.is_empty() {
        return Ok(Deletion::InUse(in_use));
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.level));
    for group in &groups {
        access_policy::delete_of(tx, "group", group.id.0).await?;
        command_rule::delete_of(tx, "group", group.id.0).await?;
        rows::delete(tx, group.id).await?;
    }
    let ids: Vec<i64> = groups.iter().map(|group| group.id.0).collect();
    let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
    tx.touch(Aspect::Permission, None);
    tx.touch(Aspect::Access, None);
    super::deleted(ctx, tx, "resource_group.delete", ("resource_group", &ids), &names).await?;
    Ok(Deletion::Done(groups.len() as u64))
}

async fn changed(ctx: &Ctx, tx: &mut Tx, action: &'static str, id: ResourceGroupId, name: &str) -> Result<()> {
    tx.touch(Aspect::Permission, None);
    tx.touch(Aspect::Access, None);
    audit::changed(tx, ctx, action, Object::new("resource_group", id.0, name)).await
}

/// Refuses callers who see no group at all.
pub async fn may_list(ctx: &Ctx) -> Result<()> {
    reader(ctx).await.map(drop)
}

/// Lists groups: all for holders of `system.group.read`, else those where the caller holds `resource.self.read`.
///
/// Errors: `Forbidden` for callers who hold neither anywhere.
pub async fn list(ctx: &Ctx, name: Option<&str>, paging: Paging) -> Result<Paged<ResourceGroupRow>> {
    let held_by = reader(ctx).await?;
    let name = name.map(containing);
    let filter = GroupFilter { held_by, code: SUB_READ, name: name.as_deref(), at: permission::moment(ctx) };
    let total = rows::count(&mut ctx.read(), filter).await?;
    let rows = rows::list(&mut ctx.read(), filter, paging.is_descending, (paging.limit, paging.offset)).await?;
    Ok(Paged { total, rows })
}

/// By whose grants groups are seen; none: all are.
async fn reader(ctx: &Ctx) -> Result<Option<gatehouse_model::AccountId>> {
    if ctx.require(READ).is_ok() {
        return Ok(None);
    }
    permission::require_anywhere(ctx, &mut ctx.read(), SUB_READ).await?;
    Ok(match permission::holder(ctx, SUB_READ) {
        Holder::Account(id) => Some(id),
        Holder::Everything | Holder::Nothing => None,
    })
}

/// The groups of some roots that the caller sees, by id.
pub(super) async fn of_roots(ctx: &Ctx, roots: &[ResourceGroupId]) -> Result<Vec<ResourceGroupRow>> {
    let held_by = match (ctx.require(READ), permission::holder(ctx, SUB_READ)) {
        (Ok(()), _) | (_, Holder::Everything) => None,
        (_, Holder::Account(id)) => Some(id),
        (_, Holder::Nothing) => return Ok(Vec::new()),
    };
    let mut groups = Vec::new();
    for root in roots {
        groups.extend(rows::list_of_root(&mut ctx.read(), *root, held_by, SUB_READ, permission::moment(ctx)).await?);
    }
    groups.sort_by_key(|group| group.id);
    Ok(groups)
}
