//! Node groups as staff keep them (specs/panel.md §4.3 server/group).

use gatehouse_model::NodeGroupId;
use gatehouse_store::{
    Aspect,
    node::{self as rows, GroupRow},
};

use super::super::refusal::{Outcome, Refusal};
use crate::{
    Ctx,
    audit::{self, Object},
    permission::{self, Change},
};

/// Lists groups by id with who uses them. Errors: `Forbidden`.
pub async fn list(ctx: &Ctx) -> Outcome<Vec<GroupRow>> {
    ctx.require("panel.node")?;
    Ok(rows::list_group_uses(&mut ctx.read()).await?)
}

/// Makes a group or renames one. Errors: an input refusal for the name; rules for a taken name and an unknown id.
pub async fn save(ctx: &Ctx, id: Option<NodeGroupId>, name: &str) -> Outcome<NodeGroupId> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.node")?;
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(Refusal::input("name", "The value of :name is not valid").with("name", "name").into());
    }
    if rows::find_group(&mut tx, name).await?.is_some_and(|other| Some(other) != id) {
        return Err(Refusal::rule("A group of this name exists").into());
    }
    let (id, action) = match id {
        Some(id) if rows::update_group(&mut tx, id, name, ctx.now()).await? > 0 => (id, "node_group.update"),
        Some(_) => return Err(Refusal::rule("The group does not exist").into()),
        None => (rows::insert_group(&mut tx, name, ctx.now()).await?.0, "node_group.create"),
    };
    tx.touch(Aspect::Node, None);
    audit::changed(&mut tx, &ctx, action, Object::new("node_group", id.0, name)).await?;
    Ok(tx.commit().await.map(|()| id)?)
}

/// Removes a group that nothing uses. Errors: a rule while a node, plan or user does; for an unknown id.
pub async fn drop(ctx: &Ctx, id: NodeGroupId) -> Outcome<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.node")?;
    let groups = rows::list_group_uses(&mut tx).await?;
    let group = groups.into_iter().find(|group| group.id == id).ok_or(Refusal::rule("The group does not exist"))?;
    if group.nodes + group.plans + group.users > 0 {
        return Err(Refusal::rule("The group is in use and cannot be deleted").into());
    }
    rows::delete_group(&mut tx, id).await?;
    tx.touch(Aspect::Node, None);
    audit::changed(&mut tx, &ctx, "node_group.delete", Object::new("node_group", id.0, &group.name)).await?;
    Ok(tx.commit().await?)
}
