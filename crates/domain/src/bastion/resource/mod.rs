//! Resources: targets to log in to (specs/bastion.md §6.1 rows 24–27, §6.3).

mod list;

use gatehouse_model::{ProtocolId, ResourceGroupId, ResourceId, VoucherId, fold_key};
use gatehouse_store::{
    Aspect, Query, Tx, access_policy, access_request, command_rule, protocol,
    resource::{self as rows, ResourceData, ResourceRow},
    resource_group::{self as groups, ResourceGroupRow},
    voucher,
};

use super::{
    absent,
    address::{Address, Given},
    pick, request,
};
use crate::{
    Ctx, Edit, Error, Fault, Result,
    audit::{self, Object},
    permission::{self, Change},
};

pub use list::{ListedResource, ResourcePage, list, may_list, protocols};

const CREATE: &str = "resource.self.create";
const DELETE: &str = "resource.self.delete";
const UPDATE: &str = "resource.self.update";
const READ: &str = "resource.self.read";
/// Needed to bind and unbind.
const VOUCHER_UPDATE: &str = "resource.voucher.update";
const VOUCHER_READ: &str = "resource.voucher.read";
/// What [`Error::Forbidden`] names when both rights of a move are not there.
pub const MOVE: &str = "resource.move";

/// A resource to make.
#[derive(Debug, Clone)]
pub struct NewResource {
    /// Unique name, 1–20 characters; the surface sees to the length.
    pub name: String,
    /// Where it is.
    pub address: Given,
    /// Port, 1–65535; none: the protocol's.
    pub port: Option<u16>,
    /// Its group.
    pub group: ResourceGroupId,
    /// What it speaks.
    pub protocol: ProtocolId,
    /// Whether it may be connected to.
    pub is_enabled: bool,
    /// Note.
    pub remark: Option<String>,
    /// What is bound to it.
    pub vouchers: Vec<VoucherId>,
}

/// Refuses callers who hold the code for this on no group, before a body is looked at.
pub async fn may_add(ctx: &Ctx) -> Result<()> {
    permission::require_anywhere(ctx, &mut ctx.read(), CREATE).await
}

/// The same for edits.
pub async fn may_edit(ctx: &Ctx) -> Result<()> {
    permission::require_anywhere(ctx, &mut ctx.read(), UPDATE).await
}

/// The same for deletions.
pub async fn may_delete(ctx: &Ctx) -> Result<()> {
    permission::require_anywhere(ctx, &mut ctx.read(), DELETE).await
}

/// Makes a resource.
///
/// Errors: `NotFound` group; `Forbidden`; `Fields`: (`name` | `ipv4_address` | `ipv6_address` | `domain`, `taken`), those of [`Given`],
/// (`protocol`, `unknown`), (`voucher`, `other_group`) for vouchers of another root, unknown ones and ones not readable.
pub async fn add(ctx: &Ctx, new: &NewResource) -> Result<ResourceId> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    let id = add_in(&ctx, &mut tx, new).await?;
    tx.commit().await?;
    Ok(id)
}

/// What is wrong with a resource to make, for surfaces that found other faults in the same form and tell all at once.
///
/// Errors: those of [`add`] that are about rights and the group.
pub async fn faults(ctx: &Ctx, new: &NewResource) -> Result<Vec<Fault>> {
    Ok(plan_add(ctx, &mut ctx.read(), new).await?.faults)
}

/// What a resource becomes, unless there are faults.
struct Plan {
    group: ResourceGroupRow,
    /// None: there is a fault.
    address: Option<Address>,
    port: i64,
    bindings: Bindings,
    /// What was bound before.
    bound: Vec<VoucherId>,
    faults: Vec<Fault>,
}

async fn plan_add(ctx: &Ctx, q: &mut impl Query, new: &NewResource) -> Result<Plan> {
    let Some(group) = groups::find(q, new.group).await? else {
        return Err(absent(ctx, q, CREATE, "resource group").await?);
    };
    permission::require_on(ctx, q, CREATE, group.id).await?;
    if !new.vouchers.is_empty() {
        permission::require_anywhere(ctx, q, VOUCHER_UPDATE).await?;
    }
    let mut faults = Vec::new();
    let protocol = protocol::find(q, new.protocol).await?;
    if protocol.is_none() {
        faults.push(Fault::new("protocol", "unknown"));
    }
    let port = new.port.map(i64::from).or_else(|| protocol.map(|protocol| protocol.default_port)).unwrap_or(22);
    let address = match new.address.read(None, allows_loopback(ctx)) {
        Ok(address) => address,
        Err(found) => {
            faults.extend(found);
            None
        }
    };
    check_taken(q, None, &new.name, address.as_ref().map(|address| (address, port)), &mut faults).await?;
    let bindings = plan_bindings(ctx, q, &group, &new.vouchers, &[], &mut faults).await?;
    Ok(Plan { group, address, port, bindings, bound: Vec::new(), faults })
}

pub(crate) async fn add_in(ctx: &Ctx, tx: &mut Tx, new: &NewResource) -> Result<ResourceId> {
    let Plan { group, address, port, bindings, faults, .. } = plan_add(ctx, tx, new).await?;
    let Some(address) = address.filter(|_| faults.is_empty()) else { return Err(Error::Fields(faults)) };
    bindings.require(ctx, tx).await?;
    let (folded, host, columns) = (fold_key(&new.name), address.host(), address.columns());
    let data = ResourceData {
        name: &new.name,
        name_folded: &folded,
        protocol: new.protocol,
        group: group.id,
        addresses: borrow(&columns),
        host: &host,
        port,
        is_enabled: new.is_enabled,
        remark: new.remark.as_deref().filter(|text| !text.is_empty()),
    };
    let id = rows::insert(tx, data, ctx.now()).await?;
    bindings.write(tx, id).await?;
    changed(ctx, tx, "resource.create", id, &new.name).await?;
    Ok(id)
}

fn borrow(columns: &[Option<String>; 3]) -> (Option<&str>, Option<&str>, Option<&str>) {
    let [ipv4, ipv6, domain] = columns;
    (ipv4.as_deref(), ipv6.as_deref(), domain.as_deref())
}

fn allows_loopback(ctx: &Ctx) -> bool {
    ctx.app.settings().terminal.allow_loopback_targets
}

async fn check_taken(
    q: &mut impl Query,
    own: Option<ResourceId>,
    name: &str,
    address: Option<(&Address, i64)>,
    faults: &mut Vec<Fault>,
) -> Result<()> {
    if rows::find_by_name(q, name).await?.is_some_and(|other| Some(other.id) != own) {
        faults.push(Fault::new("name", "taken"));
    }
    if let Some((address, port)) = address {
        let other = rows::find_by_host(q, &address.host(), port).await?;
        if other.is_some_and(|other| Some(other) != own) {
            faults.push(Fault::new(address.field(), "taken"));
        }
    }
    Ok(())
}

/// What becomes of a resource's bindings.
#[derive(Debug, Default)]
struct Bindings {
    add: Vec<VoucherId>,
    remove: Vec<VoucherId>,
    /// Groups of what is added and removed, where the right to bind is needed.
    groups: Vec<ResourceGroupId>,
}

impl Bindings {
    async fn require(&self, ctx: &Ctx, tx: &mut Tx) -> Result<()> {
        for group in &self.groups {
            permission::require_on(ctx, tx, VOUCHER_UPDATE, *group).await?;
        }
        Ok(())
    }

    async fn write(&self, tx: &mut Tx, id: ResourceId) -> Result<()> {
        for voucher in &self.remove {
            rows::delete_voucher(tx, id, *voucher).await?;
        }
        for voucher in &self.add {
            rows::insert_voucher(tx, id, *voucher).await?;
        }
        Ok(())
    }
}

/// Finds out what replacing the bindings means. Bound vouchers that the caller does not see stay as they are.
async fn plan_bindings(
    ctx: &Ctx,
    q: &mut impl Query,
    group: &ResourceGroupRow,
    wanted: &[VoucherId],
    bound: &[VoucherId],
    faults: &mut Vec<Fault>,
) -> Result<Bindings> {
    let mut plan = Bindings::default();
    for id in wanted {
        let Some(found) = readable(ctx, q, *id).await?.filter(|(_, root)| *root == group.root_id) else {
            faults.push(Fault::new("voucher", "other_group"));
            return Ok(Bindings::default());
        };
        if !bound.contains(id) && !plan.add.contains(id) {
            plan.add.push(*id);
            plan.groups.push(found.0);
        }
    }
    for id in bound.iter().filter(|id| !wanted.contains(id)) {
        if let Some((group, _)) = readable(ctx, q, *id).await? {
            plan.remove.push(*id);
            plan.groups.push(group);
        }
    }
    plan.groups.sort_unstable();
    plan.groups.dedup();
    Ok(plan)
}

/// Group and root of a voucher, if it exists and the caller may read it.
async fn readable(ctx: &Ctx, q: &mut impl Query, id: VoucherId) -> Result<Option<(ResourceGroupId, ResourceGroupId)>> {
    let Some(voucher) = voucher::find(q, id).await? else { return Ok(None) };
    if !permission::holds_on(ctx, q, VOUCHER_READ, voucher.resource_group_id).await? {
        return Ok(None);
    }
    let group = groups::find(q, voucher.resource_group_id).await?.ok_or(Error::NotFound { what: "resource group" })?;
    Ok(Some((group.id, group.root_id)))
}

/// What an edit changes; `None` leaves a field alone.
#[derive(Debug, Clone, Default)]
pub struct EditResource {
    /// Unique name.
    pub name: Option<String>,
    /// Where it is.
    pub address: Given,
    /// Port.
    pub port: Option<u16>,
    /// The group it moves to.
    pub group: Option<ResourceGroupId>,
    /// What it speaks.
    pub protocol: Option<ProtocolId>,
    /// Whether it may be connected to.
    pub is_enabled: Option<bool>,
    /// Note; may be cleared.
    pub remark: Edit<String>,
    /// All that is bound to it from now on.
    pub vouchers: Option<Vec<VoucherId>>,
}

/// Edits a resource, moves it, replaces its bindings.
///
/// A move needs the right to delete in the old group and to create in the new one. Errors: as [`add`]; `Forbidden` naming
/// [`MOVE`]; `Locked` when it would move while vouchers stay bound.
pub async fn edit(ctx: &Ctx, id: ResourceId, edit: &EditResource) -> Result<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    let old = editable(&ctx, &mut tx, id).await?;
    edit_in(&ctx, &mut tx, &old, edit).await?;
    tx.commit().await?;
    Ok(())
}

/// What is wrong with an edit, as [`faults`] for a resource to make.
pub async fn edit_faults(ctx: &Ctx, id: ResourceId, edit: &EditResource) -> Result<Vec<Fault>> {
    let old = editable(ctx, &mut ctx.read(), id).await?;
    Ok(plan_edit(ctx, &mut ctx.read(), &old, edit).await?.faults)
}

async fn editable(ctx: &Ctx, q: &mut impl Query, id: ResourceId) -> Result<ResourceRow> {
    let Some(old) = rows::find(q, id).await? else { return Err(absent(ctx, q, UPDATE, "resource").await?) };
    permission::require_on(ctx, q, UPDATE, old.resource_group_id).await?;
    Ok(old)
}

async fn plan_edit(ctx: &Ctx, q: &mut impl Query, old: &ResourceRow, edit: &EditResource) -> Result<Plan> {
    if edit.vouchers.as_ref().is_some_and(|vouchers| !vouchers.is_empty()) {
        permission::require_anywhere(ctx, q, VOUCHER_UPDATE).await?;
    }
    let wanted = edit.group.filter(|id| *id != old.resource_group_id);
    let group = destination(ctx, q, old.resource_group_id, wanted, (DELETE, CREATE)).await?;
    let mut faults = Vec::new();
    if protocol::find(q, edit.protocol.unwrap_or(old.protocol_id)).await?.is_none() {
        faults.push(Fault::new("protocol", "unknown"));
    }
    let stored = Address::from_host(&old.host).map(|address| match (&old.ipv6, address) {
        // Dialled as IPv4, given as IPv6.
        (Some(text), address) => text.parse().map_or(address, Address::V6),
        (None, address) => address,
    });
    let given = match edit.address.read(stored.as_ref(), allows_loopback(ctx)) {
        Ok(given) => given,
        Err(found) => {
            faults.extend(found);
            None
        }
    };
    let address = given.or(stored);
    let (name, port) = (edit.name.as_deref().unwrap_or(&old.name), edit.port.map_or(old.port, i64::from));
    check_taken(q, Some(old.id), name, address.as_ref().map(|address| (address, port)), &mut faults).await?;
    let bound = rows::list_voucher_ids(q, old.id).await?;
    let bindings = match &edit.vouchers {
        Some(wanted) => plan_bindings(ctx, q, &group, wanted, &bound, &mut faults).await?,
        None => Bindings::default(),
    };
    Ok(Plan { group, address, port, bindings, bound, faults })
}

pub(crate) async fn edit_in(ctx: &Ctx, tx: &mut Tx, old: &ResourceRow, edit: &EditResource) -> Result<()> {
    let Plan { group, address, port, bindings, bound, faults } = plan_edit(ctx, tx, old, edit).await?;
    if !faults.is_empty() {
        return Err(Error::Fields(faults));
    }
    let address = address.ok_or_else(|| Error::internal("a resource without an address"))?;
    bindings.require(ctx, tx).await?;
    let is_moved = group.id != old.resource_group_id;
    let name = edit.name.as_deref().unwrap_or(&old.name);
    let stay_bound = !bindings.add.is_empty() || bound.iter().any(|id| !bindings.remove.contains(id));
    if is_moved && stay_bound {
        return Err(Error::Locked { what: "resource", why: "vouchers are bound to it" });
    }
    let (folded, host, columns) = (fold_key(name), address.host(), address.columns());
    let data = ResourceData {
        name,
        name_folded: &folded,
        protocol: edit.protocol.unwrap_or(old.protocol_id),
        group: group.id,
        addresses: borrow(&columns),
        host: &host,
        port,
        is_enabled: edit.is_enabled.unwrap_or(old.is_enabled),
        remark: pick(&edit.remark, old.remark.as_deref()),
    };
    rows::update(tx, old.id, data, ctx.now()).await?;
    bindings.write(tx, old.id).await?;
    changed(ctx, tx, "resource.edit", old.id, name).await
}

/// The group a thing is in after an edit, if the caller may bring it there. A group that does not exist is refused like one
/// where the right is missing, unless the caller holds it everywhere.
pub(super) async fn destination(
    ctx: &Ctx,
    q: &mut impl Query,
    old: ResourceGroupId,
    wanted: Option<ResourceGroupId>,
    (leave, enter): (&'static str, &'static str),
) -> Result<ResourceGroupRow> {
    let group = groups::find(q, wanted.unwrap_or(old)).await?;
    let refused = || Error::Forbidden { need: MOVE.to_owned() };
    if wanted.is_some() && !permission::holds_on(ctx, q, leave, old).await? {
        return Err(refused());
    }
    let Some(group) = group else {
        return Err(match absent(ctx, q, enter, "resource group").await? {
            Error::Forbidden { .. } => refused(),
            other => other,
        });
    };
    if wanted.is_some() && !permission::holds_on(ctx, q, enter, group.id).await? {
        return Err(refused());
    }
    Ok(group)
}

/// Deletes resources with their bindings, policies and command rules; open terminals on them end. Unknown ids are passed
/// over; gives how many were deleted.
///
/// Errors: `Forbidden` when the right is missing on any of them; then nothing is deleted.
pub async fn del(ctx: &Ctx, ids: &[ResourceId]) -> Result<u64> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    let (mut found, mut strange) = (Vec::<ResourceRow>::new(), false);
    for id in ids {
        match rows::find(&mut tx, *id).await? {
            Some(row) if found.iter().any(|other| other.id == row.id) => {}
            Some(row) => {
                permission::require_on(&ctx, &mut tx, DELETE, row.resource_group_id).await?;
                found.push(row);
            }
            None => strange = true,
        }
    }
    if strange && let error @ Error::Forbidden { .. } = absent(&ctx, &mut tx, DELETE, "resource").await? {
        return Err(error);
    }
    del_in(&ctx, &mut tx, &found).await?;
    tx.commit().await?;
    Ok(found.len() as u64)
}

pub(crate) async fn del_in(ctx: &Ctx, tx: &mut Tx, found: &[ResourceRow]) -> Result<()> {
    for row in found {
        access_policy::delete_of(tx, "resource", row.id.0).await?;
        command_rule::delete_of(tx, "resource", row.id.0).await?;
        for open in access_request::list_open_of_resource(tx, row.id).await? {
            request::close(ctx, tx, &open).await?;
        }
        rows::delete(tx, row.id).await?;
    }
    tx.touch(Aspect::Access, None);
    let ids: Vec<i64> = found.iter().map(|row| row.id.0).collect();
    let names: Vec<&str> = found.iter().map(|row| row.name.as_str()).collect();
    super::deleted(ctx, tx, "resource.delete", ("resource", &ids), &names).await
}

async fn changed(ctx: &Ctx, tx: &mut Tx, action: &'static str, id: ResourceId, name: &str) -> Result<()> {
    tx.touch(Aspect::Access, None);
    audit::changed(tx, ctx, action, Object::new("resource", id.0, name)).await
}
