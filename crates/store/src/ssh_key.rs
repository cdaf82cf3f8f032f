//! Public keys that accounts log in with through the ssh door.

use gatehouse_model::{AccountId, Millis, SshKeyId};

use crate::{Query, Result, Tx, args, sql};

/// A row of `ssh_key`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SshKeyRow {
    /// Identity.
    pub id: SshKeyId,
    /// Whose it is.
    pub account_id: AccountId,
    /// Name.
    pub name: String,
    /// `type base64`.
    pub public_key: String,
    /// `SHA256:…`
    pub fingerprint: String,
    /// Last login with it.
    pub last_used_at: Option<Millis>,
    /// When it was made.
    pub created_at: Millis,
}

/// Inserts a key. One the account has is `Conflict ssh_key_account_id_fingerprint_key`.
pub async fn insert(
    tx: &mut Tx,
    account: AccountId,
    name: &str,
    (public_key, fingerprint): (&str, &str),
    at: Millis,
) -> Result<SshKeyId> {
    let row: Option<(SshKeyId,)> = tx
        .one(
            sql!(
                "INSERT INTO ssh_key (account_id, name, public_key, fingerprint, created_at) VALUES ($1, $2, $3, $4, $5) RETURNING id"
            ),
            args![account, name, public_key, fingerprint, at],
        )
        .await?;
    row.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Lists the keys of an account, oldest first.
pub async fn list(q: &mut impl Query, account: AccountId) -> Result<Vec<SshKeyRow>> {
    q.all(sql!("SELECT * FROM ssh_key WHERE account_id = $1 ORDER BY id"), args![account]).await
}

/// Finds a key by id.
pub async fn find(q: &mut impl Query, id: SshKeyId) -> Result<Option<SshKeyRow>> {
    q.one(sql!("SELECT * FROM ssh_key WHERE id = $1"), args![id]).await
}

/// Finds a key of an account by its fingerprint.
pub async fn find_of_account(q: &mut impl Query, account: AccountId, fingerprint: &str) -> Result<Option<SshKeyRow>> {
    q.one(sql!("SELECT * FROM ssh_key WHERE account_id = $1 AND fingerprint = $2"), args![account, fingerprint]).await
}

/// Notes a login with a key.
pub async fn update_used(tx: &mut Tx, id: SshKeyId, at: Millis) -> Result<u64> {
    tx.exec(sql!("UPDATE ssh_key SET last_used_at = $2 WHERE id = $1"), args![id, at]).await
}

/// Deletes a key.
pub async fn delete(tx: &mut Tx, id: SshKeyId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM ssh_key WHERE id = $1"), args![id]).await
}
