//! What a role holds on resource groups.

use std::collections::BTreeMap;

use gatehouse_model::{Millis, ResourceGroupId, RoleId};
use gatehouse_store::{
    Aspect, Query, Tx,
    grant::{self as rows, RoleGrantRow, Validity},
    resource_group, role,
};

use super::{find, require_member_of_first};
use crate::{
    Ctx, Edit, Error, Result,
    audit::{self, Object, Stream},
    permission::{self, Change, ON_GROUPS, schedule, schedule::Window, watched},
};

/// The grants of a role, by group.
///
/// Errors: `Forbidden`; `NotFound`. Source: specs/bastion.md §6.1 row 18.
pub async fn grants(ctx: &Ctx, id: RoleId) -> Result<Vec<RoleGrantRow>> {
    ctx.require("system.permission.read")?;
    find(&mut ctx.read(), id).await?;
    Ok(rows::list_of_role(&mut ctx.read(), id).await?)
}

/// What is wrong with a wish for grants, told all at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GrantFaults {
    /// There is no such role.
    pub is_role_unknown: bool,
    /// Positions of groups that do not exist.
    pub unknown_groups: Vec<usize>,
}

/// Looks a wish for grants through, before [`replace_grants`]; none of it is decided here.
///
/// Errors: `Forbidden`.
pub async fn find_grant_faults(ctx: &Ctx, role: RoleId, groups: &[ResourceGroupId]) -> Result<GrantFaults> {
    ctx.require("system.permission.update")?;
    let mut q = ctx.read();
    let mut faults =
        GrantFaults { is_role_unknown: role::find(&mut q, role).await?.is_none(), unknown_groups: Vec::new() };
    for (place, group) in groups.iter().enumerate() {
        if resource_group::find(&mut q, *group).await?.is_none() {
            faults.unknown_groups.push(place);
        }
    }
    Ok(faults)
}

/// A code on a group.
pub type GrantKey = (ResourceGroupId, String);

/// When a grant is to hold; what is kept stays as it is, and is "always" for a new grant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ValidityEdit {
    /// From then on.
    pub valid_from: Edit<Millis>,
    /// Until then.
    pub valid_until: Edit<Millis>,
    /// Weekly windows.
    pub schedule: Edit<Vec<Window>>,
}

impl ValidityEdit {
    /// The validity after the edit. Errors: `Invalid` on `schedule`.
    fn apply(&self, old: Option<&RoleGrantRow>) -> Result<Validity> {
        let schedule = match &self.schedule {
            Edit::Keep => old.and_then(|row| row.schedule.clone()),
            Edit::Clear => None,
            Edit::Set(windows) if windows.is_empty() => None,
            Edit::Set(windows) => Some(serde_json::to_string(windows).map_err(Error::internal)?),
        };
        let windows = match &schedule {
            Some(text) => schedule::minutes(&serde_json::from_str::<Vec<Window>>(text).map_err(Error::internal)?)?,
            None => Vec::new(),
        };
        Ok(Validity {
            valid_from: self.valid_from.clone().apply(old.and_then(|row| row.valid_from)),
            valid_until: self.valid_until.clone().apply(old.and_then(|row| row.valid_until)),
            schedule,
            windows,
        })
    }
}

fn is_as(row: &RoleGrantRow, validity: &Validity) -> bool {
    (row.valid_from, row.valid_until, &row.schedule) == (validity.valid_from, validity.valid_until, &validity.schedule)
}

/// Replaces the unprotected grants of a role, protected roles included: what is not wanted goes, what is there already
/// keeps its row, protected rows stay.
///
/// Errors: `Forbidden` when something that is given, taken or gets other times is not held by the caller on that group, or
/// when it is role 1 and he is no member; `NotFound` (role, resource group); `Invalid` on `schedule` or a code that no
/// group knows. Source: specs/bastion.md §6.1 row 19, §6.2, §2.3 N1, N2, N5.
pub async fn replace_grants(ctx: &Ctx, id: RoleId, wanted: &BTreeMap<GrantKey, ValidityEdit>) -> Result<()> {
    if let Some((_, code)) = wanted.keys().find(|(_, code)| !ON_GROUPS.contains(&code.as_str())) {
        return Err(Error::invalid("perms", format!("`{code}` is no code that roles hold on resource groups")));
    }
    let object = Object::new("role", id.0, "");
    watched(ctx, "system.permission.update", "role.grants", object, replace(ctx, id, wanted)).await
}

async fn replace(ctx: &Ctx, id: RoleId, wanted: &BTreeMap<GrantKey, ValidityEdit>) -> Result<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    ctx.require("system.permission.update")?;
    replace_in(&ctx, &mut tx, id, wanted, Record::Always).await?;
    tx.commit().await?;
    Ok(())
}

/// Whether a replacement that changes nothing is recorded: a call is, an entry of a state file is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Record {
    /// Always.
    Always,
    /// Only changes.
    Changes,
}

/// The same inside a transaction. Gives whether anything changed.
pub(crate) async fn replace_in(
    ctx: &Ctx,
    tx: &mut Tx,
    id: RoleId,
    wanted: &BTreeMap<GrantKey, ValidityEdit>,
    record: Record,
) -> Result<bool> {
    let role = find(tx, id).await?;
    require_groups(tx, wanted).await?;
    let held = rows::list_of_role(tx, id).await?;
    let held: BTreeMap<GrantKey, RoleGrantRow> =
        held.into_iter().map(|row| ((row.resource_group_id, row.code.clone()), row)).collect();
    let changes = differences(&held, wanted)?;
    if changes.is_empty() && record == Record::Changes {
        return Ok(false);
    }
    if !changes.is_empty() {
        require_member_of_first(ctx, tx, &role).await?;
    }
    for (group, code) in changes.keys() {
        permission::require_on(ctx, tx, code, *group).await?;
    }
    let mut facts = Vec::with_capacity(changes.len());
    for ((group, code), change) in &changes {
        facts.push(serde_json::json!({ "group": group.0, "code": code, "change": change.as_str() }));
        write(ctx, tx, id, (*group, code), change).await?;
    }
    role::update_touched(tx, id, ctx.now()).await?;
    tx.touch(Aspect::Permission, Some(id.0));
    tx.touch(Aspect::Access, None);
    let facts = serde_json::Value::from(facts).to_string();
    let object = Object::new("role", id.0, &role.code);
    audit::record(tx, ctx, Stream::Change, "role.grants", object, "ok", Some(facts)).await?;
    Ok(!changes.is_empty())
}

async fn require_groups(q: &mut impl Query, wanted: &BTreeMap<GrantKey, ValidityEdit>) -> Result<()> {
    let mut last = None;
    for (group, _) in wanted.keys() {
        if last != Some(*group) && resource_group::find(q, *group).await?.is_none() {
            return Err(Error::NotFound { what: "resource group" });
        }
        last = Some(*group);
    }
    Ok(())
}

/// What happens to one grant.
enum Step {
    Insert(Validity),
    Date(i64, Validity),
    Delete(i64),
}

impl Step {
    const fn as_str(&self) -> &'static str {
        match self {
            Self::Insert(_) => "added",
            Self::Date(..) => "dated",
            Self::Delete(_) => "removed",
        }
    }
}

fn differences(
    held: &BTreeMap<GrantKey, RoleGrantRow>,
    wanted: &BTreeMap<GrantKey, ValidityEdit>,
) -> Result<BTreeMap<GrantKey, Step>> {
    let mut steps = BTreeMap::new();
    for (key, row) in held {
        if !row.is_protected && !wanted.contains_key(key) {
            steps.insert(key.clone(), Step::Delete(row.id));
        }
    }
    for (key, edit) in wanted {
        let old = held.get(key);
        if old.is_some_and(|row| row.is_protected) {
            continue;
        }
        let validity = edit.apply(old)?;
        match old {
            Some(row) if is_as(row, &validity) => {}
            Some(row) => drop(steps.insert(key.clone(), Step::Date(row.id, validity))),
            None => drop(steps.insert(key.clone(), Step::Insert(validity))),
        }
    }
    Ok(steps)
}

async fn write(ctx: &Ctx, tx: &mut Tx, id: RoleId, (group, code): (ResourceGroupId, &str), step: &Step) -> Result<()> {
    match step {
        Step::Insert(validity) => drop(rows::insert(tx, (id, code, group), false, validity, ctx.now()).await?),
        Step::Date(row, validity) => drop(rows::update_validity(tx, *row, validity).await?),
        Step::Delete(row) => drop(rows::delete(tx, *row).await?),
    }
    Ok(())
}
