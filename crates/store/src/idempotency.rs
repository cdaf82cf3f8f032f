//! Keys under which a change happens once, with the answer it got (specs/billing.md §13).

use gatehouse_model::Millis;

use crate::{Query, Result, Tx, args, sql};

/// What is known of a key.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct KeyRow {
    /// Hash of the call it came with.
    pub request_hash: String,
    /// What was answered; none: the first call is still at work.
    pub answer: Option<String>,
    /// Until when it counts.
    pub expires_at: Millis,
}

/// What names a key: whose it is, and its keyed hash.
#[derive(Debug, Clone, Copy)]
pub struct KeyName<'a> {
    /// Whose it is.
    pub scope: &'a str,
    /// Keyed hash of what the caller sent.
    pub key_hash: &'a str,
}

/// Finds a key.
pub async fn find(q: &mut impl Query, name: KeyName<'_>) -> Result<Option<KeyRow>> {
    q.one(
        sql!("SELECT request_hash, answer, expires_at FROM idempotency_key WHERE scope = $1 AND key_hash = $2"),
        args![name.scope, name.key_hash],
    )
    .await
}

/// Takes a key for a call, if it is free or counts no more; 0: it is not.
pub async fn claim(tx: &mut Tx, name: KeyName<'_>, request_hash: &str, at: Millis, until: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO idempotency_key (scope, key_hash, request_hash, answer, expires_at) VALUES ($1, $2, $3, NULL, $5) \
             ON CONFLICT (scope, key_hash) DO UPDATE SET request_hash = excluded.request_hash, answer = NULL, \
             expires_at = excluded.expires_at WHERE idempotency_key.expires_at <= $4"
        ),
        args![name.scope, name.key_hash, request_hash, at, until],
    )
    .await
}

/// Keeps the answer of a call that took its key.
pub async fn update_answer(
    tx: &mut Tx,
    name: KeyName<'_>,
    request_hash: &str,
    answer: &str,
    until: Millis,
) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE idempotency_key SET answer = $4, expires_at = $5 \
             WHERE scope = $1 AND key_hash = $2 AND request_hash = $3 AND answer IS NULL"
        ),
        args![name.scope, name.key_hash, request_hash, answer, until],
    )
    .await
}

/// Gives a key back whose call came to nothing.
pub async fn delete_open(tx: &mut Tx, name: KeyName<'_>, request_hash: &str) -> Result<u64> {
    tx.exec(
        sql!("DELETE FROM idempotency_key WHERE scope = $1 AND key_hash = $2 AND request_hash = $3 AND answer IS NULL"),
        args![name.scope, name.key_hash, request_hash],
    )
    .await
}

/// Deletes keys that count no more.
pub async fn delete_expired(tx: &mut Tx, at: Millis) -> Result<u64> {
    tx.exec(sql!("DELETE FROM idempotency_key WHERE expires_at <= $1"), args![at]).await
}
