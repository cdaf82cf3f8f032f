//! Values of policies on the installation, on groups and on resources.

use gatehouse_model::{Millis, ResourceGroupId, ResourceId};

use crate::{Query, Result, Tx, args, sql};

/// One value.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct PolicyRow {
    /// `all`, `group` or `resource`.
    pub scope: String,
    /// The group or resource; 0 for `all`.
    pub object_id: i64,
    /// Which policy.
    pub name: String,
    /// JSON.
    pub value: String,
    /// When it was set.
    pub updated_at: Millis,
}

/// Lists the values that reach a resource, the nearest of each name first: the resource's own, its group's, those of the
/// groups above upwards, the installation's.
pub async fn list_reaching(q: &mut impl Query, resource: ResourceId, group: ResourceGroupId) -> Result<Vec<PolicyRow>> {
    q.all(
        sql!(
            "SELECT p.scope, p.object_id, p.name, p.value, p.updated_at FROM access_policy p \
             LEFT JOIN resource_group g ON p.scope = 'group' AND g.id = p.object_id \
             WHERE (p.scope = 'resource' AND p.object_id = $1) OR p.scope = 'all' OR (p.scope = 'group' AND p.object_id IN ( \
             SELECT a.above_id FROM resource_group_above a WHERE a.resource_group_id = $2)) \
             ORDER BY p.name, CASE p.scope WHEN 'resource' THEN 0 WHEN 'group' THEN 1 ELSE 2 END, g.level DESC, p.object_id"
        ),
        args![resource, group],
    )
    .await
}

/// Lists the values set on one object.
pub async fn list_of(q: &mut impl Query, scope: &str, object: i64) -> Result<Vec<PolicyRow>> {
    q.all(
        sql!(
            "SELECT scope, object_id, name, value, updated_at FROM access_policy WHERE scope = $1 AND object_id = $2 ORDER BY name"
        ),
        args![scope, object],
    )
    .await
}

/// Lists the first 10,000 values by object and name.
pub async fn list(q: &mut impl Query) -> Result<Vec<PolicyRow>> {
    q.all(
        sql!(
            "SELECT scope, object_id, name, value, updated_at FROM access_policy ORDER BY scope, object_id, name LIMIT 10000"
        ),
        args![],
    )
    .await
}

/// Sets a value.
pub async fn insert(tx: &mut Tx, (scope, object): (&str, i64), name: &str, value: &str, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO access_policy (scope, object_id, name, value, updated_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (scope, object_id, name) DO UPDATE SET value = $4, updated_at = $5"
        ),
        args![scope, object, name, value, at],
    )
    .await
}

/// Takes a value back.
pub async fn delete(tx: &mut Tx, (scope, object): (&str, i64), name: &str) -> Result<u64> {
    tx.exec(
        sql!("DELETE FROM access_policy WHERE scope = $1 AND object_id = $2 AND name = $3"),
        args![scope, object, name],
    )
    .await
}

/// Takes all values of an object back.
pub async fn delete_of(tx: &mut Tx, scope: &str, object: i64) -> Result<u64> {
    tx.exec(sql!("DELETE FROM access_policy WHERE scope = $1 AND object_id = $2"), args![scope, object]).await
}
