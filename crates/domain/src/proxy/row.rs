//! From rows to nodes and users: opens sealed columns and reads stored settings.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use gatehouse_model::{NodeGroupId, NodeId, NodeKind, NodeRouteId, SsCipher};
use gatehouse_profile::settings::{
    CertConfig, Private, RateWindow, RouteRule, Settings, rate_at as profile_rate_at, read_windows,
};
use gatehouse_store::{
    node::{self as rows, NodeRow},
    node_route::{self, NodeRouteRow},
};
use serde_json::Value;

use super::{
    embedded,
    node::{Certificate, Hysteria, Node, Protocol, Tls},
    route::Rule,
    settings::{CertMode, NodeSettings},
    sheet::Sheet,
};
use crate::{App, Error, Result, seal::Place};

/// Loads every node. One whose secrets cannot be opened is left out and logged, so that the others go on.
pub(crate) async fn load_nodes(app: &App) -> Result<Vec<Arc<Node>>> {
    let mut groups: BTreeMap<NodeId, BTreeSet<NodeGroupId>> = BTreeMap::new();
    for (node, group) in rows::list_memberships(&mut app.db().read()).await? {
        groups.entry(node).or_default().insert(group);
    }
    let rules: BTreeMap<NodeRouteId, NodeRouteRow> =
        node_route::list(&mut app.db().read()).await?.into_iter().map(|row| (row.id, row)).collect();
    let mut routes: BTreeMap<NodeId, Vec<NodeRouteId>> = BTreeMap::new();
    for (node, route) in node_route::list_memberships(&mut app.db().read()).await? {
        routes.entry(node).or_default().push(route);
    }
    let usage: BTreeMap<NodeId, i64> = rows::list_usage(&mut app.db().read())
        .await?
        .into_iter()
        .map(|(id, up, down)| (id, up.saturating_add(down)))
        .collect();
    let bound: BTreeMap<NodeId, u16> = rows::list_states(&mut app.db().read())
        .await?
        .into_iter()
        .filter_map(|state| Some((state.node_id, u16::try_from(state.bound_port?).ok()?)))
        .collect();
    let mut nodes = Vec::new();
    for row in rows::list(&mut app.db().read()).await? {
        let (id, used) = (row.id, usage.get(&row.id).copied().unwrap_or(0));
        let own = |id: &NodeRouteId| rules.get(id).cloned();
        let routes: Vec<NodeRouteRow> = routes.get(&id).into_iter().flatten().filter_map(own).collect();
        match read(app, row, groups.remove(&id).unwrap_or_default(), &routes, used, bound.get(&id).copied()) {
            Ok(node) => nodes.push(Arc::new(node)),
            Err(error) => {
                tracing::error!(event = "node.unreadable", node = id.0, error = error.chain(), "node {id} is left out");
            }
        }
    }
    Ok(nodes)
}

fn read(
    app: &App,
    row: NodeRow,
    group_ids: BTreeSet<NodeGroupId>,
    routes: &[NodeRouteRow],
    used: i64,
    bound_port: Option<u16>,
) -> Result<Node> {
    let fault = |what: &str| Error::internal(format!("node {}: {what}", row.id));
    let kind = NodeKind::parse(&row.kind).ok_or_else(|| fault("unknown type"))?;
    let sheet = sheet(app, &row, kind, routes)?;
    // Saving refused what does not parse.
    let rules = sheet.routes.iter().filter_map(|rule| obeyed(rule).ok()).collect();
    let settings = if row.is_embedded {
        embedded::view(&sheet.settings, sheet.cert_config.as_ref())?
    } else {
        NodeSettings { cipher: door_cipher(&sheet.settings), ..NodeSettings::default() }
    };
    let protocol = match kind {
        // Links of remote ones are those of the embedded door; whoever uses a cipher that it lacks finds no link.
        NodeKind::Shadowsocks if settings.cipher.is_some() => Protocol::Shadowsocks {
            cipher: settings.cipher.unwrap_or(SsCipher::Blake3Aes256Gcm),
            allow_classic: settings.allow_classic,
            classic_user_cap: settings.classic_user_cap,
            server_key: sheet.server_key.clone(),
        },
        NodeKind::Trojan if row.is_embedded => Protocol::Trojan(tls(app, &row, &settings)?, settings.transport()),
        NodeKind::Vless if row.is_embedded => Protocol::Vless(tls(app, &row, &settings)?, settings.transport()),
        NodeKind::Hysteria if row.is_embedded => {
            let bandwidth = settings.bandwidth.unwrap_or_default();
            Protocol::Hysteria(Hysteria {
                tls: tls(app, &row, &settings)?,
                up_mbps: bandwidth.up.unwrap_or(0),
                down_mbps: bandwidth.down.unwrap_or(0),
                ignore_client_bandwidth: settings.ignore_client_bandwidth,
            })
        }
        other => Protocol::Remote(other),
    };
    let port = |number: i64| u16::try_from(number).map_err(|_| fault("port out of range"));
    Ok(Node {
        id: row.id,
        port: port(row.port)?,
        server_port: port(row.server_port)?,
        listen_ip: row.listen_ip.as_deref().and_then(|ip| ip.parse().ok()),
        is_capped: row.transfer_cap.is_some_and(|cap| cap > 0 && used >= cap),
        code: row.code,
        name: row.name,
        remark: row.remark,
        host: row.host,
        rate: row.rate,
        is_embedded: row.is_embedded,
        is_enabled: row.is_enabled,
        is_shown: row.is_shown,
        sort: row.sort,
        group_ids,
        transfer_cap: row.transfer_cap,
        protocol,
        bound_port,
        routes: if row.is_embedded { rules } else { Arc::default() },
        sheet: Arc::new(sheet),
    })
}

/// The ciphers the embedded door knows, too.
fn door_cipher(settings: &Settings) -> Option<SsCipher> {
    settings.cipher().and_then(|cipher| SsCipher::parse(cipher.as_str()))
}

/// A node's settings in full, as far as they can be read.
fn sheet(app: &App, row: &NodeRow, kind: NodeKind, routes: &[NodeRouteRow]) -> Result<Sheet> {
    let value: Value = serde_json::from_str(&row.settings).map_err(Error::internal)?;
    let settings = Settings::parse(kind, &value).map_err(|faults| embedded::refuse(&faults))?;
    let (private, cert_config) = secrets(app, row)?;
    Ok(Sheet {
        parent_id: row.parent_id,
        port_range: row.port_range.as_deref().and_then(|text| text.parse().ok()),
        tags: list(&row.tags),
        windows: windows(row),
        is_rate_timed: row.is_rate_timed,
        settings: Arc::new(settings),
        private,
        server_key: match &row.server_key_sealed {
            Some(sealed) => app.keys().open_bytes(server_key_place(&row.seal_ref), sealed)?.to_vec(),
            None => Vec::new(),
        },
        cert_config,
        custom_outbounds: list(&row.custom_outbounds),
        custom_routes: list(&row.custom_routes),
        route_ids: routes.iter().map(|route| route.id).collect(),
        routes: routes.iter().map(rule).collect(),
        token_hash: row.token_hash.clone(),
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// The private parts of a node's settings, and where its certificate comes from, with its secrets.
pub(crate) fn secrets(app: &App, row: &NodeRow) -> Result<(Private, Option<CertConfig>)> {
    let sealed = match &row.private_sealed {
        Some(sealed) => Some(app.keys().open_text(private_place(&row.seal_ref), sealed)?),
        None => None,
    };
    let private = sealed.as_ref().map(Private::from_secret).unwrap_or_default();
    let Some(text) = &row.cert_config else { return Ok((private, None)) };
    let mut value: Value = serde_json::from_str(text).map_err(Error::internal)?;
    // The secrets of the certificate lie beside those of the settings.
    let stored: Value = sealed.and_then(|text| serde_json::from_str(text.expose()).ok()).unwrap_or_default();
    if let (Some(shown), Some(Value::Object(hidden))) = (value.as_object_mut(), stored.get("cert_config")) {
        shown.extend(hidden.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    Ok((private, CertConfig::parse(&value).map_err(|faults| embedded::refuse(&faults))?))
}

/// A JSON list; what cannot be read is left out.
fn list<T: serde::de::DeserializeOwned>(text: &str) -> Vec<T> {
    serde_json::from_str(text).unwrap_or_default()
}

fn windows(row: &NodeRow) -> Vec<RateWindow> {
    read_windows(&serde_json::from_str(&row.rate_ranges).unwrap_or_default()).unwrap_or_default()
}

/// A node's traffic factor in hundredths at a minute of the day in the panel's zone.
pub(crate) fn rate_at(row: &NodeRow, minute: u16) -> i64 {
    if row.is_rate_timed { profile_rate_at(&windows(row), row.rate, minute) } else { row.rate }
}

/// A rule as the embedded door obeys it. Errors: `Invalid` for what only nodes of others know.
pub(crate) fn obeyed(rule: &RouteRule) -> Result<Rule> {
    Rule::parse(rule.matches.iter().map(String::as_str), &rule.action)
}

/// A rule as nodes read it.
pub(crate) fn rule(row: &NodeRouteRow) -> RouteRule {
    RouteRule {
        id: row.id.0,
        matches: list(&row.matches),
        action: row.action.clone(),
        action_value: row.action_value.clone().unwrap_or_default(),
    }
}

fn tls(app: &App, row: &NodeRow, settings: &NodeSettings) -> Result<Tls> {
    let certificate = match (&settings.cert_mode, &row.tls_cert, &row.tls_key_sealed) {
        (CertMode::File { cert_file, key_file }, _, _) => {
            Certificate::File { cert_file: cert_file.clone(), key_file: key_file.clone() }
        }
        (mode, Some(cert), Some(sealed)) => Certificate::Content {
            cert_pem: cert.clone(),
            key_pem: app.keys().open_text(tls_key_place(&row.seal_ref), sealed)?.expose().to_owned(),
            is_self_signed: *mode == CertMode::SelfSigned,
        },
        _ => return Err(Error::internal(format!("node {} has no certificate", row.id))),
    };
    let server_name = settings.server_name.clone().unwrap_or_default();
    Ok(Tls { server_name, fallback: settings.fallback.clone(), certificate })
}

/// Where a node's server key is sealed.
pub(crate) fn server_key_place(row: &str) -> Place<'_> {
    Place { table: "node", column: "server_key", row }
}

/// Where a node's certificate key is sealed.
pub(crate) fn tls_key_place(row: &str) -> Place<'_> {
    Place { table: "node", column: "tls_key", row }
}

/// Where the private parts of a node's settings are sealed.
pub(crate) fn private_place(row: &str) -> Place<'_> {
    Place { table: "node", column: "private", row }
}

/// Where a node's own token is sealed.
pub(crate) fn node_token_place(row: &str) -> Place<'_> {
    Place { table: "node", column: "token", row }
}

/// Where a proxy pass's uuid is sealed.
pub(crate) fn uuid_place(row: &str) -> Place<'_> {
    Place { table: "proxy_pass", column: "uuid", row }
}

/// Where a proxy pass's subscription token is sealed.
pub(crate) fn token_place(row: &str) -> Place<'_> {
    Place { table: "proxy_pass", column: "token", row }
}
