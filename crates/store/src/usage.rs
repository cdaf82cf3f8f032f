//! Traffic and visits of a whole batch at a time: few statements, however many users the batch has.
//!
//! Lists travel as one JSON text of arrays. Rows are written in the order of their keys, so that batches that meet wait for each
//! other instead of for ever.

use gatehouse_model::{AccountId, Millis, NodeId};

use crate::{Query, Result, Tx, args, list, sql};

/// Charged traffic of one user in hundredths of a byte: account, up, down. Each account once.
pub type Charge = (AccountId, i64, i64);

/// Adds charged traffic to proxy passes; those that are gone are skipped.
pub async fn add_charges(tx: &mut Tx, charges: &[Charge], at: Millis) -> Result<u64> {
    tx.exec(
        sql! {
            sqlite: "INSERT INTO proxy_usage (account_id, up, down, last_at) \
                     SELECT p.account_id, (v.value ->> 1), (v.value ->> 2), $2 \
                     FROM json_each($1) v CROSS JOIN proxy_pass p WHERE p.account_id = (v.value ->> 0) ORDER BY p.account_id \
                     ON CONFLICT (account_id) DO UPDATE SET up = proxy_usage.up + excluded.up, down = proxy_usage.down + excluded.down, \
                     last_at = excluded.last_at",
            postgres: "INSERT INTO proxy_usage (account_id, up, down, last_at) \
                       SELECT p.account_id, CAST(v.value ->> 1 AS BIGINT), CAST(v.value ->> 2 AS BIGINT), CAST($2 AS BIGINT) \
                       FROM json_array_elements(CAST(CAST($1 AS TEXT) AS JSON)) AS v (value) \
                       JOIN proxy_pass p ON p.account_id = CAST(v.value ->> 0 AS BIGINT) ORDER BY p.account_id \
                       ON CONFLICT (account_id) DO UPDATE SET up = proxy_usage.up + excluded.up, down = proxy_usage.down + excluded.down, \
                       last_at = excluded.last_at"
        },
        args![list::rows(charges), at],
    )
    .await
}

/// Lists the accounts that these charges, which have just been added, brought to their quota, each with the account it shares the
/// quota with. Of those that share one it also lists who was at it before.
pub async fn list_exhausted(q: &mut impl Query, charges: &[Charge]) -> Result<Vec<(AccountId, Option<AccountId>)>> {
    q.all(
        sql! {
            sqlite: "SELECT p.account_id, COALESCE(CASE WHEN p.is_quota_shared THEN p.main_account_id END, s.account_id) AS other_id \
                     FROM json_each($1) v CROSS JOIN proxy_pass p CROSS JOIN proxy_usage u \
                     LEFT JOIN proxy_pass s ON s.main_account_id = p.account_id AND s.is_quota_shared \
                     LEFT JOIN proxy_usage o ON o.account_id = COALESCE(CASE WHEN p.is_quota_shared THEN p.main_account_id END, s.account_id) \
                     WHERE p.account_id = (v.value ->> 0) AND u.account_id = p.account_id AND p.quota IS NOT NULL \
                     AND (u.up + u.down + COALESCE(o.up + o.down, 0)) / 100 >= p.quota AND (o.account_id IS NOT NULL \
                     OR (u.up + u.down - (v.value ->> 1) - (v.value ->> 2)) / 100 < p.quota) \
                     ORDER BY p.account_id",
            postgres: "SELECT p.account_id, COALESCE(CASE WHEN p.is_quota_shared THEN p.main_account_id END, s.account_id) AS other_id \
                       FROM json_array_elements(CAST(CAST($1 AS TEXT) AS JSON)) AS v (value) \
                       JOIN proxy_pass p ON p.account_id = CAST(v.value ->> 0 AS BIGINT) \
                       JOIN proxy_usage u ON u.account_id = p.account_id \
                       LEFT JOIN proxy_pass s ON s.main_account_id = p.account_id AND s.is_quota_shared \
                       LEFT JOIN proxy_usage o ON o.account_id = COALESCE(CASE WHEN p.is_quota_shared THEN p.main_account_id END, s.account_id) \
                       WHERE p.quota IS NOT NULL AND (u.up + u.down + COALESCE(o.up + o.down, 0)) / 100 >= p.quota \
                       AND (o.account_id IS NOT NULL \
                       OR (u.up + u.down - CAST(v.value ->> 1 AS BIGINT) - CAST(v.value ->> 2 AS BIGINT)) / 100 < p.quota) \
                       ORDER BY p.account_id"
        },
        args![list::rows(charges)],
    )
    .await
}

/// Adds charged traffic to the day's statistics of users, at a rate in hundredths.
pub async fn add_day_charges(tx: &mut Tx, charges: &[Charge], day: Millis, rate: i64) -> Result<u64> {
    tx.exec(
        sql! {
            sqlite: "INSERT INTO panel_usage_day (account_id, day, rate, up, down) \
                     SELECT p.account_id, $2, $3, (v.value ->> 1), (v.value ->> 2) \
                     FROM json_each($1) v CROSS JOIN proxy_pass p WHERE p.account_id = (v.value ->> 0) ORDER BY p.account_id \
                     ON CONFLICT (account_id, day, rate) DO UPDATE SET up = panel_usage_day.up + excluded.up, \
                     down = panel_usage_day.down + excluded.down",
            postgres: "INSERT INTO panel_usage_day (account_id, day, rate, up, down) \
                       SELECT p.account_id, CAST($2 AS BIGINT), CAST($3 AS BIGINT), CAST(v.value ->> 1 AS BIGINT), \
                       CAST(v.value ->> 2 AS BIGINT) FROM json_array_elements(CAST(CAST($1 AS TEXT) AS JSON)) AS v (value) \
                       JOIN proxy_pass p ON p.account_id = CAST(v.value ->> 0 AS BIGINT) ORDER BY p.account_id \
                       ON CONFLICT (account_id, day, rate) DO UPDATE SET up = panel_usage_day.up + excluded.up, \
                       down = panel_usage_day.down + excluded.down"
        },
        args![list::rows(charges), day, rate],
    )
    .await
}

/// Adds raw traffic to the day's statistics of a node, bytes.
pub async fn add_node_day(tx: &mut Tx, node: NodeId, day: Millis, up: i64, down: i64) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO node_usage_day (node_id, day, up, down) SELECT id, $2, $3, $4 FROM node WHERE id = $1 \
             ON CONFLICT (node_id, day) DO UPDATE SET up = node_usage_day.up + $3, down = node_usage_day.down + $4"
        ),
        args![node, day, up, down],
    )
    .await
}

/// A visit through the proxy door that began: public name, account, login, name, address, beginning.
pub type Opened<'a> = (&'a str, AccountId, &'a str, Option<&'a str>, &'a str, Millis);

/// Inserts open visits through the proxy door that a process holds; the node's name is taken from its row. Repeating is a no-op.
pub async fn insert_visits(tx: &mut Tx, opened: &[Opened<'_>], node: NodeId, process_id: i64) -> Result<u64> {
    tx.exec(
        sql! {
            sqlite: "INSERT INTO visit (uuid, door, account_id, login, name, from_address, node_id, node_name, process_id, since_at, seen_at) \
                     SELECT (v.value ->> 0), 'proxy', (v.value ->> 1), (v.value ->> 2), \
                     (v.value ->> 3), (v.value ->> 4), $2, (SELECT name FROM node WHERE id = $2), $3, \
                     (v.value ->> 5), (v.value ->> 5) FROM json_each($1) v WHERE TRUE ON CONFLICT DO NOTHING",
            postgres: "INSERT INTO visit (uuid, door, account_id, login, name, from_address, node_id, node_name, process_id, since_at, seen_at) \
                       SELECT v.value ->> 0, 'proxy', CAST(v.value ->> 1 AS BIGINT), v.value ->> 2, v.value ->> 3, v.value ->> 4, \
                       CAST($2 AS BIGINT), (SELECT name FROM node WHERE id = CAST($2 AS BIGINT)), CAST($3 AS BIGINT), \
                       CAST(v.value ->> 5 AS BIGINT), CAST(v.value ->> 5 AS BIGINT) \
                       FROM json_array_elements(CAST(CAST($1 AS TEXT) AS JSON)) AS v (value) ON CONFLICT DO NOTHING"
        },
        args![list::rows(opened), node, process_id],
    )
    .await
}

/// What a visit moved: public name, raw bytes up and down, last sign of life.
pub type Moved<'a> = (&'a str, i64, i64, Millis);

/// Adds raw bytes to visits.
pub async fn add_visit_usage(tx: &mut Tx, moved: &[Moved<'_>]) -> Result<()> {
    let moved = list::rows(moved);
    tx.exec(
        sql! {
            sqlite: "UPDATE visit SET seen_at = (v.value ->> 3) FROM json_each($1) v \
                     WHERE visit.uuid = (v.value ->> 0)",
            postgres: "UPDATE visit SET seen_at = CAST(v.value ->> 3 AS BIGINT) \
                       FROM json_array_elements(CAST(CAST($1 AS TEXT) AS JSON)) AS v (value) WHERE visit.uuid = v.value ->> 0"
        },
        args![&moved],
    )
    .await?;
    tx.exec(
        sql! {
            sqlite: "INSERT INTO visit_usage (visit_id, up, down) \
                     SELECT x.id, (v.value ->> 1), (v.value ->> 2) \
                     FROM json_each($1) v CROSS JOIN visit x WHERE x.uuid = (v.value ->> 0) \
                     ON CONFLICT (visit_id) DO UPDATE SET up = visit_usage.up + excluded.up, down = visit_usage.down + excluded.down",
            postgres: "INSERT INTO visit_usage (visit_id, up, down) \
                       SELECT x.id, CAST(v.value ->> 1 AS BIGINT), CAST(v.value ->> 2 AS BIGINT) \
                       FROM json_array_elements(CAST(CAST($1 AS TEXT) AS JSON)) AS v (value) JOIN visit x ON x.uuid = v.value ->> 0 \
                       ON CONFLICT (visit_id) DO UPDATE SET up = visit_usage.up + excluded.up, down = visit_usage.down + excluded.down"
        },
        args![&moved],
    )
    .await?;
    Ok(())
}

/// A visit that ended: public name, when, why.
pub type Closed<'a> = (&'a str, Millis, &'a str);

/// Closes visits.
pub async fn close_visits(tx: &mut Tx, closed: &[Closed<'_>]) -> Result<u64> {
    tx.exec(
        sql! {
            sqlite: "UPDATE visit SET until_at = (v.value ->> 1), ended_why = (v.value ->> 2) \
                     FROM json_each($1) v WHERE visit.uuid = (v.value ->> 0) AND visit.until_at IS NULL",
            postgres: "UPDATE visit SET until_at = CAST(v.value ->> 1 AS BIGINT), ended_why = v.value ->> 2 \
                       FROM json_array_elements(CAST(CAST($1 AS TEXT) AS JSON)) AS v (value) \
                       WHERE visit.uuid = v.value ->> 0 AND visit.until_at IS NULL"
        },
        args![list::rows(closed)],
    )
    .await
}
