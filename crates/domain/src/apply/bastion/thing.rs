//! Vouchers and resources.

use std::collections::BTreeSet;

use gatehouse_model::{ResourceId, VoucherId};
use gatehouse_store::{
    Tx, protocol,
    resource::{self as resources, ResourceRow},
    voucher::{self as vouchers, VoucherRow},
};

use super::{
    super::{Change, Presence, ResourceEntry, StateFile, VoucherEntry, Work, pick},
    edit, group_id,
};
use crate::{
    Ctx, Edit, Error, Fault, Result,
    bastion::{
        address::{Address, Given},
        resource::{self, EditResource, NewResource},
        voucher::{self, EditVoucher, Kept, NewVoucher, Proof},
    },
    permission,
};

/// The secrets of the vouchers of a file, in their order, in the form in which they are kept.
pub(in crate::apply) type Secrets = Vec<Option<std::result::Result<Kept, Fault>>>;

/// Reads the secrets: slow for encrypted keys, so it comes before the transaction.
pub(in crate::apply) async fn survey(ctx: &Ctx, file: &StateFile) -> Result<Secrets> {
    let mut secrets = Vec::with_capacity(file.voucher.len());
    for entry in &file.voucher {
        secrets.push(match proof(entry).filter(|_| entry.state == Presence::Present) {
            Some(proof) => Some(Kept::read(ctx, &proof).await?),
            None => None,
        });
    }
    Ok(secrets)
}

fn proof(entry: &VoucherEntry) -> Option<Proof> {
    let key =
        |text: &gatehouse_model::Secret| Proof::PrivateKey { text: text.clone(), passphrase: entry.passphrase.clone() };
    entry.private_key.as_ref().map(key).or_else(|| entry.password.clone().map(Proof::Password))
}

/// Removes resources, then vouchers.
pub(super) async fn remove(ctx: &Ctx, tx: &mut Tx, file: &StateFile, work: &mut Work) -> Result<()> {
    for entry in &file.resource {
        if entry.state == Presence::Present {
            continue;
        }
        let outcome = match resources::find_by_name(tx, &entry.name).await? {
            None => Ok(Change::Unchanged),
            Some(row) => remove_resource(ctx, tx, row).await,
        };
        work.note(ResourceEntry::KIND, entry.key(), outcome)?;
    }
    for entry in &file.voucher {
        if entry.state == Presence::Present {
            continue;
        }
        let outcome = match vouchers::find_by_name(tx, &entry.name).await? {
            None => Ok(Change::Unchanged),
            Some(row) => remove_voucher(ctx, tx, row).await,
        };
        work.note(VoucherEntry::KIND, entry.key(), outcome)?;
    }
    Ok(())
}

async fn remove_resource(ctx: &Ctx, tx: &mut Tx, row: ResourceRow) -> Result<Change> {
    permission::require_on(ctx, tx, "resource.self.delete", row.resource_group_id).await?;
    resource::del_in(ctx, tx, &[row]).await?;
    Ok(Change::Removed)
}

async fn remove_voucher(ctx: &Ctx, tx: &mut Tx, row: VoucherRow) -> Result<Change> {
    permission::require_on(ctx, tx, "resource.voucher.delete", row.resource_group_id).await?;
    voucher::del_in(ctx, tx, &[row]).await?;
    Ok(Change::Removed)
}

/// Makes and changes vouchers, then resources with their bindings.
pub(super) async fn ensure(ctx: &Ctx, tx: &mut Tx, file: &StateFile, secrets: Secrets, work: &mut Work) -> Result<()> {
    for (entry, secret) in file.voucher.iter().zip(secrets) {
        if entry.state == Presence::Present {
            let outcome = ensure_voucher(ctx, tx, entry, secret).await;
            work.note(VoucherEntry::KIND, entry.key(), outcome)?;
        }
    }
    for entry in &file.resource {
        if entry.state == Presence::Absent {
            continue;
        }
        let outcome = ensure_resource(ctx, tx, entry).await;
        work.note(ResourceEntry::KIND, entry.key(), outcome)?;
    }
    Ok(())
}

fn required<T>(value: Option<T>, field: &'static str) -> Result<T> {
    value.ok_or_else(|| Error::invalid(field, "is required for a new one"))
}

async fn ensure_voucher(
    ctx: &Ctx,
    tx: &mut Tx,
    entry: &VoucherEntry,
    secret: Option<std::result::Result<Kept, Fault>>,
) -> Result<Change> {
    let group = match &entry.group {
        Some(name) => Some(group_id(tx, name).await?),
        None => None,
    };
    let Some(row) = vouchers::find_by_name(tx, &entry.name).await? else {
        let new = NewVoucher {
            name: entry.name.clone(),
            username: required(entry.username.clone(), "username")?,
            proof: required(proof(entry), "password")?,
            group: required(group, "group")?,
            remark: pick(entry.remark.as_ref(), None).map(str::to_owned),
        };
        voucher::add_in(ctx, tx, &new, required(secret, "password")?).await?;
        return Ok(Change::Created);
    };
    let secret = match secret {
        Some(Ok(kept)) if kept.is_in(ctx, &row)? => None,
        other => other,
    };
    let is_same = secret.is_none()
        && group.is_none_or(|group| group == row.resource_group_id)
        && entry.username.as_ref().is_none_or(|name| *name == row.username)
        && pick(entry.remark.as_ref(), row.remark.as_ref()) == row.remark.as_deref();
    if is_same {
        return Ok(Change::Unchanged);
    }
    permission::require_on(ctx, tx, "resource.voucher.update", row.resource_group_id).await?;
    let changes = EditVoucher {
        username: entry.username.clone(),
        group,
        remark: edit(entry.remark.as_ref()),
        ..EditVoucher::default()
    };
    voucher::edit_in(ctx, tx, &row, &changes, secret).await?;
    Ok(Change::Updated)
}

async fn voucher_ids(tx: &mut Tx, names: &BTreeSet<String>) -> Result<Vec<VoucherId>> {
    let mut ids = Vec::with_capacity(names.len());
    for name in names {
        let row = vouchers::find_by_name(tx, name).await?;
        let missing = || Error::invalid("vouchers", format!("no voucher is `{name}`"));
        ids.push(row.ok_or_else(missing)?.id);
    }
    ids.sort_unstable();
    Ok(ids)
}

async fn ensure_resource(ctx: &Ctx, tx: &mut Tx, entry: &ResourceEntry) -> Result<Change> {
    let group = match &entry.group {
        Some(name) => Some(group_id(tx, name).await?),
        None => None,
    };
    let protocol = match &entry.protocol {
        None => None,
        Some(code) => {
            let all = protocol::list(tx).await?;
            let found = all.into_iter().find(|protocol| protocol.code == *code);
            Some(found.ok_or_else(|| Error::invalid("protocol", format!("no protocol is `{code}`")))?.id)
        }
    };
    let address = match &entry.address {
        None => None,
        Some(text) => {
            let wrong = || Error::invalid("address", "an IP address or a DNS name");
            Some(Address::from_host(text).ok_or_else(wrong)?)
        }
    };
    let bound = match &entry.vouchers {
        Some(names) => Some(voucher_ids(tx, names).await?),
        None => None,
    };
    let Some(row) = resources::find_by_name(tx, &entry.name).await? else {
        let new = NewResource {
            name: entry.name.clone(),
            address: given(&required(address, "address")?),
            port: entry.port,
            group: required(group, "group")?,
            protocol: protocol.unwrap_or(protocol::SSH),
            is_enabled: entry.enabled.unwrap_or(true),
            remark: pick(entry.remark.as_ref(), None).map(str::to_owned),
            vouchers: bound.unwrap_or_default(),
        };
        resource::add_in(ctx, tx, &new).await?;
        return Ok(Change::Created);
    };
    let is_same = group.is_none_or(|group| group == row.resource_group_id)
        && protocol.is_none_or(|protocol| protocol == row.protocol_id)
        && address.as_ref().is_none_or(|address| address.host() == row.host)
        && entry.port.is_none_or(|port| i64::from(port) == row.port)
        && entry.enabled.is_none_or(|enabled| enabled == row.is_enabled)
        && pick(entry.remark.as_ref(), row.remark.as_ref()) == row.remark.as_deref()
        && is_bound_so(tx, row.id, bound.as_deref()).await?;
    if is_same {
        return Ok(Change::Unchanged);
    }
    permission::require_on(ctx, tx, "resource.self.update", row.resource_group_id).await?;
    let changes = EditResource {
        name: None,
        address: address.as_ref().filter(|address| address.host() != row.host).map(given).unwrap_or_default(),
        port: entry.port,
        group,
        protocol,
        is_enabled: entry.enabled,
        remark: edit(entry.remark.as_ref()),
        vouchers: bound,
    };
    resource::edit_in(ctx, tx, &row, &changes).await?;
    Ok(Change::Updated)
}

async fn is_bound_so(tx: &mut Tx, id: ResourceId, wanted: Option<&[VoucherId]>) -> Result<bool> {
    match wanted {
        None => Ok(true),
        Some(wanted) => Ok(resources::list_voucher_ids(tx, id).await? == wanted),
    }
}

fn given(address: &Address) -> Given {
    let mut given = Given::default();
    match address {
        Address::V4(ip) => given.ipv4 = Edit::Set(ip.to_string()),
        Address::V6(ip) => given.ipv6 = Edit::Set(ip.to_string()),
        Address::Domain(name) => given.domain = Edit::Set(name.clone()),
    }
    given
}
