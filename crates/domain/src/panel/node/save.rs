//! Making and changing nodes as front ends of the family send them (specs/panel.md §4.3 server/manage/save).

use std::collections::BTreeSet;

use gatehouse_model::{Money, NodeGroupId, NodeId, NodeKind, NodeRouteId};
use gatehouse_profile::settings::{CertConfig, PortSpec, Private, Settings, read_windows};
use gatehouse_store::{
    Tx,
    node::{self as rows, NodeRow},
};
use serde_json::{Map, Value};

use crate::{
    Ctx, Error, Result,
    permission::{self, Change},
    proxy::{
        draft::{self, Draft},
        embedded,
        manage::Change as Done,
        row,
    },
};

/// Makes a node, or changes the one of `id`: what is not sent stays, null sets the default.
///
/// Shape: the keys of specs/panel.md §4.3; `port` a number or `"a-b"`, `rate` in major units. Errors: `Invalid` naming the key;
/// `NotFound`; `Conflict` for a taken code, address or port; `Forbidden`.
pub async fn save(ctx: &Ctx, given: &Map<String, Value>) -> Result<NodeId> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.node")?;
    let form = Form(given);
    let found = match form.number("id")? {
        None => None,
        Some(id) => Some(rows::find(&mut tx, NodeId(id)).await?.ok_or(Error::NotFound { what: "node" })?),
    };
    let (id, _) = save_in(&ctx, &mut tx, found.as_ref(), given).await?;
    tx.commit().await?;
    ctx.app.live().refresh(&ctx.app).await?;
    Ok(id)
}

/// The same inside a transaction, over the row that was found.
pub(crate) async fn save_in(
    ctx: &Ctx,
    tx: &mut Tx,
    found: Option<&NodeRow>,
    given: &Map<String, Value>,
) -> Result<(NodeId, Done)> {
    let form = Form(given);
    let known: BTreeSet<NodeGroupId> = rows::list_groups(tx).await?.into_iter().map(|(id, _)| id).collect();
    let mut draft = match found {
        Some(row) => stored(ctx, tx, row).await?,
        None => fresh(&form)?,
    };
    fill(&mut draft, &form, found.is_none())?;
    if let Some(unknown) = draft.groups.difference(&known).next() {
        return Err(Error::invalid("group_ids", format!("there is no group {unknown}")));
    }
    draft::write(ctx, tx, found, &draft).await
}

/// A node as it is stored.
pub(super) async fn stored(ctx: &Ctx, tx: &mut Tx, row: &NodeRow) -> Result<Draft> {
    let kind = NodeKind::parse(&row.kind).ok_or_else(|| Error::internal("unknown type"))?;
    let value = serde_json::from_str(&row.settings).map_err(Error::internal)?;
    let settings = Settings::parse(kind, &value).map_err(|faults| embedded::refuse(&faults))?;
    let (private, cert) = row::secrets(&ctx.app, row)?;
    let port = |number: i64| u16::try_from(number).map_err(Error::internal);
    let list = |text: &str| serde_json::from_str(text).unwrap_or_default();
    let groups = rows::list_memberships(tx).await?;
    Ok(Draft {
        kind,
        code: row.code.clone(),
        name: row.name.clone(),
        remark: row.remark.clone(),
        host: row.host.clone(),
        port: port(row.port)?,
        port_range: row.port_range.as_deref().and_then(|text| text.parse().ok()),
        server_port: port(row.server_port)?,
        listen_ip: row.listen_ip.as_deref().and_then(|ip| ip.parse().ok()),
        rate: row.rate,
        is_rate_timed: row.is_rate_timed,
        windows: read_windows(&list(&row.rate_ranges)).unwrap_or_default(),
        is_embedded: row.is_embedded,
        is_enabled: row.is_enabled,
        is_shown: row.is_shown,
        sort: row.sort,
        transfer_cap: row.transfer_cap,
        parent_id: row.parent_id,
        tags: serde_json::from_str(&row.tags).unwrap_or_default(),
        groups: groups.into_iter().filter(|(node, _)| *node == row.id).map(|(_, group)| group).collect(),
        routes: None,
        settings,
        private,
        cert,
        custom_outbounds: serde_json::from_str(&row.custom_outbounds).unwrap_or_default(),
        custom_routes: serde_json::from_str(&row.custom_routes).unwrap_or_default(),
    })
}

/// A new node before anything but its type is known.
fn fresh(form: &Form<'_>) -> Result<Draft> {
    let kind = match form.text("type").as_deref() {
        Some("v2ray") => NodeKind::Vmess,
        Some("hysteria2") => NodeKind::Hysteria,
        Some(text) => NodeKind::parse(text).ok_or_else(|| Error::invalid("type", "is none of the known types"))?,
        None => return Err(Error::invalid("type", "is required")),
    };
    let settings = form.0.get("protocol_settings").unwrap_or(&Value::Null);
    Ok(Draft {
        kind,
        code: None,
        name: String::new(),
        remark: None,
        host: String::new(),
        port: 0,
        port_range: None,
        server_port: 0,
        listen_ip: None,
        rate: 100,
        is_rate_timed: false,
        windows: Vec::new(),
        is_embedded: false,
        is_enabled: true,
        is_shown: false,
        sort: None,
        transfer_cap: None,
        parent_id: None,
        tags: Vec::new(),
        groups: BTreeSet::new(),
        routes: None,
        settings: Settings::parse(kind, settings).map_err(|faults| embedded::refuse(&faults))?,
        private: Private::default(),
        cert: None,
        custom_outbounds: Vec::new(),
        custom_routes: Vec::new(),
    })
}

/// Puts what was sent over what is there.
fn fill(draft: &mut Draft, form: &Form<'_>, is_new: bool) -> Result<()> {
    if let Some(kind) = form.text("type")
        && !is_new
        && !matches!((kind.as_str(), draft.kind), ("v2ray", NodeKind::Vmess) | ("hysteria2", NodeKind::Hysteria))
        && NodeKind::parse(&kind) != Some(draft.kind)
    {
        return Err(Error::invalid("type", "cannot be changed: make another node"));
    }
    for (key, place) in [("name", &mut draft.name), ("host", &mut draft.host)] {
        if form.has(key) {
            *place = form.text(key).ok_or_else(|| Error::invalid(key, "is required"))?;
        }
    }
    for (key, place) in [("code", &mut draft.code), ("remark", &mut draft.remark)] {
        if form.has(key) {
            *place = form.text(key);
        }
    }
    for (key, place) in [
        ("show", &mut draft.is_shown),
        ("enabled", &mut draft.is_enabled),
        ("embedded", &mut draft.is_embedded),
        ("rate_time_enable", &mut draft.is_rate_timed),
    ] {
        if let Some(flag) = form.flag(key)? {
            *place = flag;
        }
    }
    ports(draft, form)?;
    if form.has("listen_ip") {
        let ip = form.text("listen_ip").map(|text| text.parse());
        draft.listen_ip = ip.transpose().map_err(|_| Error::invalid("listen_ip", "must be an IP address"))?;
    }
    if let Some(rate) = form.text("rate") {
        let rate: Money = rate.parse().map_err(|_| Error::invalid("rate", "a number with at most two places"))?;
        draft.rate = rate.0;
    }
    if let Some(windows) = form.0.get("rate_time_ranges") {
        draft.windows = read_windows(windows).map_err(|faults| embedded::refuse(&faults))?;
    }
    if form.has("transfer_enable") {
        let cap = form.number("transfer_enable")?.filter(|cap| *cap != 0);
        if cap.is_some_and(|cap| cap < 0) {
            return Err(Error::invalid("transfer_enable", "must not be negative"));
        }
        draft.transfer_cap = cap;
    }
    if form.has("sort") {
        draft.sort = form.number("sort")?;
    }
    if form.has("parent_id") {
        draft.parent_id = form.number("parent_id")?.filter(|id| *id != 0).map(NodeId);
    }
    if let Some(ids) = form.ids("group_ids")? {
        draft.groups = ids.into_iter().map(NodeGroupId).collect();
    }
    if let Some(ids) = form.ids("route_ids")? {
        draft.routes = Some(ids.into_iter().map(NodeRouteId).collect());
    }
    if let Some(tags) = form.list("tags")? {
        let tag = |tag: &Value| tag.as_str().map(str::trim).map(str::to_owned).filter(|tag| tag.chars().count() <= 100);
        let tags: Option<Vec<String>> = tags.iter().map(tag).collect();
        draft.tags = tags.ok_or_else(|| Error::invalid("tags", "must be texts of at most 100 characters"))?;
    }
    if let Some(list) = form.list("custom_outbounds")? {
        draft.custom_outbounds = list;
    }
    if let Some(list) = form.list("custom_routes")? {
        draft.custom_routes = list;
    }
    protocol(draft, form)
}

fn ports(draft: &mut Draft, form: &Form<'_>) -> Result<()> {
    if let Some(port) = form.text("port") {
        if port == "0" {
            (draft.port, draft.port_range) = (0, None);
        } else {
            let spec: PortSpec = port.parse().map_err(|error| Error::invalid("port", format!("{error}")))?;
            (draft.port, draft.port_range) = (spec.pick(0), spec.range().map(|_| spec));
        }
    }
    if let Some(port) = form.number("server_port")? {
        draft.server_port =
            u16::try_from(port).map_err(|_| Error::invalid("server_port", "must be a port, 0 to 65535"))?;
    }
    if !draft.is_embedded {
        for (key, port) in [("port", draft.port), ("server_port", draft.server_port)] {
            if port == 0 {
                return Err(Error::invalid(key, "is required"));
            }
        }
    }
    Ok(())
}

/// Settings, their private parts, and the certificate. A masked secret stays what it is.
fn protocol(draft: &mut Draft, form: &Form<'_>) -> Result<()> {
    if let Some(value) = form.0.get("protocol_settings").filter(|value| !value.is_null()) {
        draft.settings = Settings::parse(draft.kind, value).map_err(|faults| embedded::refuse(&faults))?;
        draft.private = Private::split(value).or(std::mem::take(&mut draft.private));
    }
    if let Some(value) = form.0.get("cert_config") {
        let cert = CertConfig::parse(value).map_err(|faults| embedded::refuse(&faults))?;
        let old = draft.cert.take();
        draft.cert = match (cert, old) {
            (Some(cert), Some(old)) if cert.cert_mode == old.cert_mode => Some(cert.or_secrets_of(&old)),
            (cert, _) => cert,
        };
    }
    Ok(())
}

/// What was sent, read leniently: numbers may be texts, an empty text is null.
struct Form<'a>(&'a Map<String, Value>);

impl Form<'_> {
    fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    fn text(&self, key: &str) -> Option<String> {
        match self.0.get(key)? {
            Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    fn number(&self, key: &'static str) -> Result<Option<i64>> {
        let text = self.text(key);
        text.map(|text| text.parse().map_err(|_| Error::invalid(key, "must be an integer"))).transpose()
    }

    fn flag(&self, key: &'static str) -> Result<Option<bool>> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => match self.text(key).as_deref() {
                Some("1" | "true") => Ok(Some(true)),
                Some("0" | "false") | None => Ok(Some(false)),
                Some(_) => Err(Error::invalid(key, "must be 0 or 1")),
            },
        }
    }

    /// A list; null is the empty one.
    fn list(&self, key: &'static str) -> Result<Option<Vec<Value>>> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(Vec::new())),
            Some(Value::Array(list)) if list.len() <= 1_000 => Ok(Some(list.clone())),
            // What PHP makes of lists with holes.
            Some(Value::Object(object)) if object.len() <= 1_000 => Ok(Some(object.values().cloned().collect())),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(Some(Vec::new())),
            Some(_) => Err(Error::invalid(key, "must be a list of at most 1000 entries")),
        }
    }

    fn ids(&self, key: &'static str) -> Result<Option<Vec<i64>>> {
        let Some(list) = self.list(key)? else { return Ok(None) };
        let id = |value: &Value| match value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let ids: Option<Vec<i64>> = list.iter().map(id).collect();
        ids.map(Some).ok_or_else(|| Error::invalid(key, "must be ids"))
    }
}
