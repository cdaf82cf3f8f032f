//! Resources of the vpn surface: what roles open (specs/vpn.md §8 "Resource").

use std::net::Ipv4Addr;

use gatehouse_model::{Paged, VpnResourceGroupId, VpnResourceId};
use gatehouse_store::{
    Tx,
    vpn_resource::{self as rows, VpnResourceRow},
    vpn_resource_group,
    vpn_role::{self, Linked},
};
use ipnet::Ipv4Net;

pub use gatehouse_store::vpn_resource::ListedRow;

use super::{
    field,
    resource_group::DEFAULT,
    staged::{self, Twin},
};
use crate::{
    Ctx, Error, Result,
    audit::{self, Object},
};

/// What a resource is; the numbers are stored and on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i64)]
pub enum Kind {
    /// A web site.
    Web = 0,
    /// TCP.
    Tcp = 1,
    /// A network.
    L3Vpn = 2,
}

impl Kind {
    /// Reads the number.
    pub fn from_number(number: i64) -> Option<Self> {
        [Self::Web, Self::Tcp, Self::L3Vpn].into_iter().find(|kind| *kind as i64 == number)
    }
}

/// What an edit changes; `None` keeps.
#[derive(Debug, Clone, Default)]
pub struct ResourceEdit {
    /// Name, 1–48 bytes without commas.
    pub name: Option<String>,
    /// Note, at most 48 bytes.
    pub note: Option<String>,
    /// Name of the service, at most 48 bytes.
    pub service: Option<String>,
    /// Host, at most 254 bytes; required for a web resource.
    pub main_host: Option<String>,
    /// At most 10 of `ip/port:port`, `ip-ip/port:port`, `https://host:port`, by commas; required for the other kinds.
    pub addresses: Option<String>,
    /// What is taken out of them, at most 10 entries.
    pub black_list: Option<String>,
    /// Whether it is shown as a web application.
    pub is_web_app: Option<bool>,
    /// Whether it counts.
    pub is_enabled: Option<bool>,
    /// Whether it is listed to users.
    pub is_shown: Option<bool>,
    /// Name of its resource group; empty: the default one.
    pub group: Option<String>,
}

/// What a list shows, and how many there are.
#[derive(Debug, Clone)]
pub struct Listing {
    /// Groups but the default one.
    pub groups: i64,
    /// Resources.
    pub resources: i64,
    /// The page.
    pub page: Paged<ListedRow>,
}

/// Finds a resource as it is staged. Errors: `Forbidden`; `NotFound`.
pub async fn find(ctx: &Ctx, name: &str) -> Result<VpnResourceRow> {
    ctx.require("vpn.resource.read")?;
    field::askable(name, "resource")?;
    rows::find(&mut ctx.read(), name).await?.ok_or(Error::NotFound { what: "resource" })
}

/// Lists groups (kind −1), resources of one kind, or all (`None`). Errors: `Forbidden`.
pub async fn list(ctx: &Ctx, kind: Option<i64>, offset: i64, limit: i64) -> Result<Listing> {
    ctx.require("vpn.resource.read")?;
    let mut q = ctx.read();
    let (groups, resources) = rows::count(&mut q, kind).await?;
    let rows = rows::list(&mut q, kind, offset, limit).await?;
    Ok(Listing { groups, resources, page: Paged { total: groups + resources, rows } })
}

/// Makes a resource, staged. Errors: `Forbidden`; `Conflict` for a taken name; `NotFound` for an unknown group; `Fields`.
pub async fn add(ctx: &Ctx, kind: Kind, new: ResourceEdit) -> Result<VpnResourceId> {
    let mut tx = staged::begin(ctx, "vpn.resource.create").await?;
    let mut row = VpnResourceRow {
        id: VpnResourceId(0),
        name: String::new(),
        note: String::new(),
        kind: kind as i64,
        service: "HTTP".to_owned(),
        main_host: String::new(),
        addresses: String::new(),
        black_list: String::new(),
        is_web_app: false,
        is_enabled: true,
        is_shown: true,
        vpn_resource_group_id: DEFAULT,
        group_name: String::new(),
    };
    fill(&mut tx, &mut row, new).await?;
    let id = rows::insert(&mut tx, &row, ctx.now()).await?;
    staged::mark(&mut tx, Twin::Resource, id.0).await?;
    audit::changed(&mut tx, ctx, "vpn.resource.create", Object::new("vpn_resource", id.0, &row.name)).await?;
    tx.commit().await?;
    Ok(id)
}

/// Edits a resource, staged. Errors: `Forbidden`; `NotFound` for the resource or its new group; `Conflict` for a taken name;
/// `Fields`, also for another kind than the stored one.
pub async fn edit(ctx: &Ctx, name: &str, kind: Kind, edit: ResourceEdit) -> Result<()> {
    let mut tx = staged::begin(ctx, "vpn.resource.update").await?;
    field::askable(name, "resource")?;
    rows::own(&mut tx, name, ctx.now()).await?;
    let mut row = rows::find(&mut tx, name).await?.ok_or(Error::NotFound { what: "resource" })?;
    if row.kind != kind as i64 {
        return Err(Error::field("kind", "immutable"));
    }
    fill(&mut tx, &mut row, edit).await?;
    rows::update(&mut tx, &row, ctx.now()).await?;
    staged::mark(&mut tx, Twin::Resource, row.id.0).await?;
    audit::changed(&mut tx, ctx, "vpn.resource.update", Object::new("vpn_resource", row.id.0, name)).await?;
    tx.commit().await?;
    Ok(())
}

/// Deletes those of the named resources that exist, staged. Gives how many. Errors: `Forbidden`.
pub async fn delete(ctx: &Ctx, names: &[String]) -> Result<usize> {
    let mut tx = staged::begin(ctx, "vpn.resource.delete").await?;
    let mut deleted = 0;
    for name in names {
        if !field::is_askable(name) {
            continue;
        }
        let Some(row) = rows::find(&mut tx, name).await? else { continue };
        for role in vpn_role::list_opening(&mut tx, Linked::Resources, row.id.0).await? {
            staged::mark(&mut tx, Twin::Role, role.0).await?;
        }
        rows::delete(&mut tx, row.id).await?;
        staged::mark(&mut tx, Twin::Resource, row.id.0).await?;
        audit::changed(&mut tx, ctx, "vpn.resource.delete", Object::new("vpn_resource", row.id.0, name)).await?;
        deleted += 1;
    }
    tx.commit().await?;
    Ok(deleted)
}

/// Takes an edit over into a row, and checks the whole.
async fn fill(tx: &mut Tx, row: &mut VpnResourceRow, edit: ResourceEdit) -> Result<()> {
    if let Some(group) = &edit.group {
        row.vpn_resource_group_id = group_id(tx, group).await?;
    }
    row.name = edit.name.unwrap_or_else(|| row.name.clone());
    row.note = edit.note.unwrap_or_else(|| row.note.clone());
    row.service = edit.service.unwrap_or_else(|| row.service.clone());
    row.main_host = edit.main_host.unwrap_or_else(|| row.main_host.clone());
    row.addresses = edit.addresses.unwrap_or_else(|| row.addresses.clone());
    row.black_list = edit.black_list.unwrap_or_else(|| row.black_list.clone());
    row.is_web_app = edit.is_web_app.unwrap_or(row.is_web_app);
    row.is_enabled = edit.is_enabled.unwrap_or(row.is_enabled);
    row.is_shown = edit.is_shown.unwrap_or(row.is_shown);
    check(row)
}

async fn group_id(tx: &mut Tx, name: &str) -> Result<VpnResourceGroupId> {
    if name.is_empty() {
        return Ok(DEFAULT);
    }
    field::askable(name, "resource group")?;
    let group = vpn_resource_group::find(tx, name).await?;
    group.map(|group| group.id).ok_or(Error::NotFound { what: "resource group" })
}

/// Refuses a row that breaks a rule of the WebApi.
pub(crate) fn check(row: &VpnResourceRow) -> Result<()> {
    field::name("name", &row.name)?;
    field::text("note", &row.note, field::MAX_NAME)?;
    field::text("service", &row.service, field::MAX_NAME)?;
    field::text("main_host", &row.main_host, field::MAX_HOST)?;
    let is_web = row.kind == Kind::Web as i64;
    if is_web && row.main_host.is_empty() {
        return Err(Error::field("main_host", "required"));
    }
    if !is_web && row.addresses.is_empty() {
        return Err(Error::field("addresses", "required"));
    }
    for (field, list) in [("addresses", &row.addresses), ("black_list", &row.black_list)] {
        let entries: Vec<&str> = list.split(',').filter(|entry| !entry.is_empty()).collect();
        let is_good = |entry: &&str| if field == "addresses" { is_address(entry) } else { is_plain(entry) };
        if entries.len() > field::MAX_ADDRESSES || !entries.iter().all(is_good) {
            return Err(Error::field(field, "malformed"));
        }
    }
    Ok(())
}

/// What a black list may hold: hosts, addresses, paths. Only the portal of the original reads it.
fn is_plain(entry: &str) -> bool {
    entry.len() <= field::MAX_HOST && !entry.chars().any(char::is_control)
}

fn is_address(entry: &str) -> bool {
    if let Some((scheme, rest)) = entry.split_once("://") {
        let Some((host, port)) = rest.rsplit_once(':') else { return false };
        let is_host = !host.is_empty() && host.len() <= field::MAX_HOST && !host.contains(['/', ' ']);
        return matches!(scheme, "http" | "https")
            && is_host
            && is_plain(host)
            && port.parse::<u16>().is_ok_and(|port| port > 0);
    }
    range(entry).is_some()
}

/// First and last address of `ip/port:port` or `ip-ip/port:port`.
fn range(entry: &str) -> Option<(Ipv4Addr, Ipv4Addr)> {
    let (hosts, ports) = entry.split_once('/')?;
    let (low, high) = ports.split_once(':')?;
    let (low, high): (u16, u16) = (low.parse().ok()?, high.parse().ok()?);
    let (first, last) = hosts.split_once('-').unwrap_or((hosts, hosts));
    let (first, last): (Ipv4Addr, Ipv4Addr) = (first.parse().ok()?, last.parse().ok()?);
    (low <= high && first <= last).then_some((first, last))
}

/// The smallest set of networks that covers the address ranges of a list; ports and host names cannot be expressed
/// (specs/vpn.md §10).
pub(crate) fn routes(addresses: &str) -> Vec<Ipv4Net> {
    let mut nets: Vec<Ipv4Net> = addresses
        .split(',')
        .filter_map(range)
        .flat_map(|(first, last)| ipnet::Ipv4Subnets::new(first, last, 0))
        .collect();
    nets.sort();
    Ipv4Net::aggregate(&nets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_ranges_with_ports_or_urls() {
        for good in
            ["192.0.2.1/80:80", "192.0.2.1-192.0.2.9/1:65535", "https://intranet.example:8443", "192.0.2.1/0:65535"]
        {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "192.0.2.1",
            "192.0.2.1/80",
            "192.0.2.9-192.0.2.1/1:2",
            "192.0.2.1/2:1",
            "192.0.2.1/1:65536",
            "ftp://host:21",
            "https://host",
            "https://:80",
            "https://a b:80",
            "x/1:2",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }

    #[test]
    fn a_range_becomes_the_smallest_set_of_networks() {
        let shown = |text: &str| routes(text).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(shown("192.0.2.0-192.0.2.255/1:65535"), ["192.0.2.0/24"]);
        assert_eq!(
            shown("192.0.2.1-192.0.2.6/80:80,192.0.2.7/80:80"),
            ["192.0.2.1/32", "192.0.2.2/31", "192.0.2.4/30"]
        );
        assert_eq!(shown("https://intranet.example:443"), [""; 0]);
    }
}
