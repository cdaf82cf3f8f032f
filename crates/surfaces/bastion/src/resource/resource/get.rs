//! `GET resource/resource/get/`

use gatehouse_domain::bastion::resource::{self, ListedResource};
use gatehouse_model::ResourceGroupId;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::super::{group::shown::Shown as Group, voucher::shown::Shown as Voucher};
use crate::{call::Call, envelope::Outcome, page, time};

/// A resource; the keys in the order of the contract.
#[derive(Serialize)]
struct Shown {
    id: i64,
    vouchers: Vec<Voucher>,
    name: String,
    status: bool,
    ipv4_address: Option<String>,
    ipv6_address: Option<String>,
    domain: Option<String>,
    port: i64,
    description: Option<String>,
    create_date: String,
    update_date: String,
    group: i64,
    protocol: i64,
}

impl Shown {
    fn new(listed: ListedResource, zone: &TimeZone) -> Self {
        let ListedResource { row, vouchers } = listed;
        Self {
            id: row.id.0,
            vouchers: vouchers.into_iter().map(|voucher| Voucher::bound(voucher, zone)).collect(),
            name: row.name,
            status: row.is_enabled,
            ipv4_address: row.ipv4,
            ipv6_address: row.ipv6,
            domain: row.domain,
            port: row.port,
            description: row.remark,
            create_date: time::shown(row.created_at, zone),
            update_date: time::shown(row.updated_at, zone),
            group: row.resource_group_id.0,
            protocol: row.protocol_id.0,
        }
    }
}

/// Lists the resources the caller may see: with 19 on their group, or by an approved request.
///
/// Shape: paging, `name` (contained), `group` (with sub-groups) → paged resources; `extra`: the visible groups of their roots.
/// Errors: E403 with 19 nowhere; E400f. Source: seeds/003 operation 27, specs/bastion.md §6.3.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    resource::may_list(&ctx).await?;
    let mut query = call.query();
    let paging = query.paging();
    let name = query.text("name");
    let group = query.integer("group").map(ResourceGroupId);
    query.finish()?;
    let found = resource::list(&ctx, name.as_deref(), group, paging).await?;
    let zone = call.bastion.zone();
    let groups: Vec<Group> = found.groups.into_iter().map(|group| Group::new(group, zone)).collect();
    Ok(page::reply_with(paging, found.listed, |listed| Shown::new(listed, zone), groups))
}
