//! Devices that nodes of others report: open stays through the proxy door that no process holds.

use gatehouse_model::{AccountId, Millis, NodeId};

use crate::{Query, Result, Tx, args, list, sql};

/// A device of a user: account, address, the public name its stay gets if it begins.
pub type Seen<'a> = (AccountId, &'a str, &'a str);

/// Notes that devices are still there.
pub async fn touch(tx: &mut Tx, node: NodeId, seen: &[Seen<'_>], at: Millis) -> Result<u64> {
    tx.exec(
        sql! {
            sqlite: "UPDATE visit SET seen_at = $3 FROM json_each($2) v WHERE visit.account_id = (v.value ->> 0) \
                     AND visit.from_address = (v.value ->> 1) AND visit.node_id = $1 AND visit.door = 'proxy' \
                     AND visit.until_at IS NULL AND visit.process_id IS NULL",
            postgres: "UPDATE visit SET seen_at = $3 FROM json_array_elements(CAST(CAST($2 AS TEXT) AS JSON)) AS v (value) \
                       WHERE visit.account_id = CAST(v.value ->> 0 AS BIGINT) AND visit.from_address = v.value ->> 1 \
                       AND visit.node_id = $1 AND visit.door = 'proxy' AND visit.until_at IS NULL AND visit.process_id IS NULL"
        },
        args![node, list::rows(seen), at],
    )
    .await
}

/// Begins the stays of devices that are new; accounts without a pass are left out.
pub async fn insert(tx: &mut Tx, node: NodeId, seen: &[Seen<'_>], at: Millis) -> Result<u64> {
    tx.exec(
        sql! {
            sqlite: "INSERT INTO visit (uuid, door, account_id, login, name, from_address, node_id, node_name, since_at, seen_at) \
                     SELECT (v.value ->> 2), 'proxy', a.id, a.login, a.name, (v.value ->> 1), n.id, n.name, $3, $3 \
                     FROM json_each($2) v CROSS JOIN proxy_pass p CROSS JOIN account a CROSS JOIN node n \
                     WHERE p.account_id = (v.value ->> 0) AND a.id = p.account_id AND n.id = $1 AND NOT EXISTS ( \
                     SELECT * FROM visit x WHERE x.account_id = p.account_id AND x.node_id = $1 \
                     AND x.from_address = (v.value ->> 1) AND x.door = 'proxy' AND x.until_at IS NULL)",
            postgres: "INSERT INTO visit (uuid, door, account_id, login, name, from_address, node_id, node_name, since_at, seen_at) \
                       SELECT v.value ->> 2, 'proxy', a.id, a.login, a.name, v.value ->> 1, n.id, n.name, CAST($3 AS BIGINT), CAST($3 AS BIGINT) \
                       FROM json_array_elements(CAST(CAST($2 AS TEXT) AS JSON)) AS v (value) \
                       JOIN proxy_pass p ON p.account_id = CAST(v.value ->> 0 AS BIGINT) JOIN account a ON a.id = p.account_id \
                       JOIN node n ON n.id = $1 WHERE NOT EXISTS ( \
                       SELECT * FROM visit x WHERE x.account_id = p.account_id AND x.node_id = $1 AND x.from_address = v.value ->> 1 \
                       AND x.door = 'proxy' AND x.until_at IS NULL)"
        },
        args![node, list::rows(seen), at],
    )
    .await
}

/// Ends the stays of users on a node whose device is not among those that were seen.
pub async fn close_unseen(
    tx: &mut Tx,
    node: NodeId,
    accounts: &[AccountId],
    seen: &[Seen<'_>],
    at: Millis,
    why: &str,
) -> Result<u64> {
    tx.exec(
        sql! {
            sqlite: "UPDATE visit SET until_at = $4, ended_why = $5 WHERE door = 'proxy' AND until_at IS NULL AND node_id = $1 \
                     AND process_id IS NULL AND account_id IN (SELECT value FROM json_each($2)) \
                     AND (account_id, from_address) NOT IN \
                     (SELECT (v.value ->> 0), (v.value ->> 1) FROM json_each($3) v)",
            postgres: "UPDATE visit SET until_at = $4, ended_why = $5 WHERE door = 'proxy' AND until_at IS NULL AND node_id = $1 \
                       AND process_id IS NULL AND account_id IN (SELECT CAST(value AS BIGINT) \
                       FROM json_array_elements_text(CAST(CAST($2 AS TEXT) AS JSON)) AS named (value)) \
                       AND (account_id, from_address) NOT IN (SELECT CAST(v.value ->> 0 AS BIGINT), v.value ->> 1 \
                       FROM json_array_elements(CAST(CAST($3 AS TEXT) AS JSON)) AS v (value))"
        },
        args![node, list::json(accounts.iter().map(|id| id.0)), list::rows(seen), at, why],
    )
    .await
}

/// Whether a device was not reported since a moment.
pub async fn has_stale(q: &mut impl Query, before: Millis) -> Result<bool> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT id FROM visit WHERE door = 'proxy' AND until_at IS NULL AND process_id IS NULL AND seen_at < $1 LIMIT 1"
            ),
            args![before],
        )
        .await?;
    Ok(row.is_some())
}

/// Ends the stays of devices that were not reported since a moment, at their last report.
pub async fn close_stale(tx: &mut Tx, before: Millis, why: &str) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE visit SET until_at = seen_at, ended_why = $2 \
             WHERE door = 'proxy' AND until_at IS NULL AND process_id IS NULL AND seen_at < $1"
        ),
        args![before, why],
    )
    .await
}

/// Ends the stays that a node reported.
pub async fn close_of_node(tx: &mut Tx, node: NodeId, at: Millis, why: &str) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE visit SET until_at = $2, ended_why = $3 \
             WHERE door = 'proxy' AND until_at IS NULL AND process_id IS NULL AND node_id = $1"
        ),
        args![node, at, why],
    )
    .await
}

/// Lists the devices of users who have a limit, those seen after a moment or held by a process: account, node, address.
pub async fn list_limited(q: &mut impl Query, after: Millis) -> Result<Vec<(AccountId, NodeId, String)>> {
    q.all(
        sql!(
            "SELECT v.account_id, v.node_id, v.from_address FROM visit v JOIN proxy_pass p ON p.account_id = v.account_id \
             WHERE v.door = 'proxy' AND v.until_at IS NULL AND p.device_limit > 0 AND v.node_id IS NOT NULL \
             AND v.from_address IS NOT NULL AND (v.process_id IS NOT NULL OR v.seen_at > $1) ORDER BY v.account_id, v.id"
        ),
        args![after],
    )
    .await
}

/// How many users are on each node.
pub async fn count_online(q: &mut impl Query) -> Result<Vec<(NodeId, i64)>> {
    q.all(
        sql!(
            "SELECT node_id, COUNT(DISTINCT account_id) AS n FROM visit WHERE door = 'proxy' AND until_at IS NULL \
             AND node_id IS NOT NULL GROUP BY node_id ORDER BY node_id"
        ),
        args![],
    )
    .await
}

/// How many users are on any node, and how many stays they have.
pub async fn count_all(q: &mut impl Query) -> Result<(i64, i64)> {
    let row = q
        .one(
            sql!(
                "SELECT COUNT(DISTINCT account_id) AS users, COUNT(*) AS stays FROM visit WHERE door = 'proxy' AND until_at IS NULL"
            ),
            args![],
        )
        .await?;
    Ok(row.unwrap_or_default())
}
