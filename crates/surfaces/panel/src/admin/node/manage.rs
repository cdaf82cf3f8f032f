//! `server/manage/*`: writes.

use gatehouse_domain::panel::{
    Refusal,
    node::{
        ech, save as saving,
        state::{self, Switches},
    },
};
use gatehouse_model::NodeId;
use serde_json::json;

use super::worded;
use crate::{
    answer::{Answer, Failure, Outcome},
    endpoint::Call,
    input::{as_integer, wrong},
};

/// The nodes of `ids`, else of `id`; never all.
fn ids(call: &Call) -> Result<Vec<NodeId>, Failure> {
    let Some(list) = call.input.list("ids") else { return Ok(vec![NodeId(call.input.id("id")?)]) };
    let ids: Option<Vec<NodeId>> = list.into_iter().map(|id| as_integer(id).map(NodeId)).collect();
    ids.filter(|ids| !ids.is_empty()).ok_or_else(|| wrong("ids"))
}

/// Makes a node or changes one: what is not sent stays. Errors: 422 naming the key in `errors`, the rule as `message`.
pub(super) async fn save(call: &Call) -> Outcome {
    saving::save(&call.ctx, call.input.all()).await.map_err(worded)?;
    Ok(Answer::done())
}

/// Shows, hides, switches on and off. Shape: `id` or `ids`, `show?`, `enabled?`.
pub(super) async fn update(call: &Call) -> Outcome {
    let switches = Switches { is_shown: call.input.flag("show")?, is_enabled: call.input.flag("enabled")? };
    state::switch(&call.ctx, &ids(call)?, switches).await.map_err(worded)?;
    Ok(Answer::done())
}

/// Removes nodes. Shape: `id` or `ids`.
pub(super) async fn drop(call: &Call) -> Outcome {
    state::drop(&call.ctx, &ids(call)?).await.map_err(worded)?;
    Ok(Answer::done())
}

/// Copies a node, hidden. Shape: `id`.
pub(super) async fn copy(call: &Call) -> Outcome {
    state::copy(&call.ctx, NodeId(call.input.id("id")?)).await.map_err(worded)?;
    Ok(Answer::done())
}

/// Orders nodes. Shape: `[{id, order}]`, or `ids` in their order.
pub(super) async fn sort(call: &Call) -> Outcome {
    let body: Vec<serde_json::Value> = serde_json::from_slice(&call.body).unwrap_or_default();
    let mut order = Vec::new();
    for item in &body {
        let number = |name: &str| item.get(name).and_then(as_integer);
        let (id, at) = number("id").zip(number("order").or_else(|| number("sort"))).ok_or_else(|| wrong("ids"))?;
        order.push((NodeId(id), at));
    }
    if order.is_empty() {
        order = ids(call)?.into_iter().zip(1..).collect();
    }
    state::sort(&call.ctx, &order).await.map_err(worded)?;
    Ok(Answer::done())
}

/// Sets the traffic of nodes to nothing. Shape: `id` or `ids`.
pub(super) async fn reset_traffic(call: &Call) -> Outcome {
    state::reset_traffic(&call.ctx, &ids(call)?).await.map_err(worded)?;
    Ok(Answer::done())
}

/// Makes a key for Encrypted Client Hello and stores nothing. Shape: `public_name` (or `server_name`) → `{key, config}`, PEM.
pub(super) async fn generate_ech_key(call: &Call) -> Outcome {
    let name = call.input.text("public_name").or_else(|| call.input.text("server_name"));
    let name = name.or_else(|| call.input.text("domain"));
    let name = name.ok_or(Refusal::input("public_name", "The public name cannot be empty"))?;
    let made = ech::generate(&call.ctx, &name).map_err(worded)?;
    Ok(Answer::Data(json!({"key": made.key.expose(), "config": made.config})))
}

/// Shows a node's own token. Shape: `id`.
pub(super) async fn token(call: &Call) -> Outcome {
    let token = state::token(&call.ctx, NodeId(call.input.id("id")?)).await.map_err(worded)?;
    Ok(Answer::Data(json!(token.expose())))
}

/// Gives a node a new token. Shape: `id`.
pub(super) async fn reset_token(call: &Call) -> Outcome {
    let token = state::reset_token(&call.ctx, NodeId(call.input.id("id")?)).await.map_err(worded)?;
    Ok(Answer::Data(json!(token.expose())))
}
