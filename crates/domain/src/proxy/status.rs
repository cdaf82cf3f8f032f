//! What processes say of the embedded nodes they serve.

use gatehouse_model::NodeId;
use gatehouse_store::{
    Aspect,
    node::{self as rows, NodeStateRow},
};

use crate::{App, Result};

/// The listener is bound to a port.
pub async fn listening(app: &App, node: NodeId, bound_port: u16) -> Result<()> {
    write(app, node, Some(bound_port), None).await
}

/// The listener cannot be bound, and why.
pub async fn failed(app: &App, node: NodeId, reason: &str) -> Result<()> {
    write(app, node, None, Some(reason)).await
}

/// The listener was stopped in order.
pub async fn stopped(app: &App, node: NodeId) -> Result<()> {
    write(app, node, None, None).await
}

async fn write(app: &App, node: NodeId, bound_port: Option<u16>, reason: Option<&str>) -> Result<()> {
    let mut tx = app.db().begin().await?;
    rows::upsert_state(
        &mut tx,
        &NodeStateRow {
            node_id: node,
            process_id: app.process_id(),
            is_listening: bound_port.is_some(),
            bound_port: bound_port.map(i64::from),
            reason: reason.map(str::to_owned),
            at: app.now(),
        },
    )
    .await?;
    // Links of nodes with port 0 name the bound port.
    tx.touch(Aspect::Node, Some(node.0));
    tx.commit().await?;
    Ok(())
}
