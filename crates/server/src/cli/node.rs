//! `node …`: proxy nodes

use clap::Subcommand;
use gatehouse_domain::{
    Ctx, Error,
    proxy::manage::{self, NodeView},
};
use gatehouse_model::NodeId;
use serde_json::json;

use super::{Global, Output, open};

#[derive(Debug, Subcommand)]
pub(crate) enum Node {
    /// List nodes: who listens, on which port, what is wrong
    List,
    /// Give a Shadowsocks 2022 node a new server key; its connections are cut and its links change
    RotateKey {
        /// Id or code
        node: String,
    },
}

impl Node {
    pub(crate) async fn run(self, global: &Global, output: Output) -> anyhow::Result<()> {
        let opened = open::open(global).await?;
        let ctx = &opened.ctx;
        match self {
            Self::List => {
                let head = ["id", "type", "code", "name", "address", "groups", "state", "problem"];
                output.table(head, &manage::list(ctx).await?, row)?;
            }
            Self::RotateKey { node } => {
                manage::rotate_key(ctx, find(ctx, &node).await?).await?;
                output.show(&json!({ "result": "rotated" }), |_| {
                    "rotated; users must fetch their links again".to_owned()
                })?;
            }
        }
        opened.close().await
    }
}

/// The node with this id or code.
async fn find(ctx: &Ctx, text: &str) -> anyhow::Result<NodeId> {
    let nodes = manage::list(ctx).await?;
    let mut named = nodes.iter().filter(|node| node.id.to_string() == text || node.code.as_deref() == Some(text));
    match (named.next(), named.next()) {
        (Some(node), None) => Ok(node.id),
        (None, _) => Err(Error::NotFound { what: "node" }.into()),
        (Some(_), Some(_)) => Err(Error::invalid("node", "several types have this code: name the id").into()),
    }
}

fn row(node: &NodeView) -> [String; 8] {
    [
        node.id.to_string(),
        node.kind.to_string(),
        node.code.clone().unwrap_or_default(),
        node.name.clone(),
        address(node),
        node.groups.join(","),
        state(node).to_owned(),
        node.problem.clone().unwrap_or_default(),
    ]
}

/// Where clients connect; `?` while no listener has said its port.
pub(crate) fn address(node: &NodeView) -> String {
    let port = node.port.map_or_else(|| "?".to_owned(), |port| port.to_string());
    if node.host.contains(':') { format!("[{}]:{port}", node.host) } else { format!("{}:{port}", node.host) }
}

fn state(node: &NodeView) -> &'static str {
    match (node.is_enabled, node.available_status) {
        (false, _) => "disabled",
        (true, 0) => "down",
        (true, _) => "up",
    }
}
