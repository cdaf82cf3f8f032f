//! Second factors and their recovery codes.

use gatehouse_model::{AccountId, Millis};

use crate::{Query, Result, Tx, args, sql};

/// A row of `second_factor`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SecondFactorRow {
    /// Whose it is.
    pub account_id: AccountId,
    /// `totp`.
    pub kind: String,
    /// Sealed secret.
    pub secret_sealed: String,
    /// Row part of the associated data.
    pub seal_ref: String,
    /// The newest time step that was accepted.
    pub last_step: i64,
    /// Since when it counts; unset: being enrolled.
    pub confirmed_at: Option<Millis>,
    /// When it was made.
    pub created_at: Millis,
}

/// Finds the second factor of an account, confirmed or not.
pub async fn find(q: &mut impl Query, account: AccountId) -> Result<Option<SecondFactorRow>> {
    q.one(sql!("SELECT * FROM second_factor WHERE account_id = $1"), args![account]).await
}

/// Begins an enrolment, in place of an older one that was not confirmed; 0: the account has a confirmed factor.
pub async fn begin(tx: &mut Tx, account: AccountId, secret_sealed: &str, seal_ref: &str, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO second_factor (account_id, kind, secret_sealed, seal_ref, last_step, created_at) \
             VALUES ($1, 'totp', $2, $3, 0, $4) ON CONFLICT (account_id) DO UPDATE SET secret_sealed = $2, seal_ref = $3, \
             last_step = 0, created_at = $4 WHERE second_factor.confirmed_at IS NULL"
        ),
        args![account, secret_sealed, seal_ref, at],
    )
    .await
}

/// Ends an enrolment; 0: there is none.
pub async fn confirm(tx: &mut Tx, account: AccountId, at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE second_factor SET confirmed_at = $2 WHERE account_id = $1 AND confirmed_at IS NULL"),
        args![account, at],
    )
    .await
}

/// Uses a time step up; 0: it or a newer one was used before.
pub async fn use_step(tx: &mut Tx, account: AccountId, step: i64) -> Result<u64> {
    tx.exec(
        sql!("UPDATE second_factor SET last_step = $2 WHERE account_id = $1 AND last_step < $2"),
        args![account, step],
    )
    .await
}

/// Deletes the second factor and its recovery codes.
pub async fn delete(tx: &mut Tx, account: AccountId) -> Result<u64> {
    delete_recovery(tx, account).await?;
    tx.exec(sql!("DELETE FROM second_factor WHERE account_id = $1"), args![account]).await
}

/// Inserts a recovery code.
pub async fn insert_recovery(tx: &mut Tx, account: AccountId, code_hash: &str) -> Result<u64> {
    tx.exec(sql!("INSERT INTO recovery_code (account_id, code_hash) VALUES ($1, $2)"), args![account, code_hash]).await
}

/// Uses a recovery code up; 0: there is no such code, or it was used.
pub async fn use_recovery(tx: &mut Tx, account: AccountId, code_hash: &str, at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE recovery_code SET used_at = $3 WHERE account_id = $1 AND code_hash = $2 AND used_at IS NULL"),
        args![account, code_hash, at],
    )
    .await
}

/// Counts the recovery codes that are left.
pub async fn count_recovery(q: &mut impl Query, account: AccountId) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT CAST(COUNT(*) AS BIGINT) AS codes FROM recovery_code WHERE account_id = $1 AND used_at IS NULL"
            ),
            args![account],
        )
        .await?;
    Ok(row.map_or(0, |(codes,)| codes))
}

/// Deletes every recovery code of an account.
pub async fn delete_recovery(tx: &mut Tx, account: AccountId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM recovery_code WHERE account_id = $1"), args![account]).await
}
