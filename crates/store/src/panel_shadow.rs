//! IPv6 shadows: second accounts that follow their main accounts (specs/panel.md §5.3).

use gatehouse_model::{AccountId, Millis, NodeGroupId, PlanId};

use crate::{Query, Result, Tx, args, proxy_pass::PanelUserRow, sql};

/// Finds the shadow of an account.
pub async fn find(q: &mut impl Query, main: AccountId) -> Result<Option<PanelUserRow>> {
    q.one(
        sql!(
            "SELECT p.*, a.login, a.email, a.created_at, (a.is_enabled AND m.is_enabled) AS is_enabled, \
             COALESCE(u.up, 0) AS up, COALESCE(u.down, 0) AS down, u.last_at AS used_at \
             FROM proxy_pass p JOIN account a ON a.id = p.account_id JOIN account m ON m.id = p.main_account_id \
             LEFT JOIN proxy_usage u ON u.account_id = p.account_id WHERE p.main_account_id = $1"
        ),
        args![main],
    )
    .await
}

/// Makes a proxy pass the shadow of an account. `Conflict proxy_pass_main_account_id_key` when it has one.
pub async fn bind(tx: &mut Tx, shadow: AccountId, main: AccountId) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE proxy_pass SET main_account_id = $2, remind_expire = $3, remind_traffic = $3, inviter_id = NULL WHERE account_id = $1"
        ),
        args![shadow, main, false],
    )
    .await
}

/// What a shadow takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mirrored {
    /// Plan.
    pub plan_id: Option<PlanId>,
    /// Node group.
    pub node_group_id: Option<NodeGroupId>,
    /// Bytes; none: no limit.
    pub quota: Option<i64>,
    /// End; none: never.
    pub expires_at: Option<Millis>,
    /// Day of the month that renewals keep.
    pub anchor_day: Option<i64>,
    /// Mbit/s.
    pub speed_limit: i64,
    /// Devices.
    pub device_limit: i64,
    /// When traffic was set to nothing.
    pub last_reset_at: Option<Millis>,
    /// How often.
    pub reset_count: i64,
    /// Whether both count against one quota.
    pub is_quota_shared: bool,
}

/// Writes what a shadow takes over; its traffic is set to nothing by its main account alone.
pub async fn update(tx: &mut Tx, shadow: AccountId, it: &Mirrored, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE proxy_pass SET plan_id = $2, node_group_id = $3, quota = $4, expires_at = $5, anchor_day = $6, speed_limit = $7, \
             device_limit = $8, last_reset_at = $9, reset_count = $10, is_quota_shared = $11, next_reset_at = NULL, updated_at = $12 \
             WHERE account_id = $1"
        ),
        args![
            shadow,
            it.plan_id,
            it.node_group_id,
            it.quota,
            it.expires_at,
            it.anchor_day,
            it.speed_limit,
            it.device_limit,
            it.last_reset_at,
            it.reset_count,
            it.is_quota_shared,
            at
        ],
    )
    .await
}

/// Sets the traffic of an account to nothing.
pub async fn clear_usage(tx: &mut Tx, id: AccountId) -> Result<u64> {
    tx.exec(sql!("UPDATE proxy_usage SET up = 0, down = 0 WHERE account_id = $1"), args![id]).await
}

/// Renames an account: its login and its e-mail address, both as given and folded.
///
/// `Conflict login_name_login_key_key` or `account_email_key_key` when somebody else has them.
pub async fn rename(tx: &mut Tx, id: AccountId, name: &str, key: &str, at: Millis) -> Result<u64> {
    tx.exec(sql!("UPDATE login_name SET login_key = $2 WHERE account_id = $1"), args![id, key]).await?;
    tx.exec(
        sql!("UPDATE account SET login = $2, email = $2, email_key = $3, updated_at = $4 WHERE id = $1"),
        args![id, name, key, at],
    )
    .await
}

/// The node group of a plan; none: there is no such plan.
pub async fn find_plan_group(q: &mut impl Query, id: PlanId) -> Result<Option<(String, Option<NodeGroupId>)>> {
    q.one(sql!("SELECT name, node_group_id FROM plan WHERE id = $1"), args![id]).await
}

/// Lists main accounts with a shadow after one, one page.
pub async fn list_mains(q: &mut impl Query, after: AccountId, limit: i64) -> Result<Vec<AccountId>> {
    let rows: Vec<(AccountId,)> = q
        .all(
            sql!("SELECT main_account_id FROM proxy_pass WHERE main_account_id > $1 ORDER BY main_account_id LIMIT $2"),
            args![after, limit],
        )
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Accounts that share a quota which both together used up, of whom one passed traffic since a moment.
pub async fn list_exhausted(q: &mut impl Query, since: Millis) -> Result<Vec<(AccountId, AccountId)>> {
    q.all(
        sql!(
            "SELECT p.account_id, p.main_account_id FROM proxy_pass p LEFT JOIN proxy_usage u ON u.account_id = p.account_id \
             LEFT JOIN proxy_usage o ON o.account_id = p.main_account_id \
             WHERE p.main_account_id IS NOT NULL AND p.is_quota_shared AND p.quota IS NOT NULL AND (u.last_at >= $1 OR o.last_at >= $1) \
             AND COALESCE(u.up + u.down, 0) + COALESCE(o.up + o.down, 0) >= p.quota * 100 ORDER BY p.account_id"
        ),
        args![since],
    )
    .await
}
