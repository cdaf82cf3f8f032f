//! Built-in modules of the panel: their switches and settings. What has no row is as it was built.

use gatehouse_model::Millis;

use crate::{Query, Result, Tx, args, sql};

/// A row of `panel_module`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ModuleRow {
    /// Its name.
    pub code: String,
    /// Whether it is on.
    pub is_enabled: bool,
    /// Settings, a JSON object.
    pub config: String,
}

/// Lists all rows.
pub async fn list(q: &mut impl Query) -> Result<Vec<ModuleRow>> {
    q.all(sql!("SELECT code, is_enabled, config FROM panel_module ORDER BY code"), args![]).await
}

/// Writes a row.
pub async fn replace(tx: &mut Tx, row: &ModuleRow, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO panel_module (code, is_enabled, config, created_at, updated_at) VALUES ($1, $2, $3, $4, $4) \
             ON CONFLICT (code) DO UPDATE SET is_enabled = $2, config = $3, updated_at = $4"
        ),
        args![&row.code, row.is_enabled, &row.config, at],
    )
    .await
}

/// Whether a row was written since a moment.
pub async fn changed_since(q: &mut impl Query, code: &str, since: Millis) -> Result<bool> {
    let row: Option<(String,)> =
        q.one(sql!("SELECT code FROM panel_module WHERE code = $1 AND updated_at >= $2"), args![code, since]).await?;
    Ok(row.is_some())
}
