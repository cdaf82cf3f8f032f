//! `server/route/fetch`, `save`, `drop`.

use gatehouse_domain::panel::node::route::{self, RouteSpec};
use gatehouse_model::NodeRouteId;
use serde_json::{Value, json};

use crate::{
    answer::{Answer, Outcome},
    endpoint::Call,
    input::{as_text, wrong},
    user::account::seconds,
};

/// Lists all rules.
pub(super) async fn fetch(call: &Call) -> Outcome {
    let rows = route::list(&call.ctx).await?;
    let shown = rows.iter().map(|row| {
        json!({
            "id": row.id,
            "remarks": row.remarks,
            "match": serde_json::from_str::<Value>(&row.matches).unwrap_or_default(),
            "action": row.action,
            "action_value": row.action_value,
            "created_at": seconds(row.created_at),
            "updated_at": seconds(row.updated_at),
        })
    });
    Ok(Answer::Data(shown.collect::<Value>()))
}

/// Makes a rule or changes one. Shape: `id?`, `remarks`, `match` list, `action`, `action_value?`.
pub(super) async fn save(call: &Call) -> Outcome {
    let words = call.input.list("match").unwrap_or_default();
    let matches: Option<Vec<String>> = words.into_iter().map(as_text).collect();
    let spec = RouteSpec {
        remarks: call.input.text("remarks").ok_or_else(|| wrong("remarks"))?,
        matches: matches.ok_or_else(|| wrong("match"))?,
        action: call.input.text("action").ok_or_else(|| wrong("action"))?,
        action_value: call.input.text("action_value"),
    };
    route::save(&call.ctx, call.input.integer("id")?.map(NodeRouteId), &spec).await?;
    Ok(Answer::done())
}

/// Removes a rule. Shape: `id`.
pub(super) async fn drop(call: &Call) -> Outcome {
    route::drop(&call.ctx, NodeRouteId(call.input.id("id")?)).await?;
    Ok(Answer::done())
}
