//! `oa node …`

use clap::Subcommand;
use gatehouse_domain::{
    Ctx,
    oa::backend::is_listable,
    proxy::manage::{self, NodeView},
};
use serde::Serialize;

use crate::cli::{Global, Output, node::address, open};

#[derive(Debug, Subcommand)]
pub(crate) enum Node {
    /// List the nodes and why some are not handed out
    List,
}

/// A node as the surface sees it.
#[derive(Debug, Serialize)]
struct Seen {
    name: String,
    kind: &'static str,
    address: String,
    groups: Vec<String>,
    is_listed: bool,
    problem: Option<String>,
}

impl Node {
    pub(crate) async fn run(self, global: &Global, output: Output) -> anyhow::Result<()> {
        let opened = open::open(global).await?;
        let nodes: Vec<Seen> =
            manage::list(&opened.ctx).await?.into_iter().map(|node| seen(&opened.ctx, node)).collect();
        output.table(["name", "type", "address", "groups", "listed", "problem"], &nodes, |node| {
            let is_listed = if node.is_listed { "yes" } else { "no" };
            let problem = node.problem.clone().unwrap_or_default();
            [
                node.name.clone(),
                node.kind.to_owned(),
                node.address.clone(),
                node.groups.join(","),
                is_listed.to_owned(),
                problem,
            ]
        })?;
        opened.close().await
    }
}

fn seen(ctx: &Ctx, node: NodeView) -> Seen {
    let live = ctx.app.live().nodes();
    let is_listed = live.get(node.id).is_some_and(|node| is_listable(ctx.app.settings(), node));
    let problem = match &node {
        _ if is_listed => node.problem.clone(),
        NodeView { is_enabled: false, .. } => Some("disabled".to_owned()),
        NodeView { is_shown: false, .. } => Some("hidden".to_owned()),
        NodeView { problem: Some(problem), .. } => Some(problem.clone()),
        _ => Some("its type is not listed (oa.extra_node_types), or its traffic cap is reached".to_owned()),
    };
    let address = address(&node);
    Seen { name: node.name, kind: node.kind.as_str(), address, groups: node.groups, is_listed, problem }
}
