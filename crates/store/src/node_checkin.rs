//! What nodes of others were last heard to do.

use gatehouse_model::{Millis, NodeId};

use crate::{Query, Result, Tx, args, list, sql};

/// A row of `node_checkin`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct CheckinRow {
    /// The node.
    pub node_id: NodeId,
    /// Last poll.
    pub polled_at: Option<Millis>,
    /// Last push.
    pub pushed_at: Option<Millis>,
    /// Its load, JSON as it came.
    pub load: Option<String>,
    /// When it came.
    pub load_at: Option<Millis>,
}

/// Lists all rows.
pub async fn list(q: &mut impl Query) -> Result<Vec<CheckinRow>> {
    q.all(sql!("SELECT * FROM node_checkin ORDER BY node_id"), args![]).await
}

/// Writes what was heard of nodes: node, poll, push, load, its moment. What is older than what is stored stays out.
pub async fn replace(tx: &mut Tx, rows: &[CheckinRow]) -> Result<u64> {
    let listed: Vec<_> =
        rows.iter().map(|row| (row.node_id, row.polled_at, row.pushed_at, row.load.as_deref(), row.load_at)).collect();
    tx.exec(
        sql! {
            sqlite: "INSERT INTO node_checkin (node_id, polled_at, pushed_at, load, load_at) \
                     SELECT n.id, (v.value ->> 1), (v.value ->> 2), (v.value ->> 3), \
                     (v.value ->> 4) FROM json_each($1) v JOIN node n ON n.id = (v.value ->> 0) \
                     WHERE TRUE ORDER BY n.id \
                     ON CONFLICT (node_id) DO UPDATE SET \
                     polled_at = MAX(COALESCE(excluded.polled_at, 0), COALESCE(node_checkin.polled_at, 0)), \
                     pushed_at = MAX(COALESCE(excluded.pushed_at, 0), COALESCE(node_checkin.pushed_at, 0)), \
                     load = CASE WHEN COALESCE(excluded.load_at, 0) >= COALESCE(node_checkin.load_at, 0) THEN excluded.load \
                     ELSE node_checkin.load END, \
                     load_at = MAX(COALESCE(excluded.load_at, 0), COALESCE(node_checkin.load_at, 0))",
            postgres: "INSERT INTO node_checkin (node_id, polled_at, pushed_at, load, load_at) \
                       SELECT n.id, CAST(v.value ->> 1 AS BIGINT), CAST(v.value ->> 2 AS BIGINT), v.value ->> 3, \
                       CAST(v.value ->> 4 AS BIGINT) FROM json_array_elements(CAST(CAST($1 AS TEXT) AS JSON)) AS v (value) \
                       JOIN node n ON n.id = CAST(v.value ->> 0 AS BIGINT) ORDER BY n.id \
                       ON CONFLICT (node_id) DO UPDATE SET \
                       polled_at = GREATEST(COALESCE(excluded.polled_at, 0), COALESCE(node_checkin.polled_at, 0)), \
                       pushed_at = GREATEST(COALESCE(excluded.pushed_at, 0), COALESCE(node_checkin.pushed_at, 0)), \
                       load = CASE WHEN COALESCE(excluded.load_at, 0) >= COALESCE(node_checkin.load_at, 0) THEN excluded.load \
                       ELSE node_checkin.load END, \
                       load_at = GREATEST(COALESCE(excluded.load_at, 0), COALESCE(node_checkin.load_at, 0))"
        },
        args![list::rows(&listed)],
    )
    .await
}
