//! Policy sets of VPN users.

use gatehouse_model::{Millis, VpnPolicySetId};

use crate::{Query, Result, Tx, args, sql};

/// A row of `vpn_policy_set`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct PolicySetRow {
    /// Identity; 0 is the default one.
    pub id: VpnPolicySetId,
    /// Unique name.
    pub name: String,
    /// Milliseconds; none: no bound.
    pub session_timeout: Option<i64>,
    /// Milliseconds; none: no bound.
    pub idle_timeout: Option<i64>,
    /// Addresses, separated by commas.
    pub dns: String,
    /// Name of the concentrator's pool.
    pub pool: Option<String>,
    /// Networks, separated by commas.
    pub routes: String,
    /// Sessions at the same time; 0: no limit.
    pub max_sessions: i64,
}

/// Finds a policy set.
pub async fn find(q: &mut impl Query, id: VpnPolicySetId) -> Result<Option<PolicySetRow>> {
    q.one(
        sql!(
            "SELECT id, name, session_timeout, idle_timeout, dns, pool, routes, max_sessions FROM vpn_policy_set WHERE id = $1"
        ),
        args![id],
    )
    .await
}

/// Finds a policy set by name.
pub async fn find_by_name(q: &mut impl Query, name: &str) -> Result<Option<PolicySetRow>> {
    q.one(
        sql!(
            "SELECT id, name, session_timeout, idle_timeout, dns, pool, routes, max_sessions FROM vpn_policy_set WHERE name = $1"
        ),
        args![name],
    )
    .await
}

/// Inserts a policy set; the row's id is ignored. `Conflict vpn_policy_set_name_key`.
pub async fn insert(tx: &mut Tx, row: &PolicySetRow, at: Millis) -> Result<VpnPolicySetId> {
    let id: Option<(VpnPolicySetId,)> = tx
        .one(
            sql!(
                "INSERT INTO vpn_policy_set (name, session_timeout, idle_timeout, dns, pool, routes, max_sessions, created_at, updated_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) RETURNING id"
            ),
            args![
                &row.name,
                row.session_timeout,
                row.idle_timeout,
                &row.dns,
                row.pool.as_deref(),
                &row.routes,
                row.max_sessions,
                at
            ],
        )
        .await?;
    id.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Writes a policy set, but for its name.
pub async fn update(tx: &mut Tx, row: &PolicySetRow, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE vpn_policy_set SET session_timeout = $2, idle_timeout = $3, dns = $4, pool = $5, routes = $6, max_sessions = $7, \
             updated_at = $8 WHERE id = $1"
        ),
        args![
            row.id,
            row.session_timeout,
            row.idle_timeout,
            &row.dns,
            row.pool.as_deref(),
            &row.routes,
            row.max_sessions,
            at
        ],
    )
    .await
}

/// Deletes a policy set that nobody has, staged or live; 0: somebody has.
pub async fn delete_unused(tx: &mut Tx, id: VpnPolicySetId) -> Result<u64> {
    tx.exec(
        sql!(
            "DELETE FROM vpn_policy_set WHERE id = $1 AND id <> 0 \
             AND NOT EXISTS (SELECT 1 FROM vpn_pass p WHERE p.policy_set_id = $1) \
             AND NOT EXISTS (SELECT 1 FROM vpn_pass_live p WHERE p.policy_set_id = $1) \
             AND NOT EXISTS (SELECT 1 FROM vpn_group g WHERE g.policy_set_id = $1) \
             AND NOT EXISTS (SELECT 1 FROM vpn_group_live g WHERE g.policy_set_id = $1)"
        ),
        args![id],
    )
    .await
}
