//! A node as it shall be stored, whoever wrote it down: the state file or staff of the panel.

use std::{collections::BTreeSet, net::IpAddr};

use gatehouse_model::{NodeGroupId, NodeId, NodeKind, NodeRouteId, Secret};
use gatehouse_profile::settings::{CertConfig, PortSpec, Private, RateWindow, Settings};
use gatehouse_store::{
    Aspect, Tx,
    node::{self as rows, NodeFields, NodeRow},
    node_route,
};
use serde_json::Value;

use super::{
    embedded,
    manage::{self, Change},
    row::{self, node_token_place, private_place},
    settings::NodeSettings,
};
use crate::{
    Ctx, Error, Result,
    audit::{self, Object},
};

/// Purpose of the keyed hash of a node's own token.
pub(crate) const TOKEN: &str = "node.token";

/// Everything a node row says.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) kind: NodeKind,
    pub(crate) code: Option<String>,
    pub(crate) name: String,
    pub(crate) remark: Option<String>,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) port_range: Option<PortSpec>,
    pub(crate) server_port: u16,
    pub(crate) listen_ip: Option<IpAddr>,
    pub(crate) rate: i64,
    pub(crate) is_rate_timed: bool,
    pub(crate) windows: Vec<RateWindow>,
    pub(crate) is_embedded: bool,
    pub(crate) is_enabled: bool,
    pub(crate) is_shown: bool,
    pub(crate) sort: Option<i64>,
    pub(crate) transfer_cap: Option<i64>,
    pub(crate) parent_id: Option<NodeId>,
    pub(crate) tags: Vec<String>,
    pub(crate) groups: BTreeSet<NodeGroupId>,
    /// `None`: as they are.
    pub(crate) routes: Option<Vec<NodeRouteId>>,
    pub(crate) settings: Settings,
    pub(crate) private: Private,
    /// With its secrets; the chain of `content` in it.
    pub(crate) cert: Option<CertConfig>,
    pub(crate) custom_outbounds: Vec<Value>,
    pub(crate) custom_routes: Vec<Value>,
}

impl Draft {
    /// What the embedded door makes of it; none for nodes of others. Errors: `Invalid` naming what it cannot do.
    pub(crate) fn short(&self) -> Result<Option<NodeSettings>> {
        if !self.is_embedded {
            return Ok(None);
        }
        for (is_set, key) in
            [(!self.custom_outbounds.is_empty(), "custom_outbounds"), (!self.custom_routes.is_empty(), "custom_routes")]
        {
            if is_set {
                return Err(Error::invalid(key, format!("embedded nodes do not support {key}")));
            }
        }
        let short = embedded::view(&self.settings, self.cert.as_ref())?;
        short.check(self.kind)?;
        Ok(Some(short))
    }

    /// Chain and key that staff gave, PEM.
    pub(crate) fn content(&self) -> Option<(&str, &Secret)> {
        let cert = self.cert.as_ref().filter(|cert| cert.cert_mode == "content")?;
        Some((&cert.cert_content, cert.key_content.as_ref()?))
    }
}

/// Stores a node: a new row, or over the one that was found.
pub(crate) async fn write(ctx: &Ctx, tx: &mut Tx, found: Option<&NodeRow>, draft: &Draft) -> Result<(NodeId, Change)> {
    manage::check(draft)?;
    let short = draft.short()?;
    let id = found.map(|row| row.id);
    if short.is_some() {
        manage::check_port(tx, draft, id).await?;
    }
    check_parent(tx, draft, id).await?;
    let seal_ref = found.map_or_else(|| ctx.app.request_id(), |row| row.seal_ref.clone());
    let secrets = manage::Secrets::of(ctx, draft, short.as_ref(), found, &seal_ref)?;
    let private = private_text(draft)?;
    let private_sealed = seal_private(ctx, private.as_ref(), found, &seal_ref)?;
    let texts = Texts::of(draft)?;
    let fields = NodeFields {
        name: &draft.name,
        remark: draft.remark.as_deref(),
        host: &draft.host,
        port: draft.port.into(),
        server_port: draft.server_port.into(),
        listen_ip: texts.listen_ip.as_deref(),
        rate: draft.rate,
        is_embedded: draft.is_embedded,
        is_enabled: draft.is_enabled,
        is_shown: draft.is_shown,
        sort: draft.sort,
        transfer_cap: draft.transfer_cap,
        settings: &texts.settings,
        server_key_sealed: secrets.server_key.as_deref(),
        tls_cert: secrets.tls_cert.as_deref(),
        tls_key_sealed: secrets.tls_key.as_deref(),
        parent_id: draft.parent_id,
        port_range: texts.port_range.as_deref(),
        tags: &texts.tags,
        is_rate_timed: draft.is_rate_timed,
        rate_ranges: &texts.rate_ranges,
        cert_config: texts.cert_config.as_deref(),
        custom_outbounds: &texts.custom_outbounds,
        custom_routes: &texts.custom_routes,
        private_sealed: private_sealed.as_deref(),
    };
    let code = draft.code.as_deref();
    let (id, mut change) = match found {
        None => {
            let id = rows::insert(tx, draft.kind.as_str(), code, &seal_ref, &fields, ctx.now()).await?;
            renew_token(ctx, tx, id, &seal_ref).await?;
            (id, Change::Created)
        }
        Some(row) if row.code.as_deref() == code && manage::is_same(row, &fields) => (row.id, Change::Unchanged),
        Some(row) => {
            rows::update(tx, row.id, code, &fields, ctx.now()).await?;
            (row.id, Change::Updated)
        }
    };
    if draft.is_embedded {
        check_routes(tx, id, draft.routes.as_deref()).await?;
    }
    let is_regrouped = manage::set_groups(tx, id, &draft.groups).await?;
    let is_rerouted = set_routes(tx, id, draft.routes.as_deref()).await?;
    if (is_regrouped || is_rerouted) && change == Change::Unchanged {
        change = Change::Updated;
    }
    if let Some(short) = &short {
        manage::check_classic_cap(ctx, tx, short, id).await?;
    }
    if change != Change::Unchanged {
        tx.touch(Aspect::Node, Some(id.0));
        let action = if change == Change::Created { "node.create" } else { "node.update" };
        audit::changed(tx, ctx, action, Object::new("node", id.0, &draft.name)).await?;
    }
    Ok((id, change))
}

/// Gives a node a new token of its own; the old one is refused at once.
pub(crate) async fn renew_token(ctx: &Ctx, tx: &mut Tx, id: NodeId, seal_ref: &str) -> Result<Secret> {
    let (keys, random) = (ctx.app.keys(), ctx.app.random());
    let token = Secret::new(hex::encode(random.bytes::<32>()));
    let sealed = keys.seal(random, node_token_place(seal_ref), token.expose().as_bytes())?;
    rows::update_token(tx, id, &sealed, &keys.hash(TOKEN, token.expose()), ctx.now()).await?;
    Ok(token)
}

async fn check_parent(tx: &mut Tx, draft: &Draft, id: Option<NodeId>) -> Result<()> {
    let Some(parent) = draft.parent_id else { return Ok(()) };
    let row = rows::find(tx, parent).await?;
    match row {
        _ if Some(parent) == id => Err(Error::invalid("parent_id", "a node is not its own parent")),
        None => Err(Error::invalid("parent_id", "there is no such node")),
        Some(row) if row.kind != draft.kind.as_str() => Err(Error::invalid("parent_id", "a node of the same type")),
        Some(row) if row.parent_id.is_some() => Err(Error::invalid("parent_id", "a node that is no child itself")),
        Some(_) => Ok(()),
    }
}

/// The embedded door obeys all rules of its nodes, or the node is not saved.
async fn check_routes(tx: &mut Tx, id: NodeId, routes: Option<&[NodeRouteId]>) -> Result<()> {
    let own: Vec<NodeRouteId> = match routes {
        Some(routes) => routes.to_vec(),
        None => node_route::list_memberships(tx)
            .await?
            .into_iter()
            .filter(|(node, _)| *node == id)
            .map(|(_, route)| route)
            .collect(),
    };
    if own.is_empty() {
        return Ok(());
    }
    for row in node_route::list(tx).await?.iter().filter(|row| own.contains(&row.id)) {
        row::obeyed(&row::rule(row))
            .map_err(|error| Error::invalid("route_ids", format!("`{}`: {error}", row.remarks)))?;
    }
    Ok(())
}

async fn set_routes(tx: &mut Tx, id: NodeId, routes: Option<&[NodeRouteId]>) -> Result<bool> {
    let Some(routes) = routes else { return Ok(false) };
    let present = node_route::list_memberships(tx).await?;
    let present: Vec<NodeRouteId> =
        present.into_iter().filter(|(node, _)| *node == id).map(|(_, route)| route).collect();
    if present == routes {
        return Ok(false);
    }
    node_route::replace_of(tx, id, routes).await?;
    Ok(true)
}

/// Private parts of settings and certificate as one text.
fn private_text(draft: &Draft) -> Result<Option<Secret>> {
    let mut value: Value = serde_json::from_str(draft.private.to_secret().expose()).map_err(Error::internal)?;
    if let (Some(cert), Some(object)) = (&draft.cert, value.as_object_mut()) {
        let mut hidden = cert.to_node();
        if let (Some(hidden), Value::Object(shown)) = (hidden.as_object_mut(), cert.to_value()) {
            hidden.retain(|name, value| shown.get(name) != Some(value));
        }
        if hidden.as_object().is_some_and(|hidden| !hidden.is_empty()) {
            object.insert("cert_config".to_owned(), hidden);
        }
    }
    let is_empty = value.as_object().is_none_or(serde_json::Map::is_empty);
    Ok((!is_empty).then(|| Secret::new(value.to_string())))
}

/// Seals the private parts, unless they are what is stored.
fn seal_private(ctx: &Ctx, text: Option<&Secret>, found: Option<&NodeRow>, seal_ref: &str) -> Result<Option<String>> {
    let Some(text) = text else { return Ok(None) };
    let (keys, place) = (ctx.app.keys(), private_place(seal_ref));
    let stored = found.and_then(|row| row.private_sealed.clone());
    let kept = stored.filter(|sealed| keys.open_text(place, sealed).is_ok_and(|old| old.expose() == text.expose()));
    kept.map_or_else(|| keys.seal(ctx.app.random(), place, text.expose().as_bytes()), Ok).map(Some)
}

/// What is stored as text.
struct Texts {
    settings: String,
    listen_ip: Option<String>,
    port_range: Option<String>,
    tags: String,
    rate_ranges: String,
    cert_config: Option<String>,
    custom_outbounds: String,
    custom_routes: String,
}

impl Texts {
    fn of(draft: &Draft) -> Result<Self> {
        let windows: Value = draft.windows.iter().map(RateWindow::to_value).collect();
        Ok(Self {
            settings: draft.settings.to_value().to_string(),
            listen_ip: draft.listen_ip.map(|ip| ip.to_string()),
            port_range: draft.port_range.map(|range| range.to_string()),
            tags: serde_json::to_string(&draft.tags).map_err(Error::internal)?,
            rate_ranges: windows.to_string(),
            cert_config: draft.cert.as_ref().map(|cert| cert.to_value().to_string()),
            custom_outbounds: serde_json::to_string(&draft.custom_outbounds).map_err(Error::internal)?,
            custom_routes: serde_json::to_string(&draft.custom_routes).map_err(Error::internal)?,
        })
    }
}
