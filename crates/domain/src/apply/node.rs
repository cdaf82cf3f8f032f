//! Node groups and nodes. The rules of what a node can be are those of [`manage`].

use std::{collections::BTreeSet, net::IpAddr};

use gatehouse_profile::Settings;
use gatehouse_store::{
    Tx,
    node::{self as rows, NodeRow},
};

use super::{
    Change, Limit, Names, NodeEntry, NodeGroupEntry, NodeRouteEntry, Presence, StateFile, Work, file, pick, remote,
};
use crate::{
    Ctx, Error, Result,
    proxy::{
        embedded, group,
        manage::{self, NodeSpec},
        row::{self, tls_key_place},
        settings::{CertMode, NodeSettings},
    },
};

/// Makes groups; removes, makes and changes nodes.
pub(super) async fn ensure(ctx: &Ctx, tx: &mut Tx, file: &StateFile, names: &mut Names, work: &mut Work) -> Result<()> {
    for entry in file.node_group.iter().filter(|group| group.state == Presence::Present) {
        let outcome = ensure_group(ctx, tx, &entry.name, names).await;
        work.note(NodeGroupEntry::KIND, entry.key(), outcome)?;
    }
    for entry in &file.node_route {
        let outcome = remote::ensure_route(ctx, tx, entry).await;
        work.note(NodeRouteEntry::KIND, entry.key(), outcome)?;
    }
    for entry in file.node.iter().filter(|node| node.state == Presence::Absent) {
        let removed = manage::remove_in(ctx, tx, entry.kind, &entry.code).await;
        let outcome = removed.map(|existed| if existed { Change::Removed } else { Change::Unchanged });
        work.note(NodeEntry::KIND, entry.key(), outcome)?;
    }
    for entry in file.node.iter().filter(|node| node.state == Presence::Present) {
        for name in entry.groups.iter().flatten().filter(|name| !names.groups.contains_key(*name)).collect::<Vec<_>>() {
            let outcome = ensure_group(ctx, tx, name, names).await;
            work.note(NodeGroupEntry::KIND, name.clone(), outcome)?;
        }
        let outcome = if entry.embedded {
            ensure_node(ctx, tx, entry, names).await
        } else {
            remote::ensure_node(ctx, tx, entry, names).await
        };
        work.note(NodeEntry::KIND, entry.key(), outcome)?;
    }
    Ok(())
}

async fn ensure_group(ctx: &Ctx, tx: &mut Tx, name: &str, names: &mut Names) -> Result<Change> {
    let (id, is_new) = group::ensure(ctx, tx, name).await?;
    names.groups.insert(name.to_owned(), id);
    Ok(if is_new { Change::Created } else { Change::Unchanged })
}

async fn ensure_node(ctx: &Ctx, tx: &mut Tx, entry: &NodeEntry, names: &Names) -> Result<Change> {
    let found = rows::find_by_code(tx, entry.kind.as_str(), &entry.code).await?;
    let groups = match (&entry.groups, &found) {
        (Some(groups), _) => groups.clone(),
        (None, Some(row)) => groups_of(tx, row, names).await?,
        (None, None) => BTreeSet::new(),
    };
    let (_, change) = manage::save_in(ctx, tx, &spec(ctx, entry, found.as_ref(), groups)?).await?;
    Ok(change)
}

async fn groups_of(tx: &mut Tx, row: &NodeRow, names: &Names) -> Result<BTreeSet<String>> {
    let all = rows::list_memberships(tx).await?;
    let own = all.into_iter().filter(|(node, _)| *node == row.id);
    Ok(own.filter_map(|(_, group)| names.group_name(group).map(str::to_owned)).collect())
}

/// The node as it shall be: what the entry names over what is stored over the defaults.
fn spec(ctx: &Ctx, entry: &NodeEntry, found: Option<&NodeRow>, groups: BTreeSet<String>) -> Result<NodeSpec> {
    let stored_port = |number: i64| u16::try_from(number).map_err(Error::internal);
    let port = match (entry.port, found) {
        (Some(port), _) => port,
        (None, Some(row)) => stored_port(row.port)?,
        (None, None) => 0,
    };
    let server_port = match (entry.server_port, found) {
        (Some(port), _) => port,
        (None, Some(row)) => stored_port(row.server_port)?,
        (None, None) => port,
    };
    let host = entry.host.as_ref().or(found.map(|row| &row.host));
    let listen_ip = entry.listen_ip.as_deref().or(found.and_then(|row| row.listen_ip.as_deref()));
    let (settings, content) = settings(ctx, entry, found)?;
    Ok(NodeSpec {
        kind: entry.kind,
        code: entry.code.clone(),
        name: entry.name.as_ref().or(found.map(|row| &row.name)).unwrap_or(&entry.code).clone(),
        remark: pick(entry.remark.as_ref(), found.and_then(|row| row.remark.as_ref())).map(str::to_owned),
        host: host.ok_or_else(|| Error::invalid("host", "a new node needs the host that clients connect to"))?.clone(),
        port,
        server_port,
        listen_ip: listen_ip.map_or(Ok(None), read_ip)?,
        rate: entry.rate.map(|rate| rate.0).or(found.map(|row| row.rate)).unwrap_or(100),
        is_enabled: entry.enabled.or(found.map(|row| row.is_enabled)).unwrap_or(true),
        is_shown: entry.shown.or(found.map(|row| row.is_shown)).unwrap_or(true),
        sort: entry.sort.or(found.and_then(|row| row.sort)),
        transfer_cap: entry.transfer_cap.map_or(found.and_then(|row| row.transfer_cap), Limit::bytes),
        groups,
        settings,
        content,
    })
}

fn read_ip(text: &str) -> Result<Option<IpAddr>> {
    file::listen_ip(text).map_err(|error| Error::invalid("listen_ip", error.to_string()))
}

/// Settings and, for `content`, chain and key: given by the entry, or kept.
fn settings(ctx: &Ctx, entry: &NodeEntry, found: Option<&NodeRow>) -> Result<(NodeSettings, Option<(String, String)>)> {
    let mut settings = match (&entry.settings, found) {
        (Some(settings), _) => settings.clone(),
        (None, Some(row)) => stored(ctx, entry, row)?,
        (None, None) => NodeSettings::default(),
    };
    if let (Some(cert), Some(key)) = (&entry.cert_pem, &entry.key_pem) {
        if !cert.contains("-----BEGIN CERTIFICATE-----") || !key.expose().contains("PRIVATE KEY-----") {
            return Err(Error::invalid("cert_pem", "a certificate chain and its private key as PEM texts"));
        }
        if entry.settings.is_some() && matches!(settings.cert_mode, CertMode::File { .. }) {
            return Err(Error::invalid("cert_pem", "not together with a cert_mode of files"));
        }
        settings.cert_mode = CertMode::Content;
        return Ok((settings, Some((cert.clone(), key.expose().to_owned()))));
    }
    let kept = found.and_then(|row| Some((row, row.tls_cert.as_ref()?, row.tls_key_sealed.as_ref()?)));
    let content = match kept {
        Some((row, cert, sealed)) if settings.cert_mode == CertMode::Content => {
            let key = ctx.app.keys().open_text(tls_key_place(&row.seal_ref), sealed)?;
            Some((cert.clone(), key.expose().to_owned()))
        }
        _ => None,
    };
    Ok((settings, content))
}

/// Removes groups, after the accounts of the file have left them.
pub(super) async fn remove_groups(ctx: &Ctx, tx: &mut Tx, file: &StateFile, work: &mut Work) -> Result<()> {
    for entry in file.node_group.iter().filter(|group| group.state == Presence::Absent) {
        let removed = group::remove(ctx, tx, &entry.name).await;
        let outcome = removed.map(|existed| if existed { Change::Removed } else { Change::Unchanged });
        work.note(NodeGroupEntry::KIND, entry.key(), outcome)?;
    }
    Ok(())
}

/// The settings that a node has in the short form.
fn stored(ctx: &Ctx, entry: &NodeEntry, row: &NodeRow) -> Result<NodeSettings> {
    let value = serde_json::from_str(&row.settings).map_err(Error::internal)?;
    let settings = Settings::parse(entry.kind, &value).map_err(|faults| embedded::refuse(&faults))?;
    embedded::view(&settings, row::secrets(&ctx.app, row)?.1.as_ref())
}
