//! Route rules of nodes as staff keep them (specs/panel.md §4.3 server/route).

use gatehouse_model::NodeRouteId;
use gatehouse_profile::settings::RouteRule;
use gatehouse_store::{
    Aspect, Tx,
    node_route::{self as rows, NodeRouteRow, RouteFields},
};

use super::super::refusal::{Outcome, Refusal};
use crate::{
    Ctx,
    audit::{self, Object},
    permission::{self, Change},
    proxy::row,
};

/// What a rule may do; older words of the family are kept as they are.
const ACTIONS: [&str; 11] = [
    "block",
    "direct",
    "dns",
    "proxy",
    "block_ip",
    "block_port",
    "protocol",
    "default_out",
    "route",
    "route_ip",
    "reject",
];
/// Words of one rule.
const MOST_WORDS: usize = 10_000;

/// A rule as staff describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteSpec {
    /// Description.
    pub remarks: String,
    /// Words.
    pub matches: Vec<String>,
    /// What is done.
    pub action: String,
    /// With what.
    pub action_value: Option<String>,
}

impl RouteSpec {
    /// Errors: an input refusal naming the key.
    fn check(&self) -> Result<(), Refusal> {
        let wrong = |name: &'static str| Refusal::input(name, "The value of :name is not valid").with("name", name);
        let is_text = |text: &str, most: usize| {
            !text.trim().is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control)
        };
        if !is_text(&self.remarks, 255) {
            return Err(wrong("remarks"));
        }
        if !ACTIONS.contains(&self.action.as_str()) {
            return Err(wrong("action"));
        }
        let may_be_empty = matches!(self.action.as_str(), "dns" | "direct" | "proxy" | "default_out");
        if self.matches.len() > MOST_WORDS
            || (self.matches.is_empty() && !may_be_empty)
            || !self.matches.iter().all(|word| is_text(word, 1_024))
        {
            return Err(wrong("match"));
        }
        if self.action_value.as_deref().is_some_and(|value| !is_text(value, 4_096)) {
            return Err(wrong("action_value"));
        }
        Ok(())
    }
}

/// Lists all rules by id. Errors: `Forbidden`.
pub async fn list(ctx: &Ctx) -> Outcome<Vec<NodeRouteRow>> {
    ctx.require("panel.node")?;
    Ok(rows::list(&mut ctx.read()).await?)
}

/// Makes a rule or changes one. Errors: an input refusal; a rule for an unknown id.
pub async fn save(ctx: &Ctx, id: Option<NodeRouteId>, spec: &RouteSpec) -> Outcome<NodeRouteId> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.node")?;
    let found = match id {
        Some(id) => Some(rows::find(&mut tx, id).await?.ok_or(Refusal::rule("The route does not exist"))?),
        None => None,
    };
    let id = save_in(&ctx, &mut tx, found.as_ref(), None, spec).await?;
    tx.commit().await?;
    ctx.app.live().refresh(&ctx.app).await?;
    Ok(id)
}

/// The same inside a transaction, over the row that was found.
pub(crate) async fn save_in(
    ctx: &Ctx,
    tx: &mut Tx,
    found: Option<&NodeRouteRow>,
    key: Option<&str>,
    spec: &RouteSpec,
) -> Outcome<NodeRouteId> {
    spec.check()?;
    let matches = serde_json::to_string(&spec.matches).map_err(crate::Error::internal)?;
    let action_value = spec.action_value.as_deref();
    let fields = RouteFields { remarks: &spec.remarks, matches: &matches, action: &spec.action, action_value };
    let (id, action) = match found {
        Some(row) => {
            if rows::is_embedded(tx, row.id).await? {
                row::obeyed(&RouteRule {
                    id: row.id.0,
                    matches: spec.matches.clone(),
                    action: spec.action.clone(),
                    action_value: String::new(),
                })?;
            }
            rows::update(tx, row.id, &fields, ctx.now()).await?;
            (row.id, "node_route.update")
        }
        None => (rows::insert(tx, key, &fields, ctx.now()).await?, "node_route.create"),
    };
    tx.touch(Aspect::Node, None);
    audit::changed(tx, ctx, action, Object::new("node_route", id.0, &spec.remarks)).await?;
    Ok(id)
}

/// Removes a rule, from its nodes too. Errors: a rule for an unknown id.
pub async fn drop(ctx: &Ctx, id: NodeRouteId) -> Outcome<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.node")?;
    let row = rows::find(&mut tx, id).await?.ok_or(Refusal::rule("The route does not exist"))?;
    remove_in(&ctx, &mut tx, &row).await?;
    tx.commit().await?;
    ctx.app.live().refresh(&ctx.app).await?;
    Ok(())
}

/// The same inside a transaction.
pub(crate) async fn remove_in(ctx: &Ctx, tx: &mut Tx, row: &NodeRouteRow) -> crate::Result<()> {
    rows::delete(tx, row.id).await?;
    tx.touch(Aspect::Node, None);
    audit::changed(tx, ctx, "node_route.delete", Object::new("node_route", row.id.0, &row.remarks)).await
}
