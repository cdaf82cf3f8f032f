//! What nodes of others fetch and report (specs/panel-nodes.md N4.2, N4.3).

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use gatehouse_model::{AccountId, NodeId};
use gatehouse_profile::node_config::NodeConfig;
use serde_json::Value;

use super::super::refusal::{Outcome, Refusal};
use crate::{
    App, Ctx, Result,
    audit::{self, Object, Stream},
    proxy::{
        device,
        node::Node,
        roster::{Body, List},
        usage::{self, Usage},
    },
};

/// More than a node can carry between two pushes.
const MOST: i64 = 1 << 40;

/// A node's configuration. Holds its private keys. Source: specs/panel-nodes.md N5.2.
pub fn config(app: &App, node: &Node) -> Body {
    let settings = app.live().panel();
    let sheet = &node.sheet;
    let nodes = app.live().nodes();
    let parent = sheet.parent_id.and_then(|parent| nodes.get(parent));
    let interval = |seconds: i64| u32::try_from(seconds).unwrap_or(60);
    let config = NodeConfig {
        host: &node.host,
        server_port: node.server_port,
        settings: &sheet.settings,
        private: &sheet.private,
        server_key: parent.map_or(&sheet.server_key, |parent| &parent.sheet.server_key),
        routes: &sheet.routes,
        custom_outbounds: &sheet.custom_outbounds,
        custom_routes: &sheet.custom_routes,
        cert_config: sheet.cert_config.as_ref(),
        push_interval: interval(settings.server_push_interval),
        pull_interval: interval(settings.server_pull_interval),
    };
    app.checkins().polled(node.id, app.now());
    Body::new(config.to_json().expose().as_bytes().to_vec())
}

/// Who may use a node: nobody while it is off or over its cap. Errors: of the database, when something changed.
pub async fn users(app: &App, node: &Node) -> Result<Arc<List>> {
    app.checkins().polled(node.id, app.now());
    let none = BTreeSet::new();
    let groups = if node.is_serving() { &node.group_ids } else { &none };
    app.roster().list(app, groups).await
}

/// Takes the traffic of users since the node's last push: account, bytes up and down.
///
/// Users that are not of the node's groups are skipped. Errors: an input refusal for more than a node can carry.
pub async fn push(ctx: &Ctx, node: &Node, moved: &[(AccountId, i64, i64)]) -> Outcome<()> {
    let is_possible = |bytes: i64| (0..=MOST).contains(&bytes);
    if !moved.iter().all(|(_, up, down)| is_possible(*up) && is_possible(*down)) {
        return Err(refused(ctx, node, "more than a node can carry").await?.into());
    }
    let app = &ctx.app;
    let members = app.roster().members(app, &node.group_ids, moved.iter().map(|(id, ..)| *id)).await?;
    let usage: Vec<Usage> = moved
        .iter()
        .filter(|(id, ..)| members.contains(id))
        .map(|(account_id, up, down)| Usage { account_id: *account_id, up: *up, down: *down })
        .collect();
    let skipped = moved.len() - usage.len();
    if skipped > 0 {
        metrics::counter!("gatehouse_node_push_skipped_total").increment(skipped as u64);
    }
    usage::push(app, node.id, &usage).await?;
    app.checkins().pushed(node.id, app.now());
    Ok(())
}

/// Notes that a push was refused whole: in a metric and, once a minute for each node, in the audit trail. Gives the refusal.
pub async fn refused(ctx: &Ctx, node: &Node, why: &str) -> Result<Refusal> {
    metrics::counter!("gatehouse_node_push_refused_total").increment(1);
    if ctx.app.once_per(std::time::Duration::from_mins(1), &format!("node.push {}", node.id)) {
        let mut tx = ctx.begin().await?;
        let object = Object::new("node", node.id.0, &node.name);
        audit::record(&mut tx, ctx, Stream::Access, "node.push", object, "refused", Some(why.to_owned())).await?;
        tx.commit().await?;
    }
    Ok(Refusal::input("data", "Invalid data format"))
}

/// Takes who is on a node from where. Users that are not of the node's groups are skipped.
pub async fn alive(app: &App, node: &Node, of: BTreeMap<AccountId, BTreeSet<IpAddr>>) -> Result<()> {
    let members = app.roster().members(app, &node.group_ids, of.keys().copied()).await?;
    let known = of.into_iter().filter(|(id, _)| members.contains(id)).collect();
    device::seen(app, node.id, &known).await?;
    app.alive().forget().await;
    Ok(())
}

/// Takes a node's load. Shape: `{cpu, mem, swap, disk}`.
pub fn status(app: &App, node: NodeId, load: Value) {
    app.checkins().loaded(node, load, app.now());
}
