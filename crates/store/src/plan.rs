//! Plans: what proxy passes are bought as, and their prices.

use gatehouse_model::{Millis, Money, NodeGroupId, PlanId};

use crate::{Query, Result, Tx, args, sql};

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct PlanRow {
    /// Its number.
    pub id: PlanId,
    /// Its key in state files.
    pub key: Option<String>,
    /// Its name.
    pub name: String,
    /// Its description, with placeholders.
    pub content: Option<String>,
    /// JSON list of words.
    pub tags: String,
    /// Node group of whoever holds it.
    pub node_group_id: Option<NodeGroupId>,
    /// Quota in units of 1,073,741,824 bytes.
    pub transfer_gib: i64,
    /// Mbit/s; none: no limit.
    pub speed_limit: Option<i64>,
    /// Devices; none: no limit.
    pub device_limit: Option<i64>,
    /// How many may hold it; none: no limit.
    pub capacity_limit: Option<i64>,
    /// When traffic is set to nothing, 0 to 4; none: as the settings say.
    pub reset_method: Option<i64>,
    /// Whether it is listed.
    pub is_shown: bool,
    /// Whether it is for sale.
    pub is_sold: bool,
    /// Whether its holders may renew it.
    pub is_renewable: bool,
    /// Its place in lists.
    pub sort: Option<i64>,
    /// Since when.
    pub created_at: Millis,
    /// Last change.
    pub updated_at: Millis,
}

/// Finds a plan.
pub async fn find(q: &mut impl Query, id: PlanId) -> Result<Option<PlanRow>> {
    q.one(sql!("SELECT * FROM plan WHERE id = $1"), args![id]).await
}

/// Finds a plan by its key in state files.
pub async fn find_by_key(q: &mut impl Query, key: &str) -> Result<Option<PlanRow>> {
    q.one(sql!("SELECT * FROM plan WHERE key = $1"), args![key]).await
}

/// Finds a plan and locks its row: who counts its holders waits for who adds one.
pub async fn lock(tx: &mut Tx, id: PlanId) -> Result<Option<PlanRow>> {
    let lock = sql! {
        sqlite: "SELECT * FROM plan WHERE id = $1",
        postgres: "SELECT * FROM plan WHERE id = $1 FOR NO KEY UPDATE"
    };
    tx.one(lock, args![id]).await
}

/// Lists all plans by their place.
pub async fn list(q: &mut impl Query) -> Result<Vec<PlanRow>> {
    q.all(sql!("SELECT * FROM plan ORDER BY sort NULLS LAST, id"), args![]).await
}

/// Lists the prices of all plans: plan, period, amount.
pub async fn list_prices(q: &mut impl Query) -> Result<Vec<(PlanId, String, Money)>> {
    q.all(sql!("SELECT plan_id, period, amount FROM plan_price ORDER BY plan_id, period"), args![]).await
}

/// Lists the prices of a plan: period, amount.
pub async fn list_prices_of(q: &mut impl Query, id: PlanId) -> Result<Vec<(String, Money)>> {
    q.all(sql!("SELECT period, amount FROM plan_price WHERE plan_id = $1 ORDER BY period"), args![id]).await
}

/// Counts who holds plans: plan, all, those that have not expired. Shadows do not count.
pub async fn list_holders(q: &mut impl Query, now: Millis) -> Result<Vec<(PlanId, i64, i64)>> {
    q.all(
        sql!(
            "SELECT plan_id, COUNT(*) AS holders, \
             CAST(SUM(CASE WHEN expires_at IS NULL OR expires_at > $1 THEN 1 ELSE 0 END) AS BIGINT) AS active FROM proxy_pass \
             WHERE plan_id IS NOT NULL AND main_account_id IS NULL GROUP BY plan_id ORDER BY plan_id"
        ),
        args![now],
    )
    .await
}

/// Counts who holds a plan and has not expired, and the open orders that will make somebody hold it. Shadows do not count.
pub async fn count_taken(q: &mut impl Query, id: PlanId, now: Millis) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            // One statement, so that an order that is opened meanwhile counts once and not never.
            sql!(
                "SELECT (SELECT COUNT(*) FROM proxy_pass WHERE plan_id = $1 AND main_account_id IS NULL \
                 AND (expires_at IS NULL OR expires_at > $2)) \
                 + (SELECT COUNT(*) FROM panel_order WHERE plan_id = $1 AND status <= 1 AND kind IN (1, 3)) AS n"
            ),
            args![id, now],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Whether any order or pass names a plan.
pub async fn is_used(q: &mut impl Query, id: PlanId) -> Result<bool> {
    let row: Option<(bool,)> = q
        .one(
            sql!(
                "SELECT (EXISTS (SELECT id FROM panel_order WHERE plan_id = $1) \
                 OR EXISTS (SELECT account_id FROM proxy_pass WHERE plan_id = $1)) AS is_used"
            ),
            args![id],
        )
        .await?;
    Ok(row.is_some_and(|(is_used,)| is_used))
}

/// Inserts a plan; its number. The row's own is not looked at.
pub async fn insert(tx: &mut Tx, row: &PlanRow) -> Result<PlanId> {
    let id: Option<(PlanId,)> = tx
        .one(
            sql!(
                "INSERT INTO plan (key, name, content, tags, node_group_id, transfer_gib, speed_limit, device_limit, capacity_limit, \
                 reset_method, is_shown, is_sold, is_renewable, sort, created_at, updated_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) RETURNING id"
            ),
            args![
                row.key.as_deref(),
                row.name.as_str(),
                row.content.as_deref(),
                row.tags.as_str(),
                row.node_group_id,
                row.transfer_gib,
                row.speed_limit,
                row.device_limit,
                row.capacity_limit,
                row.reset_method,
                row.is_shown,
                row.is_sold,
                row.is_renewable,
                row.sort,
                row.created_at,
                row.updated_at
            ],
        )
        .await?;
    id.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Writes a plan as it shall be.
pub async fn update(tx: &mut Tx, row: &PlanRow) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE plan SET name = $2, content = $3, tags = $4, node_group_id = $5, transfer_gib = $6, speed_limit = $7, \
             device_limit = $8, capacity_limit = $9, reset_method = $10, is_shown = $11, is_sold = $12, is_renewable = $13, \
             sort = $14, updated_at = $15 WHERE id = $1"
        ),
        args![
            row.id,
            row.name.as_str(),
            row.content.as_deref(),
            row.tags.as_str(),
            row.node_group_id,
            row.transfer_gib,
            row.speed_limit,
            row.device_limit,
            row.capacity_limit,
            row.reset_method,
            row.is_shown,
            row.is_sold,
            row.is_renewable,
            row.sort,
            row.updated_at
        ],
    )
    .await
}

/// Deletes the prices of a plan.
pub async fn delete_prices(tx: &mut Tx, id: PlanId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM plan_price WHERE plan_id = $1"), args![id]).await
}

/// Inserts a price of a plan.
pub async fn insert_price(tx: &mut Tx, id: PlanId, period: &str, amount: Money) -> Result<u64> {
    tx.exec(sql!("INSERT INTO plan_price (plan_id, period, amount) VALUES ($1, $2, $3)"), args![id, period, amount])
        .await
}

/// Writes a plan's place in lists.
pub async fn update_sort(tx: &mut Tx, id: PlanId, sort: i64) -> Result<u64> {
    tx.exec(sql!("UPDATE plan SET sort = $2 WHERE id = $1"), args![id, sort]).await
}

/// Deletes a plan.
pub async fn delete(tx: &mut Tx, id: PlanId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM plan WHERE id = $1"), args![id]).await
}
