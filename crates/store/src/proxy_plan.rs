//! What proxy passes are held as: plan, term, limits, and when their traffic is set to nothing.

use gatehouse_model::{AccountId, Millis, NodeGroupId, PlanId};

use crate::{Query, Result, Tx, args, sql};

/// A pass as plans, orders and resets change it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct HolderRow {
    /// Whose.
    pub account_id: AccountId,
    /// Plan.
    pub plan_id: Option<PlanId>,
    /// Node group.
    pub node_group_id: Option<NodeGroupId>,
    /// Bytes; none: no limit.
    pub quota: Option<i64>,
    /// None: never.
    pub expires_at: Option<Millis>,
    /// Day of the month that renewals keep.
    pub anchor_day: Option<i64>,
    /// Mbit/s, 0: none.
    pub speed_limit: i64,
    /// Devices, 0: none.
    pub device_limit: i64,
    /// Percent off every order.
    pub discount: Option<i64>,
    /// Who invited.
    pub inviter_id: Option<AccountId>,
    /// Whose shadow it is.
    pub main_account_id: Option<AccountId>,
    /// When traffic is set to nothing.
    pub next_reset_at: Option<Millis>,
    /// When it was.
    pub last_reset_at: Option<Millis>,
    /// How often.
    pub reset_count: i64,
    /// Whether the account counts.
    pub is_enabled: bool,
    /// Charged upwards, hundredths of a byte.
    pub up: i64,
    /// Charged downwards, hundredths of a byte.
    pub down: i64,
}

/// Finds a pass and locks its row: whoever orders, opens or resets for it waits.
pub async fn lock(tx: &mut Tx, id: AccountId) -> Result<Option<HolderRow>> {
    let lock = sql! {
        sqlite: "SELECT account_id FROM proxy_pass WHERE account_id = $1",
        postgres: "SELECT account_id FROM proxy_pass WHERE account_id = $1 FOR UPDATE"
    };
    tx.one::<(AccountId,)>(lock, args![id]).await?;
    find(tx, id).await
}

/// Finds a pass.
pub async fn find(q: &mut impl Query, id: AccountId) -> Result<Option<HolderRow>> {
    q.one(
        sql!(
            "SELECT p.account_id, p.plan_id, p.node_group_id, p.quota, p.expires_at, p.anchor_day, p.speed_limit, p.device_limit, \
             p.discount, p.inviter_id, p.main_account_id, p.next_reset_at, p.last_reset_at, p.reset_count, a.is_enabled, \
             COALESCE(u.up, 0) AS up, COALESCE(u.down, 0) AS down FROM proxy_pass p JOIN account a ON a.id = p.account_id \
             LEFT JOIN proxy_usage u ON u.account_id = p.account_id WHERE p.account_id = $1"
        ),
        args![id],
    )
    .await
}

/// What somebody earns by inviting others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct InviterRow {
    /// 0 as the settings say, 1 every order, 2 the first.
    pub commission_type: i64,
    /// Percent; none: as the settings say.
    pub commission_rate: Option<i64>,
    /// Who invited him.
    pub inviter_id: Option<AccountId>,
}

/// Finds what somebody earns by inviting others.
pub async fn find_inviter(q: &mut impl Query, id: AccountId) -> Result<Option<InviterRow>> {
    q.one(sql!("SELECT commission_type, commission_rate, inviter_id FROM proxy_pass WHERE account_id = $1"), args![id])
        .await
}

/// Writes plan, term and limits of a pass.
pub async fn update(tx: &mut Tx, row: &HolderRow, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE proxy_pass SET plan_id = $2, node_group_id = $3, quota = $4, expires_at = $5, anchor_day = $6, speed_limit = $7, \
             device_limit = $8, next_reset_at = $9, last_reset_at = $10, reset_count = $11, updated_at = $12 WHERE account_id = $1"
        ),
        args![
            row.account_id,
            row.plan_id,
            row.node_group_id,
            row.quota,
            row.expires_at,
            row.anchor_day,
            row.speed_limit,
            row.device_limit,
            row.next_reset_at,
            row.last_reset_at,
            row.reset_count,
            at
        ],
    )
    .await
}

/// Sets the traffic of a pass to nothing.
pub async fn clear_usage(tx: &mut Tx, id: AccountId) -> Result<u64> {
    tx.exec(sql!("UPDATE proxy_usage SET up = 0, down = 0 WHERE account_id = $1"), args![id]).await
}

/// Notes that traffic was set to nothing: why, by what, and what it was (charged bytes).
pub async fn insert_reset(
    tx: &mut Tx,
    id: AccountId,
    (kind, source): (&str, &str),
    (up, down): (i64, i64),
    at: Millis,
) -> Result<u64> {
    tx.exec(
        sql!("INSERT INTO panel_reset (account_id, kind, source, up, down, at) VALUES ($1, $2, $3, $4, $5, $6)"),
        args![id, kind, source, up, down, at],
    )
    .await
}

/// Lists whose traffic is due to be set to nothing, after an account, at most `limit`. Who expired or is disabled is not.
pub async fn list_due(q: &mut impl Query, now: Millis, after: AccountId, limit: i64) -> Result<Vec<(AccountId,)>> {
    q.all(
        sql!(
            "SELECT p.account_id FROM proxy_pass p JOIN account a ON a.id = p.account_id WHERE p.next_reset_at <= $1 AND p.expires_at > $1 \
             AND a.is_enabled AND p.account_id > $2 ORDER BY p.account_id LIMIT $3"
        ),
        args![now, after, limit],
    )
    .await
}

/// Lists who holds a plan, after an account, at most `limit`. Shadows follow their main accounts.
pub async fn list_holders(q: &mut impl Query, plan: PlanId, after: AccountId, limit: i64) -> Result<Vec<(AccountId,)>> {
    q.all(
        sql!(
            "SELECT account_id FROM proxy_pass WHERE plan_id = $1 AND account_id > $2 AND main_account_id IS NULL \
             ORDER BY account_id LIMIT $3"
        ),
        args![plan, after, limit],
    )
    .await
}
