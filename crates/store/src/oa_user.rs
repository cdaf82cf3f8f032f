//! The oa surface's user rows (specs/oa.md §2).

use gatehouse_model::{AccountId, Millis, OaUserId};

use crate::{Query, Result, Tx, args, sql};

/// A row of `oa_user`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct OaUserRow {
    /// Identity.
    pub id: OaUserId,
    /// Exact, case-sensitive name.
    pub username: String,
    /// `submit`, `processing`, `exists`, `markRemove`.
    pub state: String,
    /// 200, 202, 500; 201 and 102 for the first two states.
    pub code: i64,
    /// The back end that makes and removes it.
    pub backend: String,
    /// Derived e-mail, fixed at the first submission.
    pub email: String,
    /// The account, once made.
    pub account_id: Option<AccountId>,
    /// Why the creation was refused.
    pub reason: Option<String>,
    /// Code before the request of the deletion.
    pub code_before: Option<i64>,
    /// When the deletion was requested.
    pub requested_at: Option<Millis>,
    /// First submission.
    pub created_at: Millis,
    /// Last change.
    pub updated_at: Millis,
}

/// Inserts a row in state `submit` unless the name has one; `None`: it has.
pub async fn insert(tx: &mut Tx, username: &str, backend: &str, email: &str, at: Millis) -> Result<Option<OaUserId>> {
    let row: Option<(OaUserId,)> = tx
        .one(
            sql!(
                "INSERT INTO oa_user (username, state, code, backend, email, created_at, updated_at) \
                 VALUES ($1, 'submit', 201, $2, $3, $4, $4) ON CONFLICT (username) DO NOTHING RETURNING id"
            ),
            args![username, backend, email, at],
        )
        .await?;
    Ok(row.map(|(id,)| id))
}

/// Finds a row by id.
pub async fn find(q: &mut impl Query, id: OaUserId) -> Result<Option<OaUserRow>> {
    q.one(sql!("SELECT * FROM oa_user WHERE id = $1"), args![id]).await
}

/// Finds a row by name.
pub async fn find_by_name(q: &mut impl Query, username: &str) -> Result<Option<OaUserRow>> {
    q.one(sql!("SELECT * FROM oa_user WHERE username = $1"), args![username]).await
}

/// Finds the row of an account.
pub async fn find_by_account(q: &mut impl Query, account: AccountId) -> Result<Option<OaUserRow>> {
    q.one(sql!("SELECT * FROM oa_user WHERE account_id = $1"), args![account]).await
}

/// Lists rows after an id; one page.
pub async fn list(q: &mut impl Query, after: OaUserId, limit: i64) -> Result<Vec<OaUserRow>> {
    q.all(sql!("SELECT * FROM oa_user WHERE id > $1 ORDER BY id LIMIT $2"), args![after, limit]).await
}

/// Moves a row from `submit` to `processing`; one already there stays.
pub async fn update_processing(tx: &mut Tx, id: OaUserId, at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE oa_user SET state = 'processing', code = 102, updated_at = $2 WHERE id = $1 AND state = 'submit'"),
        args![id, at],
    )
    .await
}

/// Ends a creation: `exists`/200 with the account, or `exists`/202 with the reason.
pub async fn update_made(
    tx: &mut Tx,
    id: OaUserId,
    code: i64,
    account: Option<AccountId>,
    reason: Option<&str>,
    at: Millis,
) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE oa_user SET state = 'exists', code = $2, account_id = $3, reason = $4, updated_at = $5 \
             WHERE id = $1 AND state IN ('submit', 'processing')"
        ),
        args![id, code, account, reason, at],
    )
    .await
}

/// Marks a row for removal, if it exists and is not marked already.
pub async fn update_remove(tx: &mut Tx, id: OaUserId, code: i64, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE oa_user SET state = 'markRemove', code_before = code, code = $2, requested_at = $3, updated_at = $3 \
             WHERE id = $1 AND state = 'exists'"
        ),
        args![id, code, at],
    )
    .await
}

/// Records that an attempt to delete failed.
pub async fn update_remove_failed(tx: &mut Tx, id: OaUserId, at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE oa_user SET code = 500, updated_at = $2 WHERE id = $1 AND state = 'markRemove'"),
        args![id, at],
    )
    .await
}

/// Takes a request of deletion back.
pub async fn restore(tx: &mut Tx, id: OaUserId, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE oa_user SET state = 'exists', code = COALESCE(code_before, 200), code_before = NULL, requested_at = NULL, \
             updated_at = $2 WHERE id = $1 AND state = 'markRemove'"
        ),
        args![id, at],
    )
    .await
}

/// Puts a refused row back into the queue.
pub async fn update_submit(tx: &mut Tx, id: OaUserId, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE oa_user SET state = 'submit', code = 201, reason = NULL, updated_at = $2 \
             WHERE id = $1 AND (state IN ('submit', 'processing') OR (state = 'exists' AND code = 202))"
        ),
        args![id, at],
    )
    .await
}

/// Deletes a row.
pub async fn delete(tx: &mut Tx, id: OaUserId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM oa_user WHERE id = $1"), args![id]).await
}

/// Deletes the row of an account.
pub async fn delete_by_account(tx: &mut Tx, account: AccountId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM oa_user WHERE account_id = $1"), args![account]).await
}

/// Moves all waiting deletions that were never attempted to their request time plus a delay.
pub async fn reschedule_deletions(tx: &mut Tx, delay: i64) -> Result<u64> {
    tx.wake_jobs();
    tx.exec(
        sql!(
            "UPDATE job SET run_at = (SELECT u.requested_at + $1 + 1 FROM oa_user u WHERE CAST(u.id AS TEXT) = job.key) \
             WHERE kind = 'oa.delete' AND attempts = 0 AND EXISTS (SELECT 1 FROM oa_user u WHERE CAST(u.id AS TEXT) = job.key \
             AND u.requested_at IS NOT NULL)"
        ),
        args![delay],
    )
    .await
}

/// Counts rows per state and code.
pub async fn count_by_state(q: &mut impl Query) -> Result<Vec<(String, i64, i64)>> {
    q.all(
        sql!("SELECT state, code, CAST(COUNT(*) AS BIGINT) AS rows FROM oa_user GROUP BY state, code ORDER BY state, code"),
        args![],
    )
    .await
}
