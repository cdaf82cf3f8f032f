//! Node groups: which proxy passes may use which nodes.

use gatehouse_model::NodeGroupId;
use gatehouse_store::{Aspect, Tx, node as rows};

use crate::{
    Ctx, Error, Result,
    audit::{self, Object},
};

/// Finds a group by name, or makes it. Tells whether it was made.
pub(crate) async fn ensure(ctx: &Ctx, tx: &mut Tx, name: &str) -> Result<(NodeGroupId, bool)> {
    if let Some(id) = rows::find_group(tx, name).await? {
        return Ok((id, false));
    }
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(Error::invalid("node_group", "1 to 100 characters, none of control"));
    }
    let (id, is_new) = rows::insert_group(tx, name, ctx.now()).await?;
    if is_new {
        tx.touch(Aspect::Node, None);
        audit::changed(tx, ctx, "node_group.create", Object::new("node_group", id.0, name)).await?;
    }
    Ok((id, is_new))
}

/// Deletes a group that no pass names. `Locked` while somebody is in it. Tells whether it existed.
pub(crate) async fn remove(ctx: &Ctx, tx: &mut Tx, name: &str) -> Result<bool> {
    let Some(id) = rows::find_group(tx, name).await? else { return Ok(false) };
    if rows::count_members(tx, id).await? > 0 {
        return Err(Error::Locked { what: "node group", why: "proxy passes are in it: move them first" });
    }
    rows::delete_group(tx, id).await?;
    tx.touch(Aspect::Node, None);
    audit::changed(tx, ctx, "node_group.delete", Object::new("node_group", id.0, name)).await?;
    Ok(true)
}

/// Lists groups by id.
pub async fn list(ctx: &Ctx) -> Result<Vec<(NodeGroupId, String)>> {
    ctx.require("panel.node")?;
    Ok(rows::list_groups(&mut ctx.read()).await?)
}
