//! Nodes as staff and users see them (specs/panel.md §2.3, §4.3).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use gatehouse_model::NodeId;
use gatehouse_store::{node as rows, proxy_device, proxy_pass};

use super::super::{Who, profile, refusal::Outcome};
use crate::{
    App, Ctx,
    proxy::{
        checkin::{self, Checkin},
        node::Node,
    },
};

/// A node with what is known of it.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The node.
    pub node: Arc<Node>,
    /// Raw bytes, client to target.
    pub up: i64,
    /// Raw bytes, target to client.
    pub down: i64,
    /// Its parent.
    pub parent: Option<Arc<Node>>,
    /// 0 offline, 1 polls but does not push, 2 online.
    pub status: u8,
    /// What it was last heard to do.
    pub checkin: Checkin,
    /// Users that are on it.
    pub online: i64,
}

/// Groups by id, for names.
pub type Groups = BTreeMap<gatehouse_model::NodeGroupId, String>;

/// All nodes in the order of users, and the names of groups. Errors: `Forbidden`.
pub async fn list(ctx: &Ctx) -> Outcome<(Vec<Shown>, Groups)> {
    ctx.require("panel.node")?;
    let app = &ctx.app;
    app.checkins().load(app).await?;
    let nodes = app.live().nodes();
    let usage: BTreeMap<NodeId, (i64, i64)> =
        rows::list_usage(&mut ctx.read()).await?.into_iter().map(|(id, up, down)| (id, (up, down))).collect();
    let online: BTreeMap<NodeId, i64> = proxy_device::count_online(&mut ctx.read()).await?.into_iter().collect();
    let shown = nodes.nodes.iter().map(|node| {
        let (up, down) = usage.get(&node.id).copied().unwrap_or_default();
        Shown {
            node: Arc::clone(node),
            up,
            down,
            parent: node.sheet.parent_id.and_then(|parent| nodes.get(parent).cloned()),
            status: checkin::status(app, node),
            checkin: app.checkins().of(node),
            online: online.get(&node.id).copied().unwrap_or(0),
        }
    });
    let groups = rows::list_groups(&mut ctx.read()).await?.into_iter().collect();
    Ok((shown.collect(), groups))
}

/// The nodes a user sees: shown, of his group, below their cap; none while he is not available. Each with whether it is online.
pub async fn of_user(who: &Who) -> Outcome<Vec<(Arc<Node>, bool)>> {
    let app = &who.ctx.app;
    app.checkins().load(app).await?;
    let Some(row) = proxy_pass::find(&mut who.ctx.read(), who.account).await? else { return Ok(Vec::new()) };
    if !profile::is_available(&row, who.ctx.now()) || profile::is_held(&who.ctx, who.account).await? {
        return Ok(Vec::new());
    }
    let nodes = profile::nodes_of(app, row.node_group_id);
    Ok(nodes.into_iter().map(|node| (is_online(app, &node), node)).map(|(is, node)| (node, is)).collect())
}

fn is_online(app: &App, node: &Node) -> bool {
    checkin::status(app, node) > 0
}

/// Ids of nodes that are online.
pub fn online(app: &App) -> BTreeSet<NodeId> {
    let nodes = app.live().nodes();
    nodes.nodes.iter().filter(|node| is_online(app, node)).map(|node| node.id).collect()
}
