//! Address pools and the addresses in them (DESIGN §10.1, specs/billing.md §14). Sessions take and leave addresses by
//! [`crate::subscriber_access`].

use gatehouse_model::{AccountId, Millis, VisitId};

use crate::{Query, Result, Tx, args, list::texts, sql};

/// A row of `address_pool`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct AddressPoolRow {
    /// Identity.
    pub id: i64,
    /// Name, unique.
    pub name: String,
    /// Network.
    pub cidr: String,
    /// `dynamic`, or `reserved`: nobody gets one.
    pub kind: String,
    /// For services tagged `realip`.
    pub is_public: bool,
    /// Between commas.
    pub tags: String,
}

/// A row of `address`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct AddressRow {
    /// Identity.
    pub id: i64,
    /// The address.
    pub ip: String,
    /// The pool it is of.
    pub address_pool_id: Option<i64>,
    /// `static`, `dynamic`, `reserved`.
    pub kind: String,
    /// Whose it is.
    pub account_id: Option<AccountId>,
    /// The stay that has it.
    pub visit_id: Option<VisitId>,
}

/// Finds a pool by its name.
pub async fn find_pool(q: &mut impl Query, name: &str) -> Result<Option<AddressPoolRow>> {
    q.one(sql!("SELECT id, name, cidr, kind, is_public, tags FROM address_pool WHERE name = $1"), args![name]).await
}

/// Finds a pool by its number.
pub async fn find_pool_by_id(q: &mut impl Query, id: i64) -> Result<Option<AddressPoolRow>> {
    q.one(sql!("SELECT id, name, cidr, kind, is_public, tags FROM address_pool WHERE id = $1"), args![id]).await
}

/// Inserts a pool; its number is given by the database.
pub async fn insert_pool(tx: &mut Tx, row: &AddressPoolRow, at: Millis) -> Result<i64> {
    let id: Option<(i64,)> = tx
        .one(
            sql!(
                "INSERT INTO address_pool (name, cidr, kind, is_public, tags, created_at, updated_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $6) RETURNING id"
            ),
            args![&row.name, &row.cidr, &row.kind, row.is_public, &row.tags, at],
        )
        .await?;
    id.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Writes kind, use and tags of a pool, and of its addresses that are nobody's own.
pub async fn update_pool(tx: &mut Tx, row: &AddressPoolRow, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE address SET kind = CASE WHEN kind = 'static' THEN kind ELSE $2 END, is_public = $3, tags = $4 \
             WHERE address_pool_id = $1"
        ),
        args![row.id, &row.kind, row.is_public, &row.tags],
    )
    .await?;
    tx.exec(
        sql!("UPDATE address_pool SET kind = $2, is_public = $3, tags = $4, updated_at = $5 WHERE id = $1"),
        args![row.id, &row.kind, row.is_public, &row.tags, at],
    )
    .await
}

/// Whether an address of a pool is somebody's own or in use.
pub async fn is_pool_used(q: &mut impl Query, pool: i64) -> Result<bool> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT id FROM address WHERE address_pool_id = $1 AND (kind = 'static' OR visit_id IS NOT NULL) ORDER BY id LIMIT 1"
            ),
            args![pool],
        )
        .await?;
    Ok(row.is_some())
}

/// Deletes a pool with its addresses.
pub async fn delete_pool(tx: &mut Tx, pool: i64) -> Result<u64> {
    tx.exec(sql!("DELETE FROM address WHERE address_pool_id = $1"), args![pool]).await?;
    tx.exec(sql!("DELETE FROM address_pool WHERE id = $1"), args![pool]).await
}

/// Finds the first of some addresses that is in another pool.
pub async fn find_in_other_pool(q: &mut impl Query, ips: &[&str], pool: i64) -> Result<Option<String>> {
    let find = sql! {
        sqlite: "SELECT a.ip FROM json_each($1) AS asked CROSS JOIN address a ON a.ip = asked.value \
                 WHERE a.address_pool_id <> $2 ORDER BY asked.key LIMIT 1",
        postgres: "SELECT a.ip FROM json_array_elements_text(CAST(CAST($1 AS TEXT) AS JSON)) WITH ORDINALITY AS asked (value, key) \
                   JOIN address a ON a.ip = asked.value WHERE a.address_pool_id <> $2 ORDER BY asked.key LIMIT 1",
    };
    let row: Option<(String,)> = q.one(find, args![texts(ips), pool]).await?;
    Ok(row.map(|(ip,)| ip))
}

/// Puts addresses into a pool, in their order, but those that are in another one. Somebody's own stays his.
pub async fn insert_of_pool(tx: &mut Tx, ips: &[&str], pool: &AddressPoolRow) -> Result<u64> {
    // `WHERE`: else SQLite takes ON for that of a join.
    let insert = sql! {
        sqlite: "INSERT INTO address (ip, address_pool_id, kind, is_public, tags, release_at) \
                 SELECT asked.value, $2, $3, $4, $5, 0 FROM json_each($1) AS asked WHERE asked.key >= 0 ORDER BY asked.key \
                 ON CONFLICT (ip) DO UPDATE SET address_pool_id = excluded.address_pool_id, is_public = excluded.is_public, \
                 tags = excluded.tags WHERE address.address_pool_id IS NULL",
        postgres: "INSERT INTO address (ip, address_pool_id, kind, is_public, tags, release_at) \
                   SELECT asked.value, $2, $3, $4, $5, 0 \
                   FROM json_array_elements_text(CAST(CAST($1 AS TEXT) AS JSON)) WITH ORDINALITY AS asked (value, key) ORDER BY asked.key \
                   ON CONFLICT (ip) DO UPDATE SET address_pool_id = excluded.address_pool_id, is_public = excluded.is_public, \
                   tags = excluded.tags WHERE address.address_pool_id IS NULL",
    };
    tx.exec(insert, args![texts(ips), pool.id, &pool.kind, pool.is_public, &pool.tags]).await
}

/// Inserts somebody's own address that is of no pool. `Conflict address_ip_key`: it is there.
pub async fn insert_static(tx: &mut Tx, ip: &str, owner: AccountId, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO address (ip, kind, is_public, tags, account_id, bound_at, release_at) \
             VALUES ($1, 'static', $2, '', $3, $4, 0)"
        ),
        args![ip, false, owner, at],
    )
    .await
}

/// Finds an address.
pub async fn find(q: &mut impl Query, ip: &str) -> Result<Option<AddressRow>> {
    q.one(sql!("SELECT id, ip, address_pool_id, kind, account_id, visit_id FROM address WHERE ip = $1"), args![ip])
        .await
}

/// Lists the addresses that are an account's own.
pub async fn list_static(q: &mut impl Query, account: AccountId) -> Result<Vec<AddressRow>> {
    q.all(
        sql!(
            "SELECT id, ip, address_pool_id, kind, account_id, visit_id FROM address WHERE account_id = $1 AND kind = 'static' \
             ORDER BY ip"
        ),
        args![account],
    )
    .await
}

/// Makes an address an account's own.
pub async fn bind(tx: &mut Tx, id: i64, account: AccountId, at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE address SET kind = 'static', account_id = $2, bound_at = $3 WHERE id = $1"),
        args![id, account, at],
    )
    .await
}

/// Gives an address back to its pool.
pub async fn unbind(tx: &mut Tx, id: i64, kind: &str) -> Result<u64> {
    tx.exec(
        sql!("UPDATE address SET kind = $2, account_id = $3, bound_at = $3, release_at = 0 WHERE id = $1"),
        args![id, kind, Option::<i64>::None],
    )
    .await
}

/// Deletes an address.
pub async fn delete(tx: &mut Tx, id: i64) -> Result<u64> {
    tx.exec(sql!("DELETE FROM address WHERE id = $1"), args![id]).await
}
