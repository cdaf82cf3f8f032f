//! Devices of subscribers, by the addresses of their network cards (specs/billing.md §14).

use gatehouse_model::{AccountId, Millis};

use crate::{Query, Result, Tx, args, sql};

/// A row of `device`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DeviceRow {
    /// Identity.
    pub id: i64,
    /// Twelve lower-case hex digits.
    pub mac: String,
    /// Whose it is.
    pub account_id: AccountId,
    /// Name of the DHCP server it is known at; empty: every one.
    pub server_tag: String,
}

/// Finds a device.
pub async fn find(q: &mut impl Query, mac: &str) -> Result<Option<DeviceRow>> {
    q.one(sql!("SELECT id, mac, account_id, server_tag FROM device WHERE mac = $1"), args![mac]).await
}

/// Inserts a device, or says whose it is from now on.
pub async fn upsert(tx: &mut Tx, mac: &str, account: AccountId, server_tag: &str, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO device (mac, account_id, server_tag, created_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (mac) DO UPDATE SET account_id = excluded.account_id, server_tag = excluded.server_tag"
        ),
        args![mac, account, server_tag, at],
    )
    .await
}

/// Deletes a device.
pub async fn delete(tx: &mut Tx, mac: &str) -> Result<u64> {
    tx.exec(sql!("DELETE FROM device WHERE mac = $1"), args![mac]).await
}
