//! Address pools with their addresses, and devices.

use gatehouse_store::{
    Aspect, Tx, account as accounts,
    address::{self as rows, AddressPoolRow},
    device, subscriber,
};
use ipnet::IpNet;

use super::super::{AddressPoolEntry, Change, DeviceEntry, Presence};
use crate::{
    Ctx, Error, Result,
    audit::{self, Object},
    billing::service::Tags,
};

/// Bits of a pool's addresses: 65536 of them.
const BITS: u8 = 16;

/// Addresses that are put into a pool by one statement.
const PART: usize = 4_096;

/// The address of a network card as it is stored: twelve lower-case hex digits.
pub(super) fn mac(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
    let is_mac = digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_mac.then(|| digits.to_ascii_lowercase())
}

pub(super) async fn pool(ctx: &Ctx, tx: &mut Tx, entry: &AddressPoolEntry) -> Result<Change> {
    let found = rows::find_pool(tx, &entry.name).await?;
    let cidr = match (&entry.cidr, &found) {
        (Some(cidr), Some(row)) if cidr.trunc().to_string() != row.cidr => {
            return Err(Error::invalid("cidr", format!("the pool is {} and stays so: make another one", row.cidr)));
        }
        (Some(cidr), None) => cidr.trunc().to_string(),
        (_, Some(row)) => row.cidr.clone(),
        (None, None) => return Err(Error::invalid("cidr", "is required for a new pool")),
    };
    let kind = |is_reserved: bool| if is_reserved { "reserved" } else { "dynamic" }.to_owned();
    let base = found.clone().unwrap_or_else(|| AddressPoolRow {
        id: 0,
        name: entry.name.clone(),
        cidr,
        kind: kind(false),
        is_public: false,
        tags: String::new(),
    });
    let mut new = AddressPoolRow {
        kind: entry.reserved.map_or(base.kind, kind),
        is_public: entry.public.unwrap_or(base.is_public),
        tags: entry.tags.as_ref().map_or(base.tags, |tags| Tags::parse(&tags.join(",")).to_string()),
        ..base
    };
    if found.as_ref() == Some(&new) {
        return Ok(Change::Unchanged);
    }
    let action = if found.is_some() {
        rows::update_pool(tx, &new, ctx.now()).await?;
        "radius.pool.update"
    } else {
        new.id = rows::insert_pool(tx, &new, ctx.now()).await?;
        fill(tx, &new).await?;
        "radius.pool.create"
    };
    tx.touch(Aspect::Billing, None);
    audit::changed(tx, ctx, action, Object::new("address_pool", new.id, &new.name)).await?;
    Ok(super::outcome(found.is_none(), true))
}

/// Puts every address of its network into a pool, but the first and the last, which hosts do not have.
async fn fill(tx: &mut Tx, pool: &AddressPoolRow) -> Result<()> {
    let network: IpNet = pool.cidr.parse().map_err(Error::internal)?;
    if network.max_prefix_len() - network.prefix_len() > BITS {
        let least = network.max_prefix_len() - BITS;
        return Err(Error::invalid("cidr", format!("a network of at most 65536 addresses, /{least} or longer")));
    }
    let all: Vec<String> = network.hosts().map(|ip| ip.to_string()).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    for part in all.chunks(PART) {
        if rows::insert_of_pool(tx, part, pool).await? < part.len() as u64 {
            let ip = rows::find_in_other_pool(tx, part, pool.id).await?.unwrap_or_default();
            return Err(Error::invalid("cidr", format!("{ip} is in another pool")));
        }
    }
    Ok(())
}

pub(super) async fn remove_pool(ctx: &Ctx, tx: &mut Tx, entry: &AddressPoolEntry) -> Result<Change> {
    let Some(row) = rows::find_pool(tx, &entry.name).await? else { return Ok(Change::Unchanged) };
    if rows::is_pool_used(tx, row.id).await? {
        return Err(Error::Locked { what: "state", why: "an address of it is in use or somebody's own" });
    }
    rows::delete_pool(tx, row.id).await?;
    tx.touch(Aspect::Billing, None);
    audit::changed(tx, ctx, "radius.pool.delete", Object::new("address_pool", row.id, &row.name)).await?;
    Ok(Change::Removed)
}

pub(super) async fn device(ctx: &Ctx, tx: &mut Tx, entry: &DeviceEntry) -> Result<Change> {
    let mac = mac(&entry.mac).ok_or_else(|| Error::invalid("mac", "twelve hex digits"))?;
    let found = device::find(tx, &mac).await?;
    if entry.state == Presence::Absent {
        let Some(row) = found else { return Ok(Change::Unchanged) };
        device::delete(tx, &mac).await?;
        tx.touch(Aspect::Subscriber, Some(row.account_id.0));
        audit::changed(tx, ctx, "billing.device.delete", Object::new("device", row.id, &mac)).await?;
        return Ok(Change::Removed);
    }
    let missing = || Error::invalid("account", format!("no subscriber has the login `{}`", entry.account));
    let account = accounts::find_by_key(tx, &gatehouse_model::fold_key(&entry.account)).await?.ok_or_else(missing)?;
    subscriber::find_group(tx, account.id).await?.ok_or_else(missing)?;
    if found.as_ref().is_some_and(|row| (row.account_id, &row.server_tag) == (account.id, &entry.server_tag)) {
        return Ok(Change::Unchanged);
    }
    device::upsert(tx, &mac, account.id, &entry.server_tag, ctx.now()).await?;
    for owner in [Some(account.id), found.as_ref().map(|row| row.account_id)].into_iter().flatten() {
        tx.touch(Aspect::Subscriber, Some(owner.0));
    }
    audit::changed(tx, ctx, "billing.device.update", Object::new("device", None, &mac)).await?;
    Ok(super::outcome(found.is_none(), true))
}
