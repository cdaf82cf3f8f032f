//! From where subscriptions are used now: the open visits of the proxy door (specs/panel.md §5.2).

use gatehouse_model::{AccountId, Millis, NodeId};

use crate::{Query, Result, args, list, sql};

/// An address at a node that an account is seen from.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SeenRow {
    /// The account.
    pub account_id: AccountId,
    /// The address.
    pub from_address: String,
    /// The node.
    pub node_id: Option<NodeId>,
    /// Its name then.
    pub node_name: Option<String>,
    /// Last sign of life.
    pub seen_at: Millis,
}

/// A panel user with what he may have.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct OnlineUserRow {
    /// The account.
    pub account_id: AccountId,
    /// Its e-mail.
    pub email: Option<String>,
    /// Devices, 0: no limit.
    pub device_limit: i64,
    /// Last traffic.
    pub used_at: Option<Millis>,
}

/// Lists from where some accounts are seen, the last one first; at most `limit` rows.
pub async fn list_seen(q: &mut impl Query, accounts: &[AccountId], limit: i64) -> Result<Vec<SeenRow>> {
    q.all(
        sql! {
            sqlite: "SELECT v.account_id, v.from_address, v.node_id, MAX(v.node_name) AS node_name, MAX(v.seen_at) AS seen_at \
                     FROM json_each($1) w JOIN visit v ON v.account_id = w.value WHERE v.door = 'proxy' AND v.until_at IS NULL \
                     AND v.from_address IS NOT NULL GROUP BY v.account_id, v.node_id, v.from_address \
                     ORDER BY MAX(v.seen_at) DESC, v.account_id, v.from_address, v.node_id LIMIT $2",
            postgres: "SELECT v.account_id, v.from_address, v.node_id, MAX(v.node_name) AS node_name, MAX(v.seen_at) AS seen_at \
                       FROM json_array_elements_text(CAST(CAST($1 AS TEXT) AS JSON)) AS w (value) \
                       JOIN visit v ON v.account_id = CAST(w.value AS BIGINT) WHERE v.door = 'proxy' AND v.until_at IS NULL \
                       AND v.from_address IS NOT NULL GROUP BY v.account_id, v.node_id, v.from_address \
                       ORDER BY MAX(v.seen_at) DESC, v.account_id, v.from_address, v.node_id LIMIT $2"
        },
        args![list::json(accounts.iter().map(|id| id.0)), limit],
    )
    .await
}

/// Lists panel users, one page: those seen from somewhere now, or all; of addresses that match a folded pattern.
pub async fn list_users(
    q: &mut impl Query,
    (is_all, pattern): (bool, Option<&str>),
    (limit, offset): (i64, i64),
) -> Result<Vec<OnlineUserRow>> {
    q.all(
        sql!(
            "SELECT p.account_id, a.email, p.device_limit, u.last_at AS used_at FROM proxy_pass p JOIN account a ON a.id = p.account_id \
             LEFT JOIN proxy_usage u ON u.account_id = p.account_id \
             WHERE ($1 OR EXISTS (SELECT 1 FROM visit v WHERE v.account_id = p.account_id AND v.door = 'proxy' AND v.until_at IS NULL)) \
             AND (CAST($2 AS TEXT) IS NULL OR a.email_key LIKE $2 ESCAPE '\\') ORDER BY p.account_id LIMIT $3 OFFSET $4"
        ),
        args![is_all, pattern, limit, offset],
    )
    .await
}

/// Counts these.
pub async fn count_users(q: &mut impl Query, (is_all, pattern): (bool, Option<&str>)) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT COUNT(*) AS n FROM proxy_pass p JOIN account a ON a.id = p.account_id \
                 WHERE ($1 OR EXISTS (SELECT 1 FROM visit v WHERE v.account_id = p.account_id AND v.door = 'proxy' AND v.until_at IS NULL)) \
                 AND (CAST($2 AS TEXT) IS NULL OR a.email_key LIKE $2 ESCAPE '\\')"
            ),
            args![is_all, pattern],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}
