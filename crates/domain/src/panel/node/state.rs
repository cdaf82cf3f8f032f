//! Switching, ordering, copying and removing nodes; their tokens (specs/panel.md §4.3 server/manage).

use gatehouse_model::{NodeId, Secret};
use gatehouse_store::{
    Aspect, Tx,
    node::{self as rows, NodeRow},
    node_route,
};

use super::save::stored;
use crate::{
    Ctx, Error, Result,
    audit::{self, Object},
    permission::{self, Change},
    proxy::{device, draft, row::node_token_place},
};

/// Most nodes in one call.
const MOST: usize = 1_000;

/// What is switched; none stays.
#[derive(Debug, Clone, Copy, Default)]
pub struct Switches {
    /// Whether users see it.
    pub is_shown: Option<bool>,
    /// Whether it serves anybody.
    pub is_enabled: Option<bool>,
}

async fn begin(ctx: &Ctx) -> Result<(Ctx, Tx)> {
    let (ctx, tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.node")?;
    Ok((ctx, tx))
}

async fn finish(ctx: &Ctx, tx: Tx) -> Result<()> {
    tx.commit().await?;
    ctx.app.live().refresh(&ctx.app).await
}

async fn find(tx: &mut Tx, id: NodeId) -> Result<NodeRow> {
    rows::find(tx, id).await?.ok_or(Error::NotFound { what: "node" })
}

fn check(ids: &[NodeId]) -> Result<()> {
    if ids.is_empty() || ids.len() > MOST {
        return Err(Error::invalid("ids", format!("1 to {MOST} nodes")));
    }
    Ok(())
}

/// Switches nodes, all or none. Errors: `NotFound`; `Invalid` for no ids.
pub async fn switch(ctx: &Ctx, ids: &[NodeId], switches: Switches) -> Result<()> {
    check(ids)?;
    let (ctx, mut tx) = begin(ctx).await?;
    for id in ids {
        let row = find(&mut tx, *id).await?;
        rows::update_switches(&mut tx, *id, switches.is_shown, switches.is_enabled, ctx.now()).await?;
        if switches.is_enabled == Some(false) {
            device::end_of_node(&mut tx, *id, ctx.now()).await?;
        }
        tx.touch(Aspect::Node, Some(id.0));
        audit::changed(&mut tx, &ctx, "node.update", Object::new("node", id.0, &row.name)).await?;
    }
    finish(&ctx, tx).await
}

/// Removes nodes, all or none. Errors: `NotFound`.
pub async fn drop(ctx: &Ctx, ids: &[NodeId]) -> Result<()> {
    check(ids)?;
    let (ctx, mut tx) = begin(ctx).await?;
    for id in ids {
        let row = find(&mut tx, *id).await?;
        device::end_of_node(&mut tx, *id, ctx.now()).await?;
        rows::delete(&mut tx, *id).await?;
        tx.touch(Aspect::Node, None);
        audit::changed(&mut tx, &ctx, "node.delete", Object::new("node", id.0, &row.name)).await?;
    }
    finish(&ctx, tx).await
}

/// Orders nodes as they are listed. Errors: `NotFound`.
pub async fn sort(ctx: &Ctx, order: &[(NodeId, i64)]) -> Result<()> {
    check(&order.iter().map(|(id, _)| *id).collect::<Vec<_>>())?;
    let (ctx, mut tx) = begin(ctx).await?;
    for (id, position) in order {
        find(&mut tx, *id).await?;
        rows::update_sort(&mut tx, *id, *position, ctx.now()).await?;
    }
    tx.touch(Aspect::Node, None);
    audit::changed(&mut tx, &ctx, "node.sort", Object::new("node", None, "")).await?;
    finish(&ctx, tx).await
}

/// Copies a node: hidden, without code, with keys and a token of its own. Gives the copy. Errors: `NotFound`.
pub async fn copy(ctx: &Ctx, id: NodeId) -> Result<NodeId> {
    let (ctx, mut tx) = begin(ctx).await?;
    let row = find(&mut tx, id).await?;
    let mut copy = stored(&ctx, &mut tx, &row).await?;
    let routes = node_route::list_memberships(&mut tx).await?;
    copy.routes = Some(routes.into_iter().filter(|(node, _)| *node == id).map(|(_, route)| route).collect());
    (copy.code, copy.is_shown) = (None, false);
    if copy.is_embedded {
        // The port is taken.
        (copy.port, copy.server_port, copy.port_range) = (0, 0, None);
    }
    let (made, _) = draft::write(&ctx, &mut tx, None, &copy).await?;
    finish(&ctx, tx).await?;
    Ok(made)
}

/// Sets the traffic of nodes to nothing. Errors: `NotFound`.
pub async fn reset_traffic(ctx: &Ctx, ids: &[NodeId]) -> Result<()> {
    check(ids)?;
    let (ctx, mut tx) = begin(ctx).await?;
    for id in ids {
        let row = find(&mut tx, *id).await?;
        rows::reset_usage(&mut tx, *id, ctx.now()).await?;
        tx.touch(Aspect::Node, Some(id.0));
        audit::changed(&mut tx, &ctx, "node.reset_traffic", Object::new("node", id.0, &row.name)).await?;
    }
    finish(&ctx, tx).await
}

/// Shows a node's own token; audited. One that has none yet gets it. Errors: `NotFound`.
pub async fn token(ctx: &Ctx, id: NodeId) -> Result<Secret> {
    let (ctx, mut tx) = begin(ctx).await?;
    let row = find(&mut tx, id).await?;
    let token = if let Some(sealed) = &row.token_sealed {
        ctx.app.keys().open_text(node_token_place(&row.seal_ref), sealed)?
    } else {
        tx.touch(Aspect::Node, Some(id.0));
        draft::renew_token(&ctx, &mut tx, id, &row.seal_ref).await?
    };
    audit::changed(&mut tx, &ctx, "node.token.reveal", Object::new("node", id.0, &row.name)).await?;
    finish(&ctx, tx).await?;
    Ok(token)
}

/// Gives a node a new token; the old one is refused at once. Errors: `NotFound`.
pub async fn reset_token(ctx: &Ctx, id: NodeId) -> Result<Secret> {
    let (ctx, mut tx) = begin(ctx).await?;
    let row = find(&mut tx, id).await?;
    let token = draft::renew_token(&ctx, &mut tx, id, &row.seal_ref).await?;
    tx.touch(Aspect::Node, Some(id.0));
    audit::changed(&mut tx, &ctx, "node.token.reset", Object::new("node", id.0, &row.name)).await?;
    finish(&ctx, tx).await?;
    Ok(token)
}
