//! The oa surface's user rows (specs/oa.md §2).

use gatehouse_model::{AccountId, ApiTokenId, Millis, NodeGroupId, OaUserId};

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

/// All that the decision of a request needs: the token, the name and the user's state, in one round trip.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct OaEntryRow {
    /// The token's row; null: unknown.
    pub token_id: Option<ApiTokenId>,
    /// Its label.
    pub token_label: Option<String>,
    /// Its codes, separated by blanks.
    pub token_codes: Option<String>,
    /// End of its life.
    pub token_expires_at: Option<Millis>,
    /// Its last use, to the minute.
    pub token_used_at: Option<Millis>,
    /// Whether the name is the exact login of an account with a staff pass.
    pub is_staff: bool,
    /// Row id; the following are null without a row.
    pub id: Option<OaUserId>,
    /// State of the row.
    pub state: Option<String>,
    /// Code of the row.
    pub code: Option<i64>,
    /// The account.
    pub account_id: Option<AccountId>,
    /// Its status.
    pub is_enabled: Option<bool>,
    /// Its proxy pass: sealed uuid.
    pub uuid_sealed: Option<String>,
    /// Row part of the associated data.
    pub seal_ref: Option<String>,
    /// Node group of the pass.
    pub node_group_id: Option<NodeGroupId>,
}

/// Finds what decides on a request with a token (by its keyed hash) for a name; always one row.
pub async fn find_entry(q: &mut impl Query, token_hash: &str, username: &str) -> Result<Option<OaEntryRow>> {
    q.one(
        sql!(
            "SELECT k.id AS token_id, k.label AS token_label, k.codes AS token_codes, k.expires_at AS token_expires_at, \
             k.last_used_at AS token_used_at, EXISTS (SELECT 1 FROM account s JOIN staff_pass t ON t.account_id = s.id \
             WHERE s.login = asked.username) AS is_staff, \
             u.id, u.state, u.code, u.account_id, a.is_enabled, p.uuid_sealed, p.seal_ref, p.node_group_id \
             FROM (SELECT CAST($1 AS TEXT) AS token, CAST($2 AS TEXT) AS username) AS asked \
             LEFT JOIN api_token k ON k.secret_hash = asked.token AND k.kind = 'oa' \
             LEFT JOIN oa_user u ON u.username = asked.username LEFT JOIN account a ON a.id = u.account_id \
             LEFT JOIN proxy_pass p ON p.account_id = u.account_id"
        ),
        args![token_hash, username],
    )
    .await
}

/// How many look-ups [`find_entries`] takes.
pub const ENTRIES: usize = 16;

/// Answers up to [`ENTRIES`] look-ups of [`find_entry`] at once, in their order.
pub async fn find_entries(q: &mut impl Query, asked: &[(String, String)]) -> Result<Vec<OaEntryRow>> {
    let mut values = args![];
    for n in 0..ENTRIES {
        // Unused places ask for nothing: no hash and no name is empty.
        let (token, username) = asked.get(n).map_or(("", ""), |(token, name)| (token, name));
        values.extend(args![token, username]);
    }
    let mut rows: Vec<OaEntryRow> = q
        .all(
            sql!(
                "SELECT k.id AS token_id, k.label AS token_label, k.codes AS token_codes, k.expires_at AS token_expires_at, \
                 k.last_used_at AS token_used_at, EXISTS (SELECT 1 FROM account s JOIN staff_pass t ON t.account_id = s.id \
                 WHERE s.login = asked.username) AS is_staff, \
                 u.id, u.state, u.code, u.account_id, a.is_enabled, p.uuid_sealed, p.seal_ref, p.node_group_id \
                 FROM (\
                 SELECT 0 AS ask, CAST($1 AS TEXT) AS token, CAST($2 AS TEXT) AS username UNION ALL SELECT 1 AS ask, CAST($3 AS TEXT) AS token, CAST($4 AS TEXT) AS username \
                 UNION ALL SELECT 2 AS ask, CAST($5 AS TEXT) AS token, CAST($6 AS TEXT) AS username UNION ALL SELECT 3 AS ask, CAST($7 AS TEXT) AS token, CAST($8 AS TEXT) AS username \
                 UNION ALL SELECT 4 AS ask, CAST($9 AS TEXT) AS token, CAST($10 AS TEXT) AS username UNION ALL SELECT 5 AS ask, CAST($11 AS TEXT) AS token, CAST($12 AS TEXT) AS username \
                 UNION ALL SELECT 6 AS ask, CAST($13 AS TEXT) AS token, CAST($14 AS TEXT) AS username UNION ALL SELECT 7 AS ask, CAST($15 AS TEXT) AS token, CAST($16 AS TEXT) AS username \
                 UNION ALL SELECT 8 AS ask, CAST($17 AS TEXT) AS token, CAST($18 AS TEXT) AS username UNION ALL SELECT 9 AS ask, CAST($19 AS TEXT) AS token, CAST($20 AS TEXT) AS username \
                 UNION ALL SELECT 10 AS ask, CAST($21 AS TEXT) AS token, CAST($22 AS TEXT) AS username UNION ALL SELECT 11 AS ask, CAST($23 AS TEXT) AS token, CAST($24 AS TEXT) AS username \
                 UNION ALL SELECT 12 AS ask, CAST($25 AS TEXT) AS token, CAST($26 AS TEXT) AS username UNION ALL SELECT 13 AS ask, CAST($27 AS TEXT) AS token, CAST($28 AS TEXT) AS username \
                 UNION ALL SELECT 14 AS ask, CAST($29 AS TEXT) AS token, CAST($30 AS TEXT) AS username UNION ALL SELECT 15 AS ask, CAST($31 AS TEXT) AS token, CAST($32 AS TEXT) AS username) AS asked LEFT JOIN api_token k ON k.secret_hash = asked.token AND k.kind = 'oa' \
                 LEFT JOIN oa_user u ON u.username = asked.username LEFT JOIN account a ON a.id = u.account_id \
                 LEFT JOIN proxy_pass p ON p.account_id = u.account_id ORDER BY asked.ask"
            ),
            values,
        )
        .await?;
    rows.truncate(asked.len());
    Ok(rows)
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
