//! Host keys of targets: pinned at first sight, or beforehand, or by decision (specs/bastion.md §8.2).
//!
//! A target is a (host, port) over all key types: a key other than a pinned one is a changed key, whatever its type.

use gatehouse_model::{HostKeyId, Paged, Paging};
use gatehouse_store::{
    Aspect, Tx,
    host_key::{self as rows, HostKeyRow, NewHostKey},
    lock,
};

use super::{
    address::Address,
    containing,
    terminal::{PinnedKey, PresentedKey},
};
use crate::{
    App, Ctx, Error, Fault, Result,
    audit::{self, Object, Stream},
    permission::{self, Change},
};

const APPROVE: &str = "system.hostkey.approve";
const PINNED: &str = "pinned";
/// How often a refused key raises an alert.
const ALERT_EVERY: std::time::Duration = std::time::Duration::from_mins(1);

fn pinned(rows: Vec<HostKeyRow>) -> Vec<PinnedKey> {
    let pinned = rows.into_iter().filter(|row| row.state == PINNED);
    pinned
        .map(|row| PinnedKey {
            id: row.id,
            algorithm: row.algorithm,
            public_key: row.public_key,
            fingerprint: row.fingerprint,
        })
        .collect()
}

/// The pinned keys of a target; none: it is unknown.
pub async fn pins(app: &App, host: &str, port: u16) -> Result<Vec<PinnedKey>> {
    Ok(pinned(rows::list_of_host(&mut app.db().read(), host, port.into()).await?))
}

/// What became of a key that should be the first one of its target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum First {
    /// It is pinned: by this call, or by another one that saw the same key.
    Pinned,
    /// Others are pinned: this one has to be refused as changed.
    Others(Vec<PinnedKey>),
}

/// Pins the first key of an unknown target. Of two first connections at once one pins; the other hears what is pinned.
pub async fn pin_first(ctx: &Ctx, host: &str, port: u16, key: &PresentedKey) -> Result<First> {
    let mut tx = ctx.begin().await?;
    // Nothing to lock exists yet, so first pins take turns.
    lock::own_rights(&mut tx).await?;
    let known = pinned(rows::list_of_host(&mut tx, host, port.into()).await?);
    if !known.is_empty() {
        tx.commit().await?;
        let is_same = known.iter().any(|pin| pin.fingerprint == key.fingerprint);
        return Ok(if is_same { First::Pinned } else { First::Others(known) });
    }
    let by = ctx.actor_name().2;
    let id = rows::insert_pinned(&mut tx, row(host, port, key), &by, ctx.now()).await?;
    record(&mut tx, ctx, Stream::Change, "host_key.pin", (id, host, port), "ok", &key.fingerprint).await?;
    tx.commit().await?;
    Ok(First::Pinned)
}

/// Notes that a target presented another key than the pinned ones: it waits for a decision, and staff is alerted.
pub async fn note_changed(ctx: &Ctx, host: &str, port: u16, key: &PresentedKey, pinned: &[PinnedKey]) -> Result<()> {
    metrics::counter!("gatehouse_hostkey_changed_total").increment(1);
    let is_news = ctx.app.once_per(ALERT_EVERY, &format!("hostkey {host} {port} {}", key.fingerprint));
    if !is_news {
        return Ok(());
    }
    let mut tx = ctx.begin().await?;
    rows::insert_pending(&mut tx, row(host, port, key), ctx.now()).await?;
    let known: Vec<&str> = pinned.iter().map(|pin| pin.fingerprint.as_str()).collect();
    let detail = serde_json::json!({ "pinned": known, "presented": key.fingerprint, "algorithm": key.algorithm });
    let name = target(host, port);
    let object = Object::new("host_key", None, &name);
    audit::record(&mut tx, ctx, Stream::Alert, "host_key.changed", object, "refused", Some(detail.to_string())).await?;
    tx.commit().await?;
    Ok(())
}

/// Notes the key of an unknown target that policy did not pin, so that it can be approved.
pub async fn note_unknown(ctx: &Ctx, host: &str, port: u16, key: &PresentedKey) -> Result<()> {
    if !ctx.app.once_per(ALERT_EVERY, &format!("hostkey {host} {port} {}", key.fingerprint)) {
        return Ok(());
    }
    let mut tx = ctx.begin().await?;
    rows::insert_pending(&mut tx, row(host, port, key), ctx.now()).await?;
    tx.commit().await?;
    Ok(())
}

fn row<'a>(host: &'a str, port: u16, key: &'a PresentedKey) -> NewHostKey<'a> {
    let PresentedKey { algorithm, public_key, fingerprint } = key;
    NewHostKey { host, port: port.into(), algorithm, public_key, fingerprint }
}

fn target(host: &str, port: impl Into<i64>) -> String {
    let port: i64 = port.into();
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

async fn record(
    tx: &mut Tx,
    ctx: &Ctx,
    stream: Stream,
    action: &'static str,
    (id, host, port): (HostKeyId, &str, u16),
    outcome: &str,
    fingerprint: &str,
) -> Result<()> {
    tx.touch(Aspect::Access, None);
    let name = target(host, port);
    let detail = serde_json::json!({ "fingerprint": fingerprint }).to_string();
    audit::record(tx, ctx, stream, action, Object::new("host_key", id.0, &name), outcome, Some(detail)).await
}

/// Lists keys: all, or those in a state (`pinned`, `pending`), of hosts that contain a text.
pub async fn list(ctx: &Ctx, host: Option<&str>, state: Option<&str>, paging: Paging) -> Result<Paged<HostKeyRow>> {
    ctx.require(APPROVE)?;
    let host = host.map(containing);
    let total = rows::count(&mut ctx.read(), host.as_deref(), state).await?;
    let page = (paging.limit, paging.offset);
    let rows = rows::list(&mut ctx.read(), (host.as_deref(), state), paging.is_descending, page).await?;
    Ok(Paged { total, rows })
}

/// Refuses callers who do not decide about host keys, before a body is looked at.
pub fn may_decide(ctx: &Ctx) -> Result<()> {
    ctx.require(APPROVE)
}

/// Pins a key beforehand: `ssh-ed25519 AAAA…` of a host and port.
///
/// Errors: `Fields`: (`host`, `malformed`), (`public_key`, `malformed` | `unsupported`).
pub async fn add(ctx: &Ctx, host: &str, port: u16, public_key: &str) -> Result<HostKeyId> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require(APPROVE)?;
    let id = add_in(&ctx, &mut tx, host, port, public_key).await?;
    tx.commit().await?;
    Ok(id)
}

/// What is wrong with a key to pin, for surfaces that found other faults in the same form and tell all at once.
pub fn faults(host: &str, public_key: &str) -> Vec<Fault> {
    read(host, public_key).err().unwrap_or_default()
}

/// A key and its target as rows hold them.
pub(crate) fn read(host: &str, public_key: &str) -> std::result::Result<(String, PresentedKey), Vec<Fault>> {
    let mut faults = Vec::new();
    let host = Address::from_host(host).map(|address| address.host());
    if host.is_none() {
        faults.push(Fault::new("host", "malformed"));
    }
    let key = match gatehouse_sshkey::read_public(public_key) {
        Ok(key) if !key.is_hardware => Some(key),
        Ok(_) | Err(gatehouse_sshkey::Fault::Unsupported) => {
            faults.push(Fault::new("public_key", "unsupported"));
            None
        }
        Err(_) => {
            faults.push(Fault::new("public_key", "malformed"));
            None
        }
    };
    match (host, key) {
        (Some(host), Some(key)) => {
            let key = PresentedKey { algorithm: key.algorithm, public_key: key.openssh, fingerprint: key.fingerprint };
            Ok((host, key))
        }
        _ => Err(faults),
    }
}

pub(crate) async fn add_in(ctx: &Ctx, tx: &mut Tx, host: &str, port: u16, public_key: &str) -> Result<HostKeyId> {
    let (host, key) = read(host, public_key).map_err(Error::Fields)?;
    let by = ctx.actor_name().2;
    let id = rows::insert_pinned(tx, row(&host, port, &key), &by, ctx.now()).await?;
    record(tx, ctx, Stream::Change, "host_key.create", (id, &host, port), "ok", &key.fingerprint).await?;
    Ok(id)
}

/// Pins a key that waits. Pinned keys of the same type go: a host has one of each.
///
/// Errors: `NotFound`; `Locked` when it is pinned already.
pub async fn approve(ctx: &Ctx, id: HostKeyId) -> Result<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require(APPROVE)?;
    let key = rows::find(&mut tx, id).await?.ok_or(Error::NotFound { what: "host key" })?;
    let by = ctx.actor_name().2;
    if rows::update_pinned(&mut tx, id, &by, ctx.now()).await? == 0 {
        return Err(Error::Locked { what: "host key", why: "it is pinned already" });
    }
    let port = u16::try_from(key.port).map_err(Error::internal)?;
    for other in rows::list_of_host(&mut tx, &key.host, key.port).await? {
        if other.id != id && other.state == PINNED && other.algorithm == key.algorithm {
            rows::delete(&mut tx, other.id).await?;
        }
    }
    let place = (id, key.host.as_str(), port);
    record(&mut tx, &ctx, Stream::Change, "host_key.approve", place, "ok", &key.fingerprint).await?;
    tx.commit().await?;
    Ok(())
}

/// Deletes keys, pinned or waiting; unknown ids are passed over. Gives how many.
pub async fn del(ctx: &Ctx, ids: &[HostKeyId]) -> Result<u64> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require(APPROVE)?;
    let mut found = Vec::new();
    for id in ids {
        found.extend(rows::find(&mut tx, *id).await?);
    }
    found.dedup_by_key(|key| key.id);
    del_in(&ctx, &mut tx, &found).await?;
    tx.commit().await?;
    Ok(found.len() as u64)
}

pub(crate) async fn del_in(ctx: &Ctx, tx: &mut Tx, found: &[HostKeyRow]) -> Result<()> {
    for key in found {
        rows::delete(tx, key.id).await?;
    }
    tx.touch(Aspect::Access, None);
    let ids: Vec<i64> = found.iter().map(|key| key.id.0).collect();
    let names: Vec<String> = found.iter().map(|key| target(&key.host, key.port)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    super::deleted(ctx, tx, "host_key.delete", ("host_key", &ids), &names).await
}
