//! Jobs of the radius door: the wish to end or change stays, for all that are concerned in one step, and what became of it.

use gatehouse_model::{AccountId, Millis, VisitId};

use crate::{Query, Result, Tx, args, list, sql};

/// Asks to end the open stays of accounts, and inserts a job for each; gives how many jobs are new or due earlier.
///
/// All accounts go there as one JSON text: 10,000 of them are two statements.
pub async fn ask_end_of_accounts(
    tx: &mut Tx,
    accounts: &[AccountId],
    why: &str,
    by: Option<&str>,
    payload: &str,
    at: Millis,
) -> Result<u64> {
    tx.wake_jobs();
    let accounts = list::json(accounts.iter().map(|id| id.0));
    tx.exec(
        sql! {
            sqlite: "UPDATE visit SET end_asked_at = $2, end_asked_why = $3, end_asked_by = $4 \
                     WHERE account_id IN (SELECT value FROM json_each($1)) \
                     AND door = 'radius' AND until_at IS NULL AND end_asked_at IS NULL",
            postgres: "UPDATE visit SET end_asked_at = $2, end_asked_why = $3, end_asked_by = $4 \
                       WHERE account_id IN (SELECT CAST(value AS BIGINT) \
                       FROM json_array_elements_text(CAST(CAST($1 AS TEXT) AS JSON)) AS asked (value)) \
                       AND door = 'radius' AND until_at IS NULL AND end_asked_at IS NULL"
        },
        args![&accounts, at, why, by],
    )
    .await?;
    tx.exec(
        sql! {
            sqlite: "INSERT INTO job (kind, key, payload, run_at, attempts, created_at) \
                     SELECT 'radius.disconnect', uuid, $3, $2, 0, $2 FROM visit \
                     WHERE account_id IN (SELECT value FROM json_each($1)) AND door = 'radius' AND until_at IS NULL ORDER BY id \
                     ON CONFLICT (kind, key) DO UPDATE SET run_at = $2 WHERE job.lease_until IS NULL AND job.run_at > $2",
            postgres: "INSERT INTO job (kind, key, payload, run_at, attempts, created_at) \
                       SELECT 'radius.disconnect', uuid, $3, $2, 0, $2 FROM visit \
                       WHERE account_id IN (SELECT CAST(value AS BIGINT) \
                       FROM json_array_elements_text(CAST(CAST($1 AS TEXT) AS JSON)) AS asked (value)) \
                       AND door = 'radius' AND until_at IS NULL ORDER BY id \
                       ON CONFLICT (kind, key) DO UPDATE SET run_at = $2 WHERE job.lease_until IS NULL AND job.run_at > $2"
        },
        args![&accounts, at, payload],
    )
    .await
}

/// Asks to end the open stays of everybody whose live group is this path or lies in `[below.0, below.1)`; as
/// [`ask_end_of_accounts`].
pub async fn ask_end_of_group(
    tx: &mut Tx,
    path: &str,
    below: (&str, &str),
    why: &str,
    payload: &str,
    at: Millis,
) -> Result<u64> {
    tx.wake_jobs();
    tx.exec(
        sql!(
            "UPDATE visit SET end_asked_at = $4, end_asked_why = $5 \
             WHERE door = 'radius' AND until_at IS NULL AND end_asked_at IS NULL AND account_id IN \
             (SELECT p.account_id FROM vpn_pass_live p JOIN vpn_group_live g ON g.id = p.vpn_group_id \
             WHERE g.path = $1 OR (g.path >= $2 AND g.path < $3))"
        ),
        args![path, below.0, below.1, at, why],
    )
    .await?;
    tx.exec(
        sql!(
            "INSERT INTO job (kind, key, payload, run_at, attempts, created_at) \
             SELECT 'radius.disconnect', uuid, $5, $4, 0, $4 FROM visit \
             WHERE door = 'radius' AND until_at IS NULL AND account_id IN \
             (SELECT p.account_id FROM vpn_pass_live p JOIN vpn_group_live g ON g.id = p.vpn_group_id \
             WHERE g.path = $1 OR (g.path >= $2 AND g.path < $3)) ORDER BY id \
             ON CONFLICT (kind, key) DO UPDATE SET run_at = $4 WHERE job.lease_until IS NULL AND job.run_at > $4"
        ),
        args![path, below.0, below.1, at, payload],
    )
    .await
}

/// Inserts the job that ends a stay, if it is an open one of this door; the wish is a column of the visit.
pub async fn insert_end_job(tx: &mut Tx, uuid: &str, payload: &str, at: Millis) -> Result<u64> {
    tx.wake_jobs();
    tx.exec(
        sql!(
            "INSERT INTO job (kind, key, payload, run_at, attempts, created_at) \
             SELECT 'radius.disconnect', uuid, $3, $2, 0, $2 FROM visit WHERE uuid = $1 AND door = 'radius' AND until_at IS NULL \
             ON CONFLICT (kind, key) DO UPDATE SET run_at = $2 WHERE job.lease_until IS NULL AND job.run_at > $2"
        ),
        args![uuid, at, payload],
    )
    .await
}

/// Inserts a job that changes each open stay of accounts that nobody asked to end; gives how many. One statement, as in
/// [`ask_end_of_accounts`].
///
/// One that is being worked on is begun anew: what it sends was read before this change.
pub async fn ask_change_of_accounts(tx: &mut Tx, accounts: &[AccountId], payload: &str, at: Millis) -> Result<u64> {
    tx.wake_jobs();
    tx.exec(
        sql! {
            sqlite: "INSERT INTO job (kind, key, payload, run_at, attempts, created_at) \
                     SELECT 'radius.change', uuid, $3, $2, 0, $2 FROM visit \
                     WHERE account_id IN (SELECT value FROM json_each($1)) \
                     AND door = 'radius' AND until_at IS NULL AND end_asked_at IS NULL ORDER BY id \
                     ON CONFLICT (kind, key) DO UPDATE SET run_at = $2, lease_until = NULL, attempts = job.attempts + 1",
            postgres: "INSERT INTO job (kind, key, payload, run_at, attempts, created_at) \
                       SELECT 'radius.change', uuid, $3, $2, 0, $2 FROM visit \
                       WHERE account_id IN (SELECT CAST(value AS BIGINT) \
                       FROM json_array_elements_text(CAST(CAST($1 AS TEXT) AS JSON)) AS asked (value)) \
                       AND door = 'radius' AND until_at IS NULL AND end_asked_at IS NULL ORDER BY id \
                       ON CONFLICT (kind, key) DO UPDATE SET run_at = $2, lease_until = NULL, attempts = job.attempts + 1"
        },
        args![list::json(accounts.iter().map(|id| id.0)), at, payload],
    )
    .await
}

/// Inserts the job that ends a stay unless there is one; gives whether it is new.
pub async fn insert_end_job_if_none(tx: &mut Tx, uuid: &str, payload: &str, at: Millis) -> Result<bool> {
    Ok(crate::job::insert(tx, "radius.disconnect", Some(uuid), Some(payload), at, at).await? > 0)
}

/// Notes the wish to end a stay, so that it is no longer shown as wanted.
pub async fn update_end_asked(tx: &mut Tx, id: VisitId, why: &str, at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE visit SET end_asked_at = $2, end_asked_why = $3, end_asked_by = NULL WHERE id = $1"),
        args![id, at, why],
    )
    .await
}

/// Forgets the wish to end a stay: it did not come true.
pub async fn clear_end_asked(tx: &mut Tx, id: VisitId) -> Result<u64> {
    tx.exec(
        sql!("UPDATE visit SET end_asked_at = NULL, end_asked_why = NULL, end_asked_by = NULL WHERE id = $1"),
        args![id],
    )
    .await
}

/// An attempt to end or change a stay.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct AttemptRow {
    /// When its outcome was known.
    pub at: Millis,
    /// `disconnect`, `change`.
    pub kind: String,
    /// `ack`, `nak CODE`, `silent`, `impossible`.
    pub outcome: String,
}

/// Keeps an attempt.
pub async fn insert_attempt(tx: &mut Tx, id: VisitId, kind: &str, outcome: &str, at: Millis) -> Result<u64> {
    tx.exec(
        sql!("INSERT INTO visit_attempt (visit_id, at, kind, outcome) VALUES ($1, $2, $3, $4)"),
        args![id, at, kind, outcome],
    )
    .await
}

/// Lists the attempts of a kind on a stay since a moment, newest first.
pub async fn list_attempts(
    q: &mut impl Query,
    id: VisitId,
    kind: &str,
    since: Millis,
    limit: i64,
) -> Result<Vec<AttemptRow>> {
    q.all(
        sql!(
            "SELECT at, kind, outcome FROM visit_attempt WHERE visit_id = $1 AND kind = $2 AND at >= $3 ORDER BY id DESC LIMIT $4"
        ),
        args![id, kind, since, limit],
    )
    .await
}

/// A stay that should have ended.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct StillOpenRow {
    /// Public name of the visit.
    pub uuid: String,
    /// Login as it was.
    pub login: String,
    /// Name of the NAS as it was.
    pub nas_name: String,
    /// What came of the last attempt.
    pub outcome: String,
}

/// Lists open stays that so many attempts did not end, oldest first.
pub async fn list_still_open(q: &mut impl Query, attempts: i64, limit: i64) -> Result<Vec<StillOpenRow>> {
    q.all(
        sql!(
            "SELECT v.uuid, v.login, r.nas_name, (SELECT t.outcome FROM visit_attempt t WHERE t.visit_id = v.id ORDER BY t.id DESC LIMIT 1) \
             AS outcome FROM job j JOIN visit v ON v.uuid = j.key JOIN visit_radius r ON r.visit_id = v.id \
             WHERE j.kind = 'radius.disconnect' AND r.is_open AND \
             (SELECT COUNT(*) FROM visit_attempt t WHERE t.visit_id = v.id AND t.kind = 'disconnect' AND t.at >= j.created_at) >= $1 \
             ORDER BY j.id LIMIT $2"
        ),
        args![attempts, limit],
    )
    .await
}

/// Lists whose live VPN pass expired in a span of time while he is in, and nobody tried to end his stay yet.
pub async fn list_expired(q: &mut impl Query, from: Millis, until: Millis) -> Result<Vec<AccountId>> {
    let rows: Vec<(AccountId,)> = q
        .all(
            sql!(
                "SELECT p.account_id FROM vpn_pass_live p WHERE p.expires_at > $1 AND p.expires_at <= $2 \
                 AND EXISTS (SELECT 1 FROM visit v WHERE v.account_id = p.account_id AND v.until_at IS NULL AND v.door = 'radius' \
                 AND v.end_asked_at IS NULL AND NOT EXISTS (SELECT 1 FROM visit_attempt t \
                 WHERE t.visit_id = v.id AND t.kind = 'disconnect' AND t.at >= p.expires_at)) ORDER BY p.expires_at, p.account_id"
            ),
            args![from, until],
        )
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
