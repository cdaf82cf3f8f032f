//! Secrets that are used once: the code step of a login, terminal tickets, resume tokens.

use gatehouse_model::{AccountId, Millis};

use crate::{Query, Result, Tx, args, sql};

/// A row of `one_time`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct OneTimeRow {
    /// Identity.
    pub id: i64,
    /// Whose it is.
    pub account_id: Option<AccountId>,
    /// What it is bound to.
    pub subject: Option<String>,
    /// Further facts, JSON.
    pub payload: Option<String>,
    /// Wrong tries so far.
    pub tries: i64,
    /// When it ends.
    pub expires_at: Millis,
}

/// What an insert needs.
#[derive(Debug)]
pub struct NewOneTime<'a> {
    /// What it is for.
    pub purpose: &'a str,
    /// Keyed hash of the secret.
    pub secret_hash: &'a str,
    /// Whose it is.
    pub account_id: Option<AccountId>,
    /// What it is bound to.
    pub subject: Option<&'a str>,
    /// Further facts, JSON.
    pub payload: Option<&'a str>,
    /// When it ends.
    pub expires_at: Millis,
}

/// Inserts a secret.
pub async fn insert(tx: &mut Tx, new: &NewOneTime<'_>) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO one_time (purpose, secret_hash, account_id, subject, payload, tries, expires_at) \
             VALUES ($1, $2, $3, $4, $5, 0, $6)"
        ),
        args![new.purpose, new.secret_hash, new.account_id, new.subject, new.payload, new.expires_at],
    )
    .await
}

/// Finds a secret that still counts.
pub async fn find(q: &mut impl Query, purpose: &str, secret_hash: &str, at: Millis) -> Result<Option<OneTimeRow>> {
    q.one(
        sql!(
            "SELECT id, account_id, subject, payload, tries, expires_at FROM one_time \
             WHERE purpose = $1 AND secret_hash = $2 AND expires_at > $3"
        ),
        args![purpose, secret_hash, at],
    )
    .await
}

/// A code that was sent to somebody: its row, the hash of it and what it is for.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SentRow {
    /// Identity.
    pub id: i64,
    /// Keyed hash of the code.
    pub secret_hash: String,
    /// Further facts.
    pub payload: Option<String>,
    /// Tries so far.
    pub tries: i64,
}

/// Counts a try of what was sent to somebody, and gives it: tries that come at once are counted before any of them is judged.
pub async fn try_subject(tx: &mut Tx, purpose: &str, subject: &str, at: Millis) -> Result<Option<SentRow>> {
    tx.one(
        sql!(
            "UPDATE one_time SET tries = tries + 1 WHERE purpose = $1 AND subject = $2 AND expires_at > $3 \
             RETURNING id, secret_hash, payload, tries"
        ),
        args![purpose, subject, at],
    )
    .await
}

/// Deletes what was sent to somebody.
pub async fn delete_subject(tx: &mut Tx, purpose: &str, subject: &str) -> Result<u64> {
    tx.exec(sql!("DELETE FROM one_time WHERE purpose = $1 AND subject = $2"), args![purpose, subject]).await
}

/// Counts a wrong try; gives the tries so far, `None` when the secret is gone.
pub async fn count_try(tx: &mut Tx, id: i64) -> Result<Option<i64>> {
    let row: Option<(i64,)> =
        tx.one(sql!("UPDATE one_time SET tries = tries + 1 WHERE id = $1 RETURNING tries"), args![id]).await?;
    Ok(row.map(|(tries,)| tries))
}

/// Uses a secret up; 0: somebody else did.
pub async fn delete(tx: &mut Tx, id: i64) -> Result<u64> {
    tx.exec(sql!("DELETE FROM one_time WHERE id = $1"), args![id]).await
}

/// Deletes what has expired.
pub async fn delete_expired(tx: &mut Tx, at: Millis) -> Result<u64> {
    tx.exec(sql!("DELETE FROM one_time WHERE expires_at <= $1"), args![at]).await
}
