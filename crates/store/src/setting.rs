//! Run-time settings: plain ones and sealed ones such as signing keys.

use gatehouse_model::Millis;

use crate::{Query, Result, Tx, args, sql};

/// A row of `setting`; one of the two values is set.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SettingRow {
    /// Dotted name.
    pub name: String,
    /// Plain value, JSON.
    pub value: Option<String>,
    /// Sealed value.
    pub value_sealed: Option<String>,
    /// Row part of the associated data.
    pub seal_ref: String,
}

/// Finds a setting.
pub async fn find(q: &mut impl Query, name: &str) -> Result<Option<SettingRow>> {
    q.one(sql!("SELECT name, value, value_sealed, seal_ref FROM setting WHERE name = $1"), args![name]).await
}

/// Inserts a setting unless it exists; 0: it does.
pub async fn insert(tx: &mut Tx, row: &SettingRow, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO setting (name, value, value_sealed, seal_ref, updated_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING"
        ),
        args![&row.name, row.value.as_deref(), row.value_sealed.as_deref(), &row.seal_ref, at],
    )
    .await
}

/// Lists the sealed settings.
pub async fn list_sealed(q: &mut impl Query) -> Result<Vec<SettingRow>> {
    q.all(
        sql!("SELECT name, value, value_sealed, seal_ref FROM setting WHERE value_sealed IS NOT NULL ORDER BY name"),
        args![],
    )
    .await
}

/// Replaces a sealed value, unless somebody did so meanwhile; 0: somebody did.
pub async fn update_sealed(tx: &mut Tx, name: &str, old: &str, new: &str, at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE setting SET value_sealed = $3, updated_at = $4 WHERE name = $1 AND value_sealed = $2"),
        args![name, old, new, at],
    )
    .await
}

/// Lists the plain settings by name.
pub async fn list_plain(q: &mut impl Query) -> Result<Vec<SettingRow>> {
    q.all(
        sql!("SELECT name, value, value_sealed, seal_ref FROM setting WHERE value IS NOT NULL ORDER BY name"),
        args![],
    )
    .await
}

/// Sets a plain setting.
pub async fn update_plain(tx: &mut Tx, name: &str, value: &str, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO setting (name, value, seal_ref, updated_at) VALUES ($1, $2, '', $3) \
             ON CONFLICT (name) DO UPDATE SET value = $2, updated_at = $3"
        ),
        args![name, value, at],
    )
    .await
}

/// Takes a setting back.
pub async fn delete(tx: &mut Tx, name: &str) -> Result<u64> {
    tx.exec(sql!("DELETE FROM setting WHERE name = $1"), args![name]).await
}

/// Lists the settings whose names begin so.
pub async fn list_with_prefix(q: &mut impl Query, prefix: &str) -> Result<Vec<SettingRow>> {
    q.all(
        sql!(
            "SELECT name, value, value_sealed, seal_ref FROM setting WHERE substr(name, 1, CAST(length($1) AS INTEGER)) = $1 ORDER BY name"
        ),
        args![prefix],
    )
    .await
}

/// Sets a setting, plain or sealed.
pub async fn replace(tx: &mut Tx, row: &SettingRow, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO setting (name, value, value_sealed, seal_ref, updated_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (name) DO UPDATE SET value = $2, value_sealed = $3, seal_ref = $4, updated_at = $5"
        ),
        args![&row.name, row.value.as_deref(), row.value_sealed.as_deref(), &row.seal_ref, at],
    )
    .await
}
