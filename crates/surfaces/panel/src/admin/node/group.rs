//! `server/group/fetch`, `save`, `drop`.

use gatehouse_domain::panel::{Refusal, node::group};
use gatehouse_model::NodeGroupId;
use serde_json::{Value, json};

use crate::{
    answer::{Answer, Outcome},
    endpoint::Call,
    user::account::seconds,
};

/// Lists groups with how many users and nodes they have.
pub(super) async fn fetch(call: &Call) -> Outcome {
    let groups = group::list(&call.ctx).await?;
    let wanted = call.input.integer("group_id")?;
    let shown = groups.iter().filter(|group| wanted.is_none_or(|id| group.id.0 == id)).map(|group| {
        json!({
            "id": group.id,
            "name": group.name,
            "created_at": seconds(group.created_at),
            "updated_at": seconds(group.updated_at),
            "users_count": group.users,
            "server_count": group.nodes,
        })
    });
    Ok(Answer::Data(shown.collect::<Value>()))
}

/// Makes or renames a group. Shape: `id?`, `name`.
pub(super) async fn save(call: &Call) -> Outcome {
    let name = call.input.text("name").ok_or(Refusal::input("name", "The group name cannot be empty"))?;
    group::save(&call.ctx, call.input.integer("id")?.map(NodeGroupId), &name).await?;
    Ok(Answer::done())
}

/// Removes a group that nothing uses. Shape: `id`.
pub(super) async fn drop(call: &Call) -> Outcome {
    group::drop(&call.ctx, NodeGroupId(call.input.id("id")?)).await?;
    Ok(Answer::done())
}
