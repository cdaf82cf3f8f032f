//! Statistics: traffic of users and nodes by day, and what staff look at (specs/panel.md §4.3 stat).

use gatehouse_model::{AccountId, Millis, NodeId};

use crate::{Query, Result, Tx, args, sql};

/// What an account used on a day at a rate: charged bytes in hundredths.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct UsageDayRow {
    /// First moment of the day.
    pub day: Millis,
    /// Hundredths.
    pub rate: i64,
    /// Upwards.
    pub up: i64,
    /// Downwards.
    pub down: i64,
}

/// Lists an account's days since a moment, newest first, one page.
pub async fn list_usage(
    q: &mut impl Query,
    id: AccountId,
    since: Millis,
    limit: i64,
    offset: i64,
) -> Result<Vec<UsageDayRow>> {
    q.all(
        sql!(
            "SELECT day, rate, up, down FROM panel_usage_day WHERE account_id = $1 AND day >= $2 ORDER BY day DESC, rate \
             LIMIT $3 OFFSET $4"
        ),
        args![id, since, limit, offset],
    )
    .await
}

/// How many such rows an account has.
pub async fn count_usage(q: &mut impl Query, id: AccountId, since: Millis) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(sql!("SELECT COUNT(*) AS n FROM panel_usage_day WHERE account_id = $1 AND day >= $2"), args![id, since])
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// What nodes carried in a time: node, up, down, raw bytes; the busiest first.
pub async fn rank_nodes(
    q: &mut impl Query,
    from: Millis,
    until: Millis,
    limit: i64,
) -> Result<Vec<(NodeId, String, String, i64, i64)>> {
    q.all(
        sql!(
            "SELECT n.id, n.name, n.kind, CAST(SUM(d.up) AS BIGINT) AS up, CAST(SUM(d.down) AS BIGINT) AS down \
             FROM node_usage_day d JOIN node n ON n.id = d.node_id WHERE d.day >= $1 AND d.day < $2 \
             GROUP BY n.id, n.name, n.kind ORDER BY SUM(d.up) + SUM(d.down) DESC, n.id LIMIT $3"
        ),
        args![from, until, limit],
    )
    .await
}

/// What users used in a time: account, e-mail or login, charged up and down in hundredths; the busiest first.
pub async fn rank_users(
    q: &mut impl Query,
    from: Millis,
    until: Millis,
    limit: i64,
) -> Result<Vec<(AccountId, String, i64, i64)>> {
    q.all(
        sql!(
            "SELECT a.id, COALESCE(a.email, a.login) AS email, CAST(SUM(d.up) AS BIGINT) AS up, CAST(SUM(d.down) AS BIGINT) AS down \
             FROM panel_usage_day d JOIN account a ON a.id = d.account_id WHERE d.day >= $1 AND d.day < $2 \
             GROUP BY a.id, a.email, a.login ORDER BY SUM(d.up) + SUM(d.down) DESC, a.id LIMIT $3"
        ),
        args![from, until, limit],
    )
    .await
}

/// Raw traffic of all nodes in a time: up, down.
pub async fn sum_nodes(q: &mut impl Query, from: Millis, until: Millis) -> Result<(i64, i64)> {
    let row = q
        .one(
            sql!(
                "SELECT CAST(COALESCE(SUM(up), 0) AS BIGINT) AS up, CAST(COALESCE(SUM(down), 0) AS BIGINT) AS down \
                 FROM node_usage_day WHERE day >= $1 AND day < $2"
            ),
            args![from, until],
        )
        .await?;
    Ok(row.unwrap_or_default())
}

/// Raw traffic of all nodes ever: up, down.
pub async fn sum_nodes_ever(q: &mut impl Query) -> Result<(i64, i64)> {
    let row = q
        .one(
            sql!(
                "SELECT CAST(COALESCE(SUM(up), 0) AS BIGINT) AS up, CAST(COALESCE(SUM(down), 0) AS BIGINT) AS down FROM node_usage"
            ),
            args![],
        )
        .await?;
    Ok(row.unwrap_or_default())
}

/// Orders of a time: how many were made and their total, how many were paid and their total.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct OrderSums {
    /// Made.
    pub order_count: i64,
    /// What they came to, with what was paid from balances.
    pub order_total: i64,
    /// Of those paid in the time.
    pub paid_count: i64,
    /// What was really paid.
    pub paid_total: i64,
    /// Commissions paid out.
    pub commission_count: i64,
    /// Their sum.
    pub commission_total: i64,
}

/// Sums orders and commissions of a time. Orders are counted when they were made, payments when they were paid.
pub async fn sum_orders(q: &mut impl Query, from: Millis, until: Millis) -> Result<OrderSums> {
    let row = q
        .one(
            sql!(
                "SELECT (SELECT COUNT(*) FROM panel_order WHERE created_at >= $1 AND created_at < $2) AS order_count, \
                 (SELECT CAST(COALESCE(SUM(total), 0) AS BIGINT) FROM panel_order WHERE created_at >= $1 AND created_at < $2) AS order_total, \
                 (SELECT COUNT(*) FROM panel_order WHERE paid_at >= $1 AND paid_at < $2 AND status IN (1, 3, 4)) AS paid_count, \
                 (SELECT CAST(COALESCE(SUM(total), 0) AS BIGINT) FROM panel_order \
                 WHERE paid_at >= $1 AND paid_at < $2 AND status IN (1, 3, 4)) AS paid_total, \
                 (SELECT COUNT(*) FROM panel_commission WHERE created_at >= $1 AND created_at < $2) AS commission_count, \
                 (SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM panel_commission \
                 WHERE created_at >= $1 AND created_at < $2) AS commission_total"
            ),
            args![from, until],
        )
        .await?;
    Ok(row.unwrap_or_default())
}

/// Users: all, those whose service has not ended, those registered in a time, those of them who were invited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct UserCounts {
    /// All.
    pub total: i64,
    /// With a plan and not expired.
    pub active: i64,
    /// New.
    pub registered: i64,
    /// New by an invitation.
    pub invited: i64,
}

/// Counts users.
pub async fn count_users(q: &mut impl Query, now: Millis, from: Millis, until: Millis) -> Result<UserCounts> {
    let row = q
        .one(
            sql!(
                "SELECT (SELECT COUNT(*) FROM proxy_pass) AS total, \
                 (SELECT COUNT(*) FROM proxy_pass WHERE plan_id IS NOT NULL AND (expires_at IS NULL OR expires_at > $1)) AS active, \
                 (SELECT COUNT(*) FROM proxy_pass WHERE created_at >= $2 AND created_at < $3) AS registered, \
                 (SELECT COUNT(*) FROM proxy_pass WHERE created_at >= $2 AND created_at < $3 AND inviter_id IS NOT NULL) AS invited"
            ),
            args![now, from, until],
        )
        .await?;
    Ok(row.unwrap_or_default())
}

/// What waits for staff: open tickets without an answer, completed orders whose commission is not confirmed.
pub async fn count_waiting(q: &mut impl Query) -> Result<(i64, i64)> {
    let row = q
        .one(
            sql!(
                "SELECT (SELECT COUNT(*) FROM panel_ticket WHERE NOT is_closed AND NOT is_answered) AS tickets, \
                 (SELECT COUNT(*) FROM panel_order WHERE status >= 3 AND commission_status = 0 AND commission > 0) AS commissions"
            ),
            args![],
        )
        .await?;
    Ok(row.unwrap_or_default())
}

/// A row of `panel_day`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DayRow {
    /// First moment of the day.
    pub day: Millis,
    /// Orders made.
    pub order_count: i64,
    /// Their total.
    pub order_total: i64,
    /// Orders paid.
    pub paid_count: i64,
    /// Their total.
    pub paid_total: i64,
    /// Commissions paid out.
    pub commission_count: i64,
    /// Their sum.
    pub commission_total: i64,
    /// New users.
    pub register_count: i64,
    /// New users by an invitation.
    pub invite_count: i64,
    /// Raw bytes of all nodes.
    pub transfer_used: i64,
}

/// Writes a day, anew if it was written before.
pub async fn replace_day(tx: &mut Tx, row: &DayRow) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO panel_day (day, order_count, order_total, paid_count, paid_total, commission_count, commission_total, \
             register_count, invite_count, transfer_used) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
             ON CONFLICT (day) DO UPDATE SET order_count = $2, order_total = $3, paid_count = $4, paid_total = $5, \
             commission_count = $6, commission_total = $7, register_count = $8, invite_count = $9, transfer_used = $10"
        ),
        args![
            row.day,
            row.order_count,
            row.order_total,
            row.paid_count,
            row.paid_total,
            row.commission_count,
            row.commission_total,
            row.register_count,
            row.invite_count,
            row.transfer_used
        ],
    )
    .await
}

/// Lists days of a time, newest first.
pub async fn list_days(q: &mut impl Query, from: Millis, until: Millis) -> Result<Vec<DayRow>> {
    q.all(sql!("SELECT * FROM panel_day WHERE day >= $1 AND day < $2 ORDER BY day DESC"), args![from, until]).await
}

/// Whether a day was written.
pub async fn has_day(q: &mut impl Query, day: Millis) -> Result<bool> {
    let row: Option<(i64,)> = q.one(sql!("SELECT day FROM panel_day WHERE day = $1"), args![day]).await?;
    Ok(row.is_some())
}

/// Deletes statistics of days before one.
pub async fn delete_old(tx: &mut Tx, before: Millis) -> Result<()> {
    tx.exec(sql!("DELETE FROM panel_usage_day WHERE day < $1"), args![before]).await?;
    tx.exec(sql!("DELETE FROM node_usage_day WHERE day < $1"), args![before]).await?;
    Ok(())
}
