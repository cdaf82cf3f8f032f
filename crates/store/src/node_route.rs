//! Route rules of nodes, and which node has which.

use gatehouse_model::{Millis, NodeId, NodeRouteId};

use crate::{Query, Result, Tx, args, list, sql};

/// A row of `node_route`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct NodeRouteRow {
    /// Identity.
    pub id: NodeRouteId,
    /// Natural key of the state file.
    pub key: Option<String>,
    /// Staff's description.
    pub remarks: String,
    /// JSON list of words.
    #[sqlx(rename = "match")]
    pub matches: String,
    /// What is done.
    pub action: String,
    /// With what.
    pub action_value: Option<String>,
    /// Since when.
    pub created_at: Millis,
    /// Last change.
    pub updated_at: Millis,
}

/// What an insert or a change writes.
#[derive(Debug, Clone)]
pub struct RouteFields<'a> {
    /// Staff's description.
    pub remarks: &'a str,
    /// JSON list of words.
    pub matches: &'a str,
    /// What is done.
    pub action: &'a str,
    /// With what.
    pub action_value: Option<&'a str>,
}

/// Lists all rules by id.
pub async fn list(q: &mut impl Query) -> Result<Vec<NodeRouteRow>> {
    q.all(sql!("SELECT * FROM node_route ORDER BY id"), args![]).await
}

/// Finds a rule.
pub async fn find(q: &mut impl Query, id: NodeRouteId) -> Result<Option<NodeRouteRow>> {
    q.one(sql!("SELECT * FROM node_route WHERE id = $1"), args![id]).await
}

/// Finds a rule by its key.
pub async fn find_by_key(q: &mut impl Query, key: &str) -> Result<Option<NodeRouteRow>> {
    q.one(sql!("SELECT * FROM node_route WHERE key = $1"), args![key]).await
}

/// Inserts a rule.
pub async fn insert(tx: &mut Tx, key: Option<&str>, f: &RouteFields<'_>, at: Millis) -> Result<NodeRouteId> {
    let row: Option<(NodeRouteId,)> = tx
        .one(
            sql!(
                "INSERT INTO node_route (key, remarks, match, action, action_value, created_at, updated_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $6) RETURNING id"
            ),
            args![key, f.remarks, f.matches, f.action, f.action_value, at],
        )
        .await?;
    row.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Writes a rule's fields.
pub async fn update(tx: &mut Tx, id: NodeRouteId, f: &RouteFields<'_>, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE node_route SET remarks = $2, match = $3, action = $4, action_value = $5, updated_at = $6 WHERE id = $1"
        ),
        args![id, f.remarks, f.matches, f.action, f.action_value, at],
    )
    .await
}

/// Deletes a rule, from its nodes too.
pub async fn delete(tx: &mut Tx, id: NodeRouteId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM node_route_membership WHERE node_route_id = $1"), args![id]).await?;
    tx.exec(sql!("DELETE FROM node_route WHERE id = $1"), args![id]).await
}

/// Lists which node has which rules, in the order of each node.
pub async fn list_memberships(q: &mut impl Query) -> Result<Vec<(NodeId, NodeRouteId)>> {
    q.all(
        sql!("SELECT node_id, node_route_id FROM node_route_membership ORDER BY node_id, position, node_route_id"),
        args![],
    )
    .await
}

/// Gives a node exactly these rules in this order; unknown ones are left out.
pub async fn replace_of(tx: &mut Tx, node: NodeId, routes: &[NodeRouteId]) -> Result<()> {
    tx.exec(sql!("DELETE FROM node_route_membership WHERE node_id = $1"), args![node]).await?;
    let listed = list::json(routes.iter().map(|id| id.0));
    tx.exec(
        sql! {
            sqlite: "INSERT INTO node_route_membership (node_id, node_route_id, position) \
                     SELECT $1, r.id, v.key FROM json_each($2) v JOIN node_route r ON r.id = v.value WHERE TRUE ON CONFLICT DO NOTHING",
            postgres: "INSERT INTO node_route_membership (node_id, node_route_id, position) \
                       SELECT CAST($1 AS BIGINT), r.id, v.place \
                       FROM json_array_elements_text(CAST(CAST($2 AS TEXT) AS JSON)) WITH ORDINALITY AS v (value, place) \
                       JOIN node_route r ON r.id = CAST(v.value AS BIGINT) ON CONFLICT DO NOTHING"
        },
        args![node, listed],
    )
    .await?;
    Ok(())
}

/// Whether an embedded node has a rule.
pub async fn is_embedded(q: &mut impl Query, id: NodeRouteId) -> Result<bool> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT n.id FROM node_route_membership m JOIN node n ON n.id = m.node_id \
                 WHERE m.node_route_id = $1 AND n.is_embedded LIMIT 1"
            ),
            args![id],
        )
        .await?;
    Ok(row.is_some())
}
