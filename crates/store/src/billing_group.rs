//! Billing groups: what subscribers are sorted into (specs/billing.md §6.1).

use gatehouse_model::{BillingGroupId, Millis, Money};

use crate::{Query, Result, Tx, args, sql};

/// A row of `billing_group`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct BillingGroupRow {
    /// Identity, on the wire `grp`.
    pub id: BillingGroupId,
    /// Name, unique.
    pub name: String,
    /// What staff wrote about it.
    pub property: String,
    /// Limit of new subscribers in it.
    pub limit_balance: Money,
    /// When it was made.
    pub created_at: Millis,
    /// When it was changed last.
    pub updated_at: Millis,
}

/// Finds a group.
pub async fn find(q: &mut impl Query, id: BillingGroupId) -> Result<Option<BillingGroupRow>> {
    q.one(sql!("SELECT * FROM billing_group WHERE id = $1"), args![id]).await
}

/// Finds a group by its name.
pub async fn find_by_name(q: &mut impl Query, name: &str) -> Result<Option<BillingGroupRow>> {
    q.one(sql!("SELECT * FROM billing_group WHERE name = $1"), args![name]).await
}

/// Finds the group with the lowest number: where subscribers are put of whom nothing is said.
pub async fn find_first(q: &mut impl Query) -> Result<Option<BillingGroupRow>> {
    q.one(sql!("SELECT * FROM billing_group ORDER BY id LIMIT 1"), args![]).await
}

/// Lists groups by number.
pub async fn list(q: &mut impl Query) -> Result<Vec<BillingGroupRow>> {
    q.all(sql!("SELECT * FROM billing_group ORDER BY id"), args![]).await
}

/// Inserts a group, with a number of the caller's choice or the next one. `Conflict billing_group_name_key`.
pub async fn insert(
    tx: &mut Tx,
    id: Option<BillingGroupId>,
    (name, property): (&str, &str),
    limit_balance: Money,
    at: Millis,
) -> Result<BillingGroupId> {
    let row: Option<(BillingGroupId,)> = match id {
        None => {
            tx.one(
                sql!(
                    "INSERT INTO billing_group (name, property, limit_balance, created_at, updated_at) VALUES ($1, $2, $3, $4, $4) \
                     RETURNING id"
                ),
                args![name, property, limit_balance, at],
            )
            .await?
        }
        Some(id) => {
            let row = tx
                .one(
                    sql!(
                        "INSERT INTO billing_group (id, name, property, limit_balance, created_at, updated_at) \
                         VALUES ($1, $2, $3, $4, $5, $5) RETURNING id"
                    ),
                    args![id, name, property, limit_balance, at],
                )
                .await?;
            // SQLite continues above it by itself.
            let raise = sql! {
                sqlite: "SELECT CAST($1 AS BIGINT) AS n",
                postgres: "SELECT setval(pg_get_serial_sequence('billing_group', 'id'), \
                           GREATEST($1, (SELECT last_value FROM billing_group_id_seq))) AS n"
            };
            tx.one::<(i64,)>(raise, args![id]).await?;
            row
        }
    };
    row.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Sets name, property and limit of new subscribers.
pub async fn update(
    tx: &mut Tx,
    id: BillingGroupId,
    (name, property): (&str, &str),
    limit_balance: Money,
    at: Millis,
) -> Result<u64> {
    tx.exec(
        sql!("UPDATE billing_group SET name = $2, property = $3, limit_balance = $4, updated_at = $5 WHERE id = $1"),
        args![id, name, property, limit_balance, at],
    )
    .await
}

/// Counts the subscribers in a group.
pub async fn count_subscribers(q: &mut impl Query, id: BillingGroupId) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(sql!("SELECT CAST(COUNT(*) AS BIGINT) AS n FROM subscriber_pass WHERE billing_group_id = $1"), args![id])
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Deletes a group that no subscriber is in; services, roles and broadcasts lose it.
pub async fn delete(tx: &mut Tx, id: BillingGroupId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM billing_group WHERE id = $1"), args![id]).await
}
