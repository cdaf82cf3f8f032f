//! The API secret, foreign servers, NAS entries and policy sets. None of them has twins.

use std::net::IpAddr;

use gatehouse_model::Secret;
use gatehouse_store::{Tx, auth_server as servers, nas as nas_rows, vpn_policy_set as policy_sets};
use ipnet::IpNet;
use serde_json::{Map, Value};

use super::{
    super::{AuthServerEntry, Change, NasEntry, StateFile, VpnPolicySetEntry, Work},
    file::VpnEntries,
};
use crate::{
    Ctx, Error, Result,
    audit::{self, Object},
    radius::nas::{self, NasSpec},
    vpn::{
        auth_server::{self, ServerSpec},
        policy_set,
        reach::Reach,
        secret as api_secret,
    },
};

/// Sets the API secret.
pub(super) async fn secret(ctx: &Ctx, tx: &mut Tx, file: &StateFile, work: &mut Work) -> Result<()> {
    let VpnEntries { secret: Some(secret), .. } = &file.vpn else { return Ok(()) };
    let outcome = api_secret::set_in(ctx, tx, secret).await;
    let change = outcome.map(|is_new| if is_new { Change::Updated } else { Change::Unchanged });
    work.note("vpn.secret", "vpn".to_owned(), change)
}

/// What is stored, with what an entry names in its place.
fn overlay(stored: Option<&str>, named: &Map<String, Value>) -> Result<Value> {
    let mut all: Map<String, Value> = match stored {
        Some(text) => serde_json::from_str(text).map_err(Error::internal)?,
        None => Map::new(),
    };
    all.extend(named.iter().map(|(key, value)| (key.clone(), value.clone())));
    Ok(Value::Object(all))
}

pub(super) async fn nas(ctx: &Ctx, tx: &mut Tx, entry: &NasEntry) -> Result<Change> {
    let old = nas_rows::find_by_name(tx, &entry.name).await?;
    let settings = overlay(old.as_ref().map(|row| row.settings.as_str()), &entry.settings)?;
    let settings = serde_json::from_value(settings).map_err(|error| Error::invalid("settings", error.to_string()))?;
    let old = old.map(|row| nas::read(&ctx.app, row)).transpose()?;
    let network = match (&entry.address, &old) {
        (Some(text), _) => network(text)?,
        (None, Some(old)) => old.network,
        (None, None) => return Err(Error::invalid("address", "is required for a new entry")),
    };
    let secret = match (&entry.secret, &old) {
        (Some(secret), _) => secret.clone(),
        (None, Some(old)) => old.secret.clone(),
        (None, None) => return Err(Error::invalid("secret", "is required for a new entry")),
    };
    let coa_secret = match (&entry.coa_secret, &old) {
        (Some(secret), _) if secret.expose().is_empty() => None,
        (Some(secret), _) => Some(secret.clone()),
        (None, Some(old)) if old.coa_secret != old.secret => Some(old.coa_secret.clone()),
        (None, _) => None,
    };
    let spec = NasSpec { name: entry.name.clone(), network, secret, coa_secret, settings };
    Ok(nas::save_in(ctx, tx, &spec).await?.1)
}

/// An address is a network of one.
fn network(text: &str) -> Result<IpNet> {
    let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
    let wrong = || Error::invalid("address", "an IP address, or a network such as 192.0.2.0/24");
    text.parse().ok().or_else(address).ok_or_else(wrong)
}

pub(super) async fn auth_server(ctx: &Ctx, tx: &mut Tx, entry: &AuthServerEntry) -> Result<Change> {
    let old = servers::find_by_name(tx, &entry.name).await?;
    let kind = match (&entry.kind, &old) {
        (Some(kind), _) => kind.clone(),
        (None, Some(old)) => old.kind.clone(),
        (None, None) => return Err(Error::invalid("kind", "is required for a new entry: `ldap` or `radius`")),
    };
    // The settings of one kind mean nothing to the other.
    let stored = old.as_ref().filter(|old| old.kind == kind);
    let settings = overlay(stored.map(|old| old.settings.as_str()), &entry.settings)?;
    let secret: Option<&Secret> = match kind.as_str() {
        "ldap" if entry.secret.is_some() => return Err(Error::invalid("secret", "an LDAP server has bind_password")),
        "ldap" => entry.bind_password.as_ref(),
        _ if entry.bind_password.is_some() => {
            return Err(Error::invalid("bind_password", "a RADIUS server has secret"));
        }
        _ => entry.secret.as_ref(),
    };
    auth_server::save_in(ctx, tx, &ServerSpec { name: &entry.name, kind: &kind, settings, secret }).await
}

pub(super) async fn remove_auth_server(ctx: &Ctx, tx: &mut Tx, entry: &AuthServerEntry) -> Result<Change> {
    let Some(old) = servers::find_by_name(tx, &entry.name).await? else { return Ok(Change::Unchanged) };
    if servers::delete_unused(tx, old.id).await? == 0 {
        return Err(Error::Locked { what: "state", why: "users or groups log in by it, live or staged" });
    }
    audit::changed(tx, ctx, "radius.server.remove", Object::new("auth_server", old.id.0, &old.name)).await?;
    Ok(Change::Removed)
}

pub(super) async fn policy_set(ctx: &Ctx, tx: &mut Tx, entry: &VpnPolicySetEntry, reach: &mut Reach) -> Result<Change> {
    let old = policy_sets::find_by_name(tx, &entry.name).await?;
    let mut row = old.clone().unwrap_or_else(|| policy_sets::PolicySetRow {
        id: policy_set::DEFAULT,
        name: entry.name.clone(),
        session_timeout: None,
        idle_timeout: None,
        dns: String::new(),
        pool: None,
        routes: String::new(),
        max_sessions: 0,
    });
    for (named, stored) in
        [(entry.session_timeout, &mut row.session_timeout), (entry.idle_timeout, &mut row.idle_timeout)]
    {
        if let Some(span) = named {
            *stored = i64::try_from(span.0.as_millis()).ok().filter(|millis| *millis > 0);
        }
    }
    if let Some(dns) = &entry.dns {
        row.dns = joined(dns);
    }
    if let Some(routes) = &entry.routes {
        row.routes = joined(&routes.iter().map(IpNet::trunc).collect::<Vec<_>>());
    }
    if let Some(pool) = &entry.pool {
        row.pool = Some(pool.clone()).filter(|pool| !pool.is_empty());
    }
    row.max_sessions = entry.max_sessions.map_or(row.max_sessions, i64::from);
    let (id, change) = match old {
        Some(old) if old == row => return Ok(Change::Unchanged),
        Some(_) => {
            policy_sets::update(tx, &row, ctx.now()).await?;
            reach.policy_sets.insert(row.id);
            (row.id, Change::Updated)
        }
        None => (policy_sets::insert(tx, &row, ctx.now()).await?, Change::Created),
    };
    audit::changed(tx, ctx, "vpn.policy_set.save", Object::new("vpn_policy_set", id.0, &row.name)).await?;
    Ok(change)
}

fn joined<T: ToString>(list: &[T]) -> String {
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

pub(super) async fn remove_policy_set(ctx: &Ctx, tx: &mut Tx, entry: &VpnPolicySetEntry) -> Result<Change> {
    let Some(old) = policy_sets::find_by_name(tx, &entry.name).await? else { return Ok(Change::Unchanged) };
    if policy_sets::delete_unused(tx, old.id).await? == 0 {
        return Err(Error::Locked { what: "state", why: "it is built in, or users or groups have it, live or staged" });
    }
    audit::changed(tx, ctx, "vpn.policy_set.remove", Object::new("vpn_policy_set", old.id.0, &old.name)).await?;
    Ok(Change::Removed)
}
