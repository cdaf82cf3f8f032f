//! Targets by the names that people type: `account#resource#voucher` (specs/bastion.md §9.1).
//!
//! What is found here is not yet allowed: [`admit`](super::admit) decides, and answers alike for what is missing and what is
//! forbidden.

use gatehouse_model::{Paging, ResourceId, VoucherId, fold_key};
use gatehouse_store::{resource as resource_rows, resource_group, voucher as voucher_rows};

use crate::{
    Ctx, Error, Result,
    bastion::{resource, voucher},
};

/// Rows that are looked through at most.
const MOST: i64 = 10_000;

/// A resource to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedResource {
    /// Identity.
    pub id: ResourceId,
    /// Unique name.
    pub name: String,
    /// Where it is.
    pub host: String,
}

/// A voucher to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedVoucher {
    /// Identity.
    pub id: VoucherId,
    /// Unique name.
    pub name: String,
    /// User at the target.
    pub username: String,
}

const ALL: Paging = Paging { limit: MOST, offset: 0, is_descending: false };

/// The enabled resources a person sees, by id.
pub async fn resources(ctx: &Ctx) -> Result<Vec<NamedResource>> {
    let listed = match resource::list(ctx, None, None, ALL).await {
        Ok(page) => page.listed.rows,
        Err(Error::Forbidden { .. }) => Vec::new(),
        Err(error) => return Err(error),
    };
    let named = listed.into_iter().filter(|listed| listed.row.is_enabled);
    Ok(named.map(|l| NamedResource { id: l.row.id, name: l.row.name, host: l.row.host }).collect())
}

/// The resource of an exact name, else of a unique name in another case, else of an id.
pub async fn find_resource(ctx: &Ctx, text: &str) -> Result<Option<ResourceId>> {
    if let Some(row) = resource_rows::find_by_name(&mut ctx.read(), text).await? {
        return Ok(Some(row.id));
    }
    let folded = fold_key(text);
    let mut alike = resources(ctx).await?;
    alike.retain(|resource| fold_key(&resource.name) == folded);
    if let [one] = alike.as_slice() {
        return Ok(Some(one.id));
    }
    Ok(text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok().map(ResourceId)).flatten())
}

/// What a person may log in with at a resource: the voucher of this name, else of this username; without either the bound
/// ones he may read, else those of the root group.
pub async fn find_vouchers(ctx: &Ctx, resource: ResourceId, text: Option<&str>) -> Result<Vec<NamedVoucher>> {
    if let Some(text) = text
        && let Some(row) = voucher_rows::find_by_name(&mut ctx.read(), text).await?
    {
        return Ok(vec![NamedVoucher { id: row.id, name: row.name, username: row.username }]);
    }
    let Some(row) = resource_rows::find(&mut ctx.read(), resource).await? else { return Ok(Vec::new()) };
    let bound = bound(ctx, &row).await?;
    let mut found = if bound.is_empty() || text.is_some() { of_root(ctx, &row).await? } else { bound };
    if let Some(text) = text {
        found.retain(|voucher| voucher.username == text);
    }
    Ok(found)
}

async fn bound(ctx: &Ctx, row: &resource_rows::ResourceRow) -> Result<Vec<NamedVoucher>> {
    let page = match resource::list(ctx, Some(&row.name), None, ALL).await {
        Ok(page) => page,
        Err(Error::Forbidden { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let own = page.listed.rows.into_iter().find(|listed| listed.row.id == row.id);
    let vouchers = own.map(|listed| listed.vouchers).unwrap_or_default();
    Ok(vouchers.into_iter().map(|v| NamedVoucher { id: v.id, name: v.name, username: v.username }).collect())
}

async fn of_root(ctx: &Ctx, row: &resource_rows::ResourceRow) -> Result<Vec<NamedVoucher>> {
    let group = resource_group::find(&mut ctx.read(), row.resource_group_id).await?;
    let Some(root) = group.map(|group| group.root_id) else { return Ok(Vec::new()) };
    let rows = match voucher::list(ctx, None, Some(root), ALL).await {
        Ok(page) => page.rows,
        Err(Error::Forbidden { .. }) => Vec::new(),
        Err(error) => return Err(error),
    };
    Ok(rows.into_iter().map(|v| NamedVoucher { id: v.id, name: v.name, username: v.username }).collect())
}
