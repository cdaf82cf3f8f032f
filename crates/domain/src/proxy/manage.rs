//! Making, changing and removing proxy nodes (specs/proxy.md §3, §5, §11).

use std::{collections::BTreeSet, net::IpAddr};

use gatehouse_model::{Millis, NodeGroupId, NodeId, NodeKind, Secret, SsCipher};
use gatehouse_profile::settings::{PortSpec, Private, RateWindow, Settings, read_windows};
use gatehouse_store::{
    Aspect, Tx,
    node::{self as rows, NodeFields, NodeRow},
};

use super::{
    certificate,
    draft::{self, Draft},
    embedded, group, link,
    row::{self, server_key_place, tls_key_place},
    settings::{CertMode, NodeSettings},
};
use crate::{
    Ctx, Error, Result,
    audit::{self, Object},
};

/// A node as staff describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSpec {
    /// Type.
    pub kind: NodeKind,
    /// Unique short name within the type: how the state file finds the node again.
    pub code: String,
    /// Name shown to users.
    pub name: String,
    /// Description shown to users.
    pub remark: Option<String>,
    /// Where clients connect.
    pub host: String,
    /// Port clients connect to; 0: the listener's.
    pub port: u16,
    /// Port the listener binds; 0: any free one.
    pub server_port: u16,
    /// Address the listener binds.
    pub listen_ip: Option<IpAddr>,
    /// Traffic factor in hundredths, 0–10,000.
    pub rate: i64,
    /// Whether it serves anybody.
    pub is_enabled: bool,
    /// Whether users see it.
    pub is_shown: bool,
    /// Position.
    pub sort: Option<i64>,
    /// Bytes after which it serves nobody.
    pub transfer_cap: Option<i64>,
    /// Names of its groups; missing ones are made.
    pub groups: BTreeSet<String>,
    /// Protocol settings.
    pub settings: NodeSettings,
    /// Chain and key, PEM, for `cert_mode` content.
    pub content: Option<(String, String)>,
}

/// What a declarative write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Made.
    Created,
    /// Changed.
    Updated,
    /// Removed.
    Removed,
    /// As it was.
    Unchanged,
}

/// Makes or changes an embedded node, found by type and code. One transaction.
///
/// Errors: `Invalid` naming the key that cannot be served; `Conflict` when two embedded nodes would share an address and port.
pub async fn save(ctx: &Ctx, spec: &NodeSpec) -> Result<(NodeId, Change)> {
    let mut tx = ctx.begin().await?;
    let done = save_in(ctx, &mut tx, spec).await?;
    tx.commit().await?;
    Ok(done)
}

pub(crate) async fn save_in(ctx: &Ctx, tx: &mut Tx, spec: &NodeSpec) -> Result<(NodeId, Change)> {
    ctx.require("panel.node")?;
    let found = rows::find_by_code(tx, spec.kind.as_str(), &spec.code).await?;
    let draft = draft_of(ctx, tx, spec, found.as_ref()).await?;
    draft::write(ctx, tx, found.as_ref(), &draft).await
}

/// The embedded node that a spec means; what a spec does not say of it stays as it is.
async fn draft_of(ctx: &Ctx, tx: &mut Tx, spec: &NodeSpec, found: Option<&NodeRow>) -> Result<Draft> {
    spec.settings.check(spec.kind)?;
    let needs_content = spec.settings.cert_mode == CertMode::Content;
    if needs_content != spec.content.is_some() {
        return Err(Error::invalid("cert_mode", "`content` goes with cert_pem and key_pem, and only with them"));
    }
    let chain = spec.content.as_ref().map(|(chain, _)| chain.as_str());
    let (settings, mut cert) = embedded::full(spec.kind, &spec.settings, chain)?;
    if let (Some(cert), Some((_, key))) = (&mut cert, &spec.content) {
        cert.key_content = Some(Secret::new(key.as_str()));
    }
    let mut groups = BTreeSet::new();
    for name in &spec.groups {
        groups.insert(group::ensure(ctx, tx, name).await?.0);
    }
    let kept = found.map(kept).unwrap_or_default();
    Ok(Draft {
        kind: spec.kind,
        code: Some(spec.code.clone()),
        name: spec.name.clone(),
        remark: spec.remark.clone(),
        host: spec.host.clone(),
        port: spec.port,
        port_range: kept.port_range,
        server_port: spec.server_port,
        listen_ip: spec.listen_ip,
        rate: spec.rate,
        is_rate_timed: kept.is_rate_timed,
        windows: kept.windows,
        is_embedded: true,
        is_enabled: spec.is_enabled,
        is_shown: spec.is_shown,
        sort: spec.sort,
        transfer_cap: spec.transfer_cap,
        parent_id: kept.parent_id,
        tags: kept.tags,
        groups,
        routes: None,
        settings,
        private: Private::default(),
        cert,
        custom_outbounds: Vec::new(),
        custom_routes: Vec::new(),
    })
}

/// What a short description of a node does not name.
#[derive(Debug, Default)]
struct Kept {
    port_range: Option<PortSpec>,
    is_rate_timed: bool,
    windows: Vec<RateWindow>,
    parent_id: Option<NodeId>,
    tags: Vec<String>,
}

fn kept(row: &NodeRow) -> Kept {
    let ranges = serde_json::from_str(&row.rate_ranges).unwrap_or_default();
    Kept {
        port_range: row.port_range.as_deref().and_then(|text| text.parse().ok()),
        is_rate_timed: row.is_rate_timed,
        windows: read_windows(&ranges).unwrap_or_default(),
        parent_id: row.parent_id,
        tags: serde_json::from_str(&row.tags).unwrap_or_default(),
    }
}

/// What holds for every node, whatever it speaks.
pub(super) fn check(spec: &Draft) -> Result<()> {
    let text = |field: &'static str, value: &str, most: usize| {
        if value.is_empty() || value.chars().count() > most || value.chars().any(char::is_control) {
            Err(Error::invalid(field, format!("1 to {most} characters, none of control")))
        } else {
            Ok(())
        }
    };
    if let Some(code) = &spec.code {
        text("code", code, 50)?;
    }
    text("name", &spec.name, 255)?;
    text("host", &spec.host, 255)?;
    if spec.host.chars().any(|c| c.is_whitespace() || matches!(c, '/' | '@' | '[' | ']' | '#' | '?')) {
        return Err(Error::invalid("host", "a host name or an address without brackets"));
    }
    if !(0..=10_000).contains(&spec.rate) {
        return Err(Error::invalid("rate", "0 to 100"));
    }
    Ok(())
}

/// Two embedded nodes cannot bind the same port of the same address and transport.
pub(super) async fn check_port(tx: &mut Tx, spec: &Draft, own: Option<NodeId>) -> Result<()> {
    if spec.server_port == 0 {
        return Ok(());
    }
    let listen_ip = spec.listen_ip.map(|ip| ip.to_string());
    let others = rows::list(tx).await?;
    let clash = others.iter().find(|row| {
        row.is_embedded
            && Some(row.id) != own
            && NodeKind::parse(&row.kind).is_none_or(|kind| share_transport(kind, spec.kind))
            && row.server_port == i64::from(spec.server_port)
            && row.listen_ip == listen_ip
    });
    match clash {
        Some(_) => {
            Err(Error::Conflict { what: "node with this address and port", key: "node_server_port_key".to_owned() })
        }
        None => Ok(()),
    }
}

/// Whether two types bind ports of the same transport.
fn share_transport(one: NodeKind, other: NodeKind) -> bool {
    let of = |kind| (kind != NodeKind::Hysteria, matches!(kind, NodeKind::Hysteria | NodeKind::Shadowsocks));
    let ((tcp, udp), (other_tcp, other_udp)) = (of(one), of(other));
    (tcp && other_tcp) || (udp && other_udp)
}

/// A classic cipher is tried for every user of its node.
pub(super) async fn check_classic_cap(ctx: &Ctx, tx: &mut Tx, settings: &NodeSettings, id: NodeId) -> Result<()> {
    if settings.cipher.is_none_or(SsCipher::is_2022) {
        return Ok(());
    }
    let cap = settings.classic_user_cap.unwrap_or(ctx.app.settings().proxy.classic_user_cap);
    let mut members = 0_i64;
    for (node, group) in rows::list_memberships(tx).await? {
        if node == id {
            members = members.saturating_add(rows::count_members(tx, group).await?);
        }
    }
    if members > i64::from(cap) {
        let rule = format!("its groups hold {members} users, a classic node serves at most {cap}");
        return Err(Error::invalid("classic_user_cap", rule));
    }
    Ok(())
}

/// Sealed secrets of a node: kept while what they belong to is the same, made anew otherwise.
pub(super) struct Secrets {
    pub(super) server_key: Option<String>,
    pub(super) tls_cert: Option<String>,
    pub(super) tls_key: Option<String>,
}

impl Secrets {
    /// `short`: what the embedded door makes of it; none for nodes of others.
    pub(super) fn of(
        ctx: &Ctx,
        spec: &Draft,
        short: Option<&NodeSettings>,
        found: Option<&NodeRow>,
        seal_ref: &str,
    ) -> Result<Self> {
        let mut secrets = Self { server_key: None, tls_cert: None, tls_key: None };
        let old = found.and_then(|row| {
            let settings = Settings::parse(spec.kind, &serde_json::from_str(&row.settings).ok()?).ok()?;
            Some((settings, row::secrets(&ctx.app, row).ok()?.1))
        });
        if let Some(cipher) = spec.settings.cipher() {
            let old_cipher = old.as_ref().and_then(|(settings, _)| settings.cipher());
            let kept = found.filter(|_| old_cipher == Some(cipher)).and_then(|row| row.server_key_sealed.clone());
            secrets.server_key = match (kept, SsCipher::parse(cipher.as_str())) {
                (Some(kept), _) => Some(kept),
                (None, Some(cipher)) if cipher.is_2022() => Some(seal_server_key(ctx, cipher, seal_ref)?),
                _ => None,
            };
        } else if let Some(short) = short {
            let old = old.and_then(|(settings, cert)| embedded::view(&settings, cert.as_ref()).ok());
            let old = old.filter(|_| found.is_some_and(|row| row.is_embedded));
            match (&short.cert_mode, spec.content()) {
                (CertMode::SelfSigned, _) => secrets.self_signed(ctx, spec, short, found, old.as_ref(), seal_ref)?,
                (CertMode::Content, Some((cert, key))) => {
                    secrets.content(ctx, found, (cert, key.expose()), seal_ref)?;
                }
                (CertMode::Content, None) => {
                    return Err(Error::invalid("cert_config", "the mode `content` needs cert_content and key_content"));
                }
                (CertMode::File { .. }, _) => {}
            }
        }
        Ok(secrets)
    }

    fn self_signed(
        &mut self,
        ctx: &Ctx,
        spec: &Draft,
        short: &NodeSettings,
        found: Option<&NodeRow>,
        old: Option<&NodeSettings>,
        seal_ref: &str,
    ) -> Result<()> {
        let name_of =
            |settings: &NodeSettings, host: &str| settings.server_name.clone().unwrap_or_else(|| host.to_owned());
        let name = name_of(short, &spec.host);
        if let (Some(row), Some(old)) = (found, old)
            && old.cert_mode == CertMode::SelfSigned
            && name_of(old, &row.host) == name
        {
            (self.tls_cert, self.tls_key) = (row.tls_cert.clone(), row.tls_key_sealed.clone());
            return Ok(());
        }
        let made = certificate::self_signed(&name, ctx.now())?;
        self.tls_key = Some(ctx.app.keys().seal(ctx.app.random(), tls_key_place(seal_ref), made.key_pem.as_bytes())?);
        self.tls_cert = Some(made.cert_pem);
        Ok(())
    }

    fn content(&mut self, ctx: &Ctx, found: Option<&NodeRow>, pem: (&str, &str), seal_ref: &str) -> Result<()> {
        let kept = found.and_then(|row| row.tls_key_sealed.clone()).filter(|sealed| {
            ctx.app.keys().open_text(tls_key_place(seal_ref), sealed).is_ok_and(|key| key.expose() == pem.1)
        });
        self.tls_cert = Some(pem.0.to_owned());
        self.tls_key = match kept {
            Some(kept) => Some(kept),
            None => Some(ctx.app.keys().seal(ctx.app.random(), tls_key_place(seal_ref), pem.1.as_bytes())?),
        };
        Ok(())
    }
}

fn seal_server_key(ctx: &Ctx, cipher: SsCipher, seal_ref: &str) -> Result<String> {
    let random = ctx.app.random();
    let key = zeroize::Zeroizing::new(random.bytes::<32>());
    let key = key.get(..cipher.key_len()).unwrap_or(key.as_slice());
    ctx.app.keys().seal(random, server_key_place(seal_ref), key)
}

/// Whether a row says this already.
pub(super) fn is_same(row: &NodeRow, f: &NodeFields<'_>) -> bool {
    row.name == f.name
        && row.remark.as_deref() == f.remark
        && row.host == f.host
        && (row.port, row.server_port, row.rate) == (f.port, f.server_port, f.rate)
        && row.listen_ip.as_deref() == f.listen_ip
        && (row.is_embedded, row.is_enabled, row.is_shown) == (f.is_embedded, f.is_enabled, f.is_shown)
        && (row.sort, row.transfer_cap) == (f.sort, f.transfer_cap)
        && row.settings == f.settings
        && row.server_key_sealed.as_deref() == f.server_key_sealed
        && row.tls_cert.as_deref() == f.tls_cert
        && row.tls_key_sealed.as_deref() == f.tls_key_sealed
        && (row.parent_id, row.is_rate_timed) == (f.parent_id, f.is_rate_timed)
        && (row.port_range.as_deref(), row.cert_config.as_deref()) == (f.port_range, f.cert_config)
        && (row.tags.as_str(), row.rate_ranges.as_str()) == (f.tags, f.rate_ranges)
        && (row.custom_outbounds.as_str(), row.custom_routes.as_str()) == (f.custom_outbounds, f.custom_routes)
        && row.private_sealed.as_deref() == f.private_sealed
}

/// Makes the node's groups exactly these; tells whether anything changed.
pub(super) async fn set_groups(tx: &mut Tx, id: NodeId, wanted: &BTreeSet<NodeGroupId>) -> Result<bool> {
    let present: BTreeSet<NodeGroupId> =
        rows::list_memberships(tx).await?.into_iter().filter(|(node, _)| *node == id).map(|(_, group)| group).collect();
    for group in wanted.difference(&present) {
        rows::insert_membership(tx, id, *group).await?;
    }
    for group in present.difference(wanted) {
        rows::delete_membership(tx, id, *group).await?;
    }
    Ok(*wanted != present)
}

/// Removes a node. Tells whether it existed.
pub(crate) async fn remove_in(ctx: &Ctx, tx: &mut Tx, kind: NodeKind, code: &str) -> Result<bool> {
    ctx.require("panel.node")?;
    let Some(row) = rows::find_by_code(tx, kind.as_str(), code).await? else { return Ok(false) };
    rows::delete(tx, row.id).await?;
    tx.touch(Aspect::Node, None);
    audit::changed(tx, ctx, "node.delete", Object::new("node", row.id.0, &row.name)).await?;
    Ok(true)
}

/// Gives a Shadowsocks 2022 node a new server key; every flow of the node is cut.
///
/// Errors: `NotFound`; `Invalid` for nodes that have no server key.
pub async fn rotate_key(ctx: &Ctx, id: NodeId) -> Result<()> {
    ctx.require("panel.node")?;
    let mut tx = ctx.begin().await?;
    let row = rows::find(&mut tx, id).await?.ok_or(Error::NotFound { what: "node" })?;
    let kind = NodeKind::parse(&row.kind).ok_or_else(|| Error::internal("unknown type"))?;
    let value = serde_json::from_str(&row.settings).map_err(Error::internal)?;
    let settings = Settings::parse(kind, &value).map_err(|faults| embedded::refuse(&faults))?;
    let cipher = settings.cipher().and_then(|cipher| SsCipher::parse(cipher.as_str())).filter(|known| known.is_2022());
    let Some(cipher) = cipher else {
        return Err(Error::invalid("node", "only Shadowsocks 2022 nodes have a server key"));
    };
    rows::update_server_key(&mut tx, id, &seal_server_key(ctx, cipher, &row.seal_ref)?, ctx.now()).await?;
    tx.touch(Aspect::Node, Some(id.0));
    audit::changed(&mut tx, ctx, "node.rotate_key", Object::new("node", id.0, &row.name)).await?;
    tx.commit().await?;
    Ok(())
}

/// A node as staff see it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct NodeView {
    /// Row id.
    pub id: NodeId,
    /// Type.
    pub kind: NodeKind,
    /// Short name.
    pub code: Option<String>,
    /// Name.
    pub name: String,
    /// Where clients connect.
    pub host: String,
    /// The port clients use; none while it is 0 and nobody listens.
    pub port: Option<u16>,
    /// Whether it serves anybody.
    pub is_enabled: bool,
    /// Whether users see it.
    pub is_shown: bool,
    /// Names of its groups.
    pub groups: Vec<String>,
    /// 2: a process listens for it, 0: none does.
    pub available_status: u8,
    /// Why it does not listen, or what its links lack.
    pub problem: Option<String>,
    /// Since when.
    pub state_at: Option<Millis>,
    /// Raw bytes, client to target.
    pub up: i64,
    /// Raw bytes, target to client.
    pub down: i64,
    /// What happens to running connections of a revoked user.
    pub revoke: &'static str,
}

/// Lists all nodes with their state.
pub async fn list(ctx: &Ctx) -> Result<Vec<NodeView>> {
    ctx.require("panel.node")?;
    ctx.app.live().refresh(&ctx.app).await?;
    let nodes = ctx.app.live().nodes();
    let groups = rows::list_groups(&mut ctx.read()).await?;
    let states = rows::list_states(&mut ctx.read()).await?;
    let usage = rows::list_usage(&mut ctx.read()).await?;
    let views = nodes.nodes.iter().map(|node| {
        let own: Vec<_> = states.iter().filter(|state| state.node_id == node.id).collect();
        let listening = own.iter().find(|state| state.is_listening);
        let reason = own.iter().find_map(|state| state.reason.clone());
        let (up, down) = usage.iter().find(|(id, ..)| *id == node.id).map_or((0, 0), |(_, up, down)| (*up, *down));
        NodeView {
            id: node.id,
            kind: node.protocol.kind(),
            code: node.code.clone(),
            name: node.name.clone(),
            host: node.host.clone(),
            port: node.client_port(),
            is_enabled: node.is_enabled,
            is_shown: node.is_shown,
            groups: groups.iter().filter(|(id, _)| node.group_ids.contains(id)).map(|(_, name)| name.clone()).collect(),
            available_status: if listening.is_some() { 2 } else { 0 },
            problem: reason.or_else(|| link::missing(node).map(|what| format!("links lack {what}"))),
            state_at: listening.or(own.first()).map(|state| state.at),
            up,
            down,
            revoke: if node.is_embedded { "cuts" } else { "next_poll" },
        }
    });
    Ok(views.collect())
}
