//! From rows to nodes and users: opens sealed columns and reads stored settings.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use gatehouse_model::{NodeGroupId, NodeId, NodeKind, SsCipher};
use gatehouse_store::node::{self as rows, NodeRow};

use super::{
    node::{Certificate, Hysteria, Node, Protocol, Tls},
    settings::{CertMode, NodeSettings},
};
use crate::{App, Error, Result, seal::Place};

/// Loads every node. One whose secrets cannot be opened is left out and logged, so that the others go on.
pub(crate) async fn load_nodes(app: &App) -> Result<Vec<Arc<Node>>> {
    let mut groups: BTreeMap<NodeId, BTreeSet<NodeGroupId>> = BTreeMap::new();
    for (node, group) in rows::list_memberships(&mut app.db().read()).await? {
        groups.entry(node).or_default().insert(group);
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
        match read(app, row, groups.remove(&id).unwrap_or_default(), used, bound.get(&id).copied()) {
            Ok(node) => nodes.push(Arc::new(node)),
            Err(error) => {
                tracing::error!(event = "node.unreadable", node = id.0, error = error.chain(), "node {id} is left out");
            }
        }
    }
    Ok(nodes)
}

fn read(app: &App, row: NodeRow, group_ids: BTreeSet<NodeGroupId>, used: i64, bound_port: Option<u16>) -> Result<Node> {
    let fault = |what: &str| Error::internal(format!("node {}: {what}", row.id));
    let kind = NodeKind::parse(&row.kind).ok_or_else(|| fault("unknown type"))?;
    let settings: NodeSettings = serde_json::from_str(&row.settings).map_err(Error::internal)?;
    let protocol = match kind {
        NodeKind::Shadowsocks => Protocol::Shadowsocks {
            cipher: settings.cipher.unwrap_or(SsCipher::Blake3Aes256Gcm),
            allow_classic: settings.allow_classic,
            classic_user_cap: settings.classic_user_cap,
            server_key: match &row.server_key_sealed {
                Some(sealed) => app.keys().open_bytes(server_key_place(&row.seal_ref), sealed)?.to_vec(),
                None => Vec::new(),
            },
        },
        NodeKind::Trojan => Protocol::Trojan(tls(app, &row, &settings)?, settings.transport()),
        NodeKind::Vless => Protocol::Vless(tls(app, &row, &settings)?, settings.transport()),
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
        routes: Arc::default(),
    })
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

/// Where a proxy pass's uuid is sealed.
pub(crate) fn uuid_place(row: &str) -> Place<'_> {
    Place { table: "proxy_pass", column: "uuid", row }
}

/// Where a proxy pass's subscription token is sealed.
pub(crate) fn token_place(row: &str) -> Place<'_> {
    Place { table: "proxy_pass", column: "token", row }
}
