//! Resource groups of the vpn surface, staged.

use gatehouse_model::{Millis, VpnResourceGroupId};

use crate::{Query, Result, Tx, args, sql};

/// A row of `vpn_resource_group`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct VpnResourceGroupRow {
    /// Identity; 0 is the default group.
    pub id: VpnResourceGroupId,
    /// Unique name.
    pub name: String,
    /// Note.
    pub note: String,
    /// Whether its resources count.
    pub is_enabled: bool,
}

/// Finds a resource group by name.
pub async fn find(q: &mut impl Query, name: &str) -> Result<Option<VpnResourceGroupRow>> {
    q.one(sql!("SELECT id, name, note, is_enabled FROM vpn_resource_group WHERE name = $1"), args![name]).await
}

/// Finds a resource group by name and keeps others from changing it until the transaction ends.
pub async fn own(tx: &mut Tx, name: &str, at: Millis) -> Result<Option<VpnResourceGroupRow>> {
    tx.one(
        sql!("UPDATE vpn_resource_group SET updated_at = $2 WHERE name = $1 RETURNING id, name, note, is_enabled"),
        args![name, at],
    )
    .await
}

/// Inserts a resource group. `Conflict` for a taken name.
pub async fn insert(tx: &mut Tx, name: &str, note: &str, is_enabled: bool, at: Millis) -> Result<VpnResourceGroupId> {
    let row: Option<(VpnResourceGroupId,)> = tx
        .one(
            sql!(
                "INSERT INTO vpn_resource_group (name, note, is_enabled, created_at, updated_at) VALUES ($1, $2, $3, $4, $4) RETURNING id"
            ),
            args![name, note, is_enabled, at],
        )
        .await?;
    row.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Writes a resource group. `Conflict` for a taken name.
pub async fn update(tx: &mut Tx, row: &VpnResourceGroupRow, at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE vpn_resource_group SET name = $2, note = $3, is_enabled = $4, updated_at = $5 WHERE id = $1"),
        args![row.id, &row.name, &row.note, row.is_enabled, at],
    )
    .await
}

/// Deletes a resource group; its resources must have gone elsewhere.
pub async fn delete(tx: &mut Tx, id: VpnResourceGroupId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM vpn_resource_group WHERE id = $1"), args![id]).await
}
