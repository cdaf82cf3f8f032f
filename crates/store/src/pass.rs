//! Passes: what lets an account through a door and makes it visible on a surface.

use gatehouse_model::{AccountId, Millis, NodeGroupId};

use crate::{Query, Result, Tx, args, list, sql};

/// A row of `proxy_pass`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ProxyPassRow {
    /// The account.
    pub account_id: AccountId,
    /// The secret all proxy protocols derive from, sealed.
    pub uuid_sealed: String,
    /// The subscription token, sealed.
    pub token_sealed: String,
    /// Node group.
    pub node_group_id: Option<NodeGroupId>,
    /// Bytes; null: no limit.
    pub quota: Option<i64>,
    /// Null: never.
    pub expires_at: Option<Millis>,
    /// Mbit/s, 0: none.
    pub speed_limit: i64,
    /// Devices, 0: none.
    pub device_limit: i64,
    /// Row part of the associated data.
    pub seal_ref: String,
}

/// A proxy pass with what decides on eligibility.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ProxyUserRow {
    /// The account.
    pub account_id: AccountId,
    /// Its login.
    pub login: String,
    /// Its name.
    pub name: Option<String>,
    /// Sealed uuid.
    pub uuid_sealed: String,
    /// Row part of the associated data.
    pub seal_ref: String,
    /// Node group.
    pub node_group_id: Option<NodeGroupId>,
    /// Bytes; null: no limit.
    pub quota: Option<i64>,
    /// Null: never.
    pub expires_at: Option<Millis>,
    /// Mbit/s, 0: none.
    pub speed_limit: i64,
    /// Devices, 0: none.
    pub device_limit: i64,
    /// Status of the account; of a shadow also that of its main account.
    pub is_enabled: bool,
    /// Charged traffic both ways, hundredths of a byte; with that of the account which counts against the same quota.
    pub used: i64,
}

/// What an insert of a proxy pass needs.
#[derive(Debug)]
pub struct NewProxyPass<'a> {
    /// The account.
    pub account_id: AccountId,
    /// Sealed uuid and its keyed hash.
    pub uuid: (&'a str, &'a str),
    /// Sealed subscription token and its keyed hash.
    pub token: (&'a str, &'a str),
    /// Node group.
    pub node_group_id: Option<NodeGroupId>,
    /// Bytes.
    pub quota: Option<i64>,
    /// End of the pass.
    pub expires_at: Option<Millis>,
    /// Mbit/s.
    pub speed_limit: i64,
    /// Devices.
    pub device_limit: i64,
    /// Random text.
    pub seal_ref: &'a str,
    /// Now.
    pub at: Millis,
}

/// Inserts a proxy pass.
pub async fn insert_proxy(tx: &mut Tx, new: &NewProxyPass<'_>) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO proxy_pass (account_id, uuid_sealed, uuid_hash, token_sealed, token_hash, node_group_id, quota, expires_at, \
             speed_limit, device_limit, seal_ref, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)"
        ),
        args![
            new.account_id,
            new.uuid.0,
            new.uuid.1,
            new.token.0,
            new.token.1,
            new.node_group_id,
            new.quota,
            new.expires_at,
            new.speed_limit,
            new.device_limit,
            new.seal_ref,
            new.at
        ],
    )
    .await
}

/// Finds a proxy pass.
pub async fn find_proxy(q: &mut impl Query, id: AccountId) -> Result<Option<ProxyPassRow>> {
    q.one(sql!("SELECT * FROM proxy_pass WHERE account_id = $1"), args![id]).await
}

/// Sets limits and group of a proxy pass.
pub async fn update_proxy(
    tx: &mut Tx,
    id: AccountId,
    node_group_id: Option<NodeGroupId>,
    quota: Option<i64>,
    expires_at: Option<Millis>,
    limits: (i64, i64),
    at: Millis,
) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE proxy_pass SET node_group_id = $2, quota = $3, expires_at = $4, speed_limit = $5, device_limit = $6, \
             updated_at = $7 WHERE account_id = $1"
        ),
        args![id, node_group_id, quota, expires_at, limits.0, limits.1, at],
    )
    .await
}

/// Deletes a proxy pass.
pub async fn delete_proxy(tx: &mut Tx, id: AccountId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM proxy_pass WHERE account_id = $1"), args![id]).await
}

/// Lists proxy users after an account id, one page.
pub async fn list_proxy_users(q: &mut impl Query, after: AccountId, limit: i64) -> Result<Vec<ProxyUserRow>> {
    q.all(
        sql!(
            "SELECT p.account_id, a.login, a.name, p.uuid_sealed, p.seal_ref, p.node_group_id, p.quota, p.expires_at, p.speed_limit, p.device_limit, \
             (a.is_enabled AND COALESCE(m.is_enabled, a.is_enabled)) AS is_enabled, \
             COALESCE(u.up + u.down, 0) + COALESCE(o.up + o.down, 0) AS used FROM proxy_pass p JOIN account a ON a.id = p.account_id \
             LEFT JOIN account m ON m.id = p.main_account_id LEFT JOIN proxy_usage u ON u.account_id = p.account_id \
             LEFT JOIN proxy_pass s ON s.main_account_id = p.account_id AND s.is_quota_shared \
             LEFT JOIN proxy_usage o ON o.account_id = COALESCE(CASE WHEN p.is_quota_shared THEN p.main_account_id END, s.account_id) WHERE p.account_id > $1 ORDER BY p.account_id LIMIT $2"
        ),
        args![after, limit],
    )
    .await
}

/// Lists some proxy users; those without a pass are not among them.
pub async fn list_proxy_users_of(q: &mut impl Query, ids: &[AccountId]) -> Result<Vec<ProxyUserRow>> {
    q.all(
        sql! {
            sqlite: "SELECT p.account_id, a.login, a.name, p.uuid_sealed, p.seal_ref, p.node_group_id, p.quota, p.expires_at, p.speed_limit, \
                     p.device_limit, (a.is_enabled AND COALESCE(m.is_enabled, a.is_enabled)) AS is_enabled, \
                     COALESCE(u.up + u.down, 0) + COALESCE(o.up + o.down, 0) AS used FROM proxy_pass p JOIN account a ON a.id = p.account_id \
                     LEFT JOIN account m ON m.id = p.main_account_id LEFT JOIN proxy_usage u ON u.account_id = p.account_id \
                     LEFT JOIN proxy_pass s ON s.main_account_id = p.account_id AND s.is_quota_shared \
                     LEFT JOIN proxy_usage o ON o.account_id = COALESCE(CASE WHEN p.is_quota_shared THEN p.main_account_id END, s.account_id) \
                     WHERE p.account_id IN (SELECT value FROM json_each($1)) ORDER BY p.account_id",
            postgres: "SELECT p.account_id, a.login, a.name, p.uuid_sealed, p.seal_ref, p.node_group_id, p.quota, p.expires_at, p.speed_limit, \
                       p.device_limit, (a.is_enabled AND COALESCE(m.is_enabled, a.is_enabled)) AS is_enabled, \
                       COALESCE(u.up + u.down, 0) + COALESCE(o.up + o.down, 0) AS used FROM proxy_pass p JOIN account a ON a.id = p.account_id \
                       LEFT JOIN account m ON m.id = p.main_account_id LEFT JOIN proxy_usage u ON u.account_id = p.account_id \
                       LEFT JOIN proxy_pass s ON s.main_account_id = p.account_id AND s.is_quota_shared \
                       LEFT JOIN proxy_usage o ON o.account_id = COALESCE(CASE WHEN p.is_quota_shared THEN p.main_account_id END, s.account_id) WHERE p.account_id IN (SELECT CAST(value AS BIGINT) \
                       FROM json_array_elements_text(CAST(CAST($1 AS TEXT) AS JSON)) AS asked (value)) ORDER BY p.account_id"
        },
        args![list::json(ids.iter().map(|id| id.0))],
    )
    .await
}

/// Inserts a staff pass with the next staff number.
pub async fn insert_staff(tx: &mut Tx, id: AccountId, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO staff_pass (account_id, staff_no, created_at, updated_at) \
             SELECT $1, COALESCE(MAX(staff_no), 0) + 1, $2, $2 FROM staff_pass"
        ),
        args![id, at],
    )
    .await
}

/// Whether an account holds a staff pass.
pub async fn has_staff(q: &mut impl Query, id: AccountId) -> Result<bool> {
    let row: Option<(i64,)> = q.one(sql!("SELECT account_id FROM staff_pass WHERE account_id = $1"), args![id]).await?;
    Ok(row.is_some())
}

/// Finds the staff number of an account.
pub async fn find_staff_no(q: &mut impl Query, id: AccountId) -> Result<Option<i64>> {
    let row: Option<(i64,)> = q.one(sql!("SELECT staff_no FROM staff_pass WHERE account_id = $1"), args![id]).await?;
    Ok(row.map(|(number,)| number))
}

/// Deletes a staff pass, and what counted only with it: roles, keys and tokens. A new pass begins without them.
pub async fn delete_staff(tx: &mut Tx, id: AccountId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM account_role WHERE account_id = $1"), args![id]).await?;
    tx.exec(sql!("DELETE FROM ssh_key WHERE account_id = $1"), args![id]).await?;
    tx.exec(sql!("DELETE FROM api_token WHERE account_id = $1"), args![id]).await?;
    tx.exec(sql!("DELETE FROM staff_pass WHERE account_id = $1"), args![id]).await
}
