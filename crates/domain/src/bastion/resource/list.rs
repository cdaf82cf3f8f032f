//! Resources as they are listed (specs/bastion.md §6.1 row 27).

use gatehouse_model::{Paged, Paging, ResourceGroupId, ResourceId};
use gatehouse_store::{
    Query, access_request, protocol,
    resource::{self as rows, ResourceFilter, ResourceRow},
    resource_group::{self as groups, ResourceGroupRow},
    voucher::{self, BoundVoucherRow},
};

use super::{
    super::{containing, group},
    READ, VOUCHER_READ,
};
use crate::{
    Ctx, Result,
    permission::{self, Holder},
};

/// A resource as it is listed.
#[derive(Debug, Clone)]
pub struct ListedResource {
    /// The resource.
    pub row: ResourceRow,
    /// What is bound to it and the caller may read, by id. No secrets.
    pub vouchers: Vec<BoundVoucherRow>,
}

/// A page of resources.
#[derive(Debug, Clone)]
pub struct ResourcePage {
    /// The resources.
    pub listed: Paged<ListedResource>,
    /// The groups of the same roots that the caller sees, by id.
    pub groups: Vec<ResourceGroupRow>,
}

/// Refuses callers who can see no resource: they hold the code nowhere and have no approved request.
pub async fn may_list(ctx: &Ctx) -> Result<()> {
    if let Holder::Account(account) = permission::holder(ctx, READ)
        && access_request::has_approved(&mut ctx.read(), account, ctx.now()).await?
    {
        return Ok(());
    }
    permission::require_anywhere(ctx, &mut ctx.read(), READ).await
}

/// Lists the resources where the caller holds `resource.self.read`, or has an approved request for.
///
/// Errors: `Forbidden` for callers with neither.
pub async fn list(
    ctx: &Ctx,
    name: Option<&str>,
    group: Option<ResourceGroupId>,
    paging: Paging,
) -> Result<ResourcePage> {
    may_list(ctx).await?;
    let held_by = match permission::holder(ctx, READ) {
        Holder::Account(id) => Some(id),
        Holder::Everything | Holder::Nothing => None,
    };
    let (name, at) = (name.map(containing), permission::moment(ctx));
    let filter = ResourceFilter { held_by, code: READ, name: name.as_deref(), group, at };
    let total = rows::count(&mut ctx.read(), filter).await?;
    let found = rows::list(&mut ctx.read(), filter, paging.is_descending, (paging.limit, paging.offset)).await?;
    let mut bound = bound(ctx, &found).await?;
    let groups = group::of_roots(ctx, &roots(&mut ctx.read(), &found).await?).await?;
    let rows = found
        .into_iter()
        .map(|row| {
            let (own, rest) = std::mem::take(&mut bound).into_iter().partition(|b| b.resource_id == row.id);
            bound = rest;
            ListedResource { row, vouchers: own }
        })
        .collect();
    Ok(ResourcePage { listed: Paged { total, rows }, groups })
}

/// What is bound to the resources of a page, in one question: a page is a range of ids.
async fn bound(ctx: &Ctx, found: &[ResourceRow]) -> Result<Vec<BoundVoucherRow>> {
    let ids = || found.iter().map(|row| row.id);
    let (Some(first), Some(last)) = (ids().min(), ids().max()) else { return Ok(Vec::new()) };
    let held_by = match permission::holder(ctx, VOUCHER_READ) {
        Holder::Everything => None,
        Holder::Nothing => return Ok(Vec::new()),
        Holder::Account(id) => Some(id),
    };
    let at = permission::moment(ctx);
    let mut bound = voucher::list_bound(&mut ctx.read(), (first, last), held_by, VOUCHER_READ, at).await?;
    let wanted: std::collections::BTreeSet<ResourceId> = ids().collect();
    bound.retain(|row| wanted.contains(&row.resource_id));
    Ok(bound)
}

/// The roots of the groups of some resources, each once.
async fn roots(q: &mut impl Query, found: &[ResourceRow]) -> Result<Vec<ResourceGroupId>> {
    let groups: std::collections::BTreeSet<ResourceGroupId> = found.iter().map(|row| row.resource_group_id).collect();
    let mut roots = std::collections::BTreeSet::new();
    for id in groups {
        roots.extend(groups::find(q, id).await?.map(|group| group.root_id));
    }
    Ok(roots.into_iter().collect())
}

/// The protocols, by id; for anybody who is logged in.
pub async fn protocols(ctx: &Ctx) -> Result<Vec<protocol::ProtocolRow>> {
    if ctx.account().is_none() {
        ctx.require(READ)?;
    }
    Ok(protocol::list(&mut ctx.read()).await?)
}
