//! Jobs claimed exactly once, and periodic tasks with one runner per database.

use gatehouse_model::{JobId, Millis};

use crate::{Query, Result, Tx, args, sql};

/// A row of `job`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct JobRow {
    /// Identity.
    pub id: JobId,
    /// What to do.
    pub kind: String,
    /// Unique within the kind while the job is open.
    pub key: Option<String>,
    /// Facts as text, in the kind's own form.
    pub payload: Option<String>,
    /// Not before.
    pub run_at: Millis,
    /// How often it was claimed.
    pub attempts: i64,
    /// Until when its present claim holds.
    pub lease_until: Option<Millis>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When it was enqueued.
    pub created_at: Millis,
}

/// Inserts a job; an open one with the same key is left alone. Wakes the runner at commit.
pub async fn insert(
    tx: &mut Tx,
    kind: &str,
    key: Option<&str>,
    payload: Option<&str>,
    run_at: Millis,
    now: Millis,
) -> Result<u64> {
    tx.wake_jobs();
    tx.exec(
        sql!(
            "INSERT INTO job (kind, key, payload, run_at, attempts, created_at) VALUES ($1, $2, $3, $4, 0, $5) ON CONFLICT DO NOTHING"
        ),
        args![kind, key, payload, run_at, now],
    )
    .await
}

/// Claims due jobs of a kind, oldest first, for a lease. The predicate stands in the outer `WHERE` as well,
/// or two workers would claim the same row.
pub async fn claim(tx: &mut Tx, kind: &str, now: Millis, lease_until: Millis, limit: i64) -> Result<Vec<JobRow>> {
    tx.all(
        sql! {
            sqlite: "UPDATE job SET lease_until = $3, attempts = attempts + 1 WHERE id IN (SELECT id FROM job WHERE kind = $1 \
                     AND run_at <= $2 AND (lease_until IS NULL OR lease_until <= $2) ORDER BY run_at, id LIMIT $4) RETURNING *",
            postgres: "UPDATE job SET lease_until = $3, attempts = attempts + 1 WHERE id IN (SELECT id FROM job WHERE kind = $1 \
                       AND run_at <= $2 AND (lease_until IS NULL OR lease_until <= $2) ORDER BY run_at, id LIMIT $4 \
                       FOR UPDATE SKIP LOCKED) AND (lease_until IS NULL OR lease_until <= $2) RETURNING *"
        },
        args![kind, now, lease_until, limit],
    )
    .await
}

/// Deletes a finished job, if the claim that finished it still holds.
pub async fn finish(tx: &mut Tx, id: JobId, attempts: i64) -> Result<u64> {
    tx.exec(sql!("DELETE FROM job WHERE id = $1 AND attempts = $2"), args![id, attempts]).await
}

/// Gives a failed job back for a later attempt, if the claim still holds.
pub async fn retry(tx: &mut Tx, id: JobId, attempts: i64, run_at: Millis, error: &str) -> Result<u64> {
    tx.exec(
        sql!("UPDATE job SET lease_until = NULL, run_at = $3, last_error = $4 WHERE id = $1 AND attempts = $2"),
        args![id, attempts, run_at, error],
    )
    .await
}

/// Moves an open job to a moment and forgets its lease; wakes the runner.
pub async fn update_run_at(tx: &mut Tx, kind: &str, key: &str, run_at: Millis) -> Result<u64> {
    tx.wake_jobs();
    tx.exec(
        sql!("UPDATE job SET run_at = $3, lease_until = NULL WHERE kind = $1 AND key = $2"),
        args![kind, key, run_at],
    )
    .await
}

/// Deletes an open job by key.
pub async fn delete_by_key(tx: &mut Tx, kind: &str, key: &str) -> Result<u64> {
    tx.exec(sql!("DELETE FROM job WHERE kind = $1 AND key = $2"), args![kind, key]).await
}

/// Finds an open job by key.
pub async fn find_by_key(q: &mut impl Query, kind: &str, key: &str) -> Result<Option<JobRow>> {
    q.one(sql!("SELECT * FROM job WHERE kind = $1 AND key = $2"), args![kind, key]).await
}

/// The moment the next job of a kind becomes due: its time, or the end of its lease.
pub async fn find_next_at(q: &mut impl Query, kind: &str) -> Result<Option<Millis>> {
    let row: Option<(Option<Millis>,)> = q
        .one(
            sql!(
                "SELECT MIN(CASE WHEN lease_until IS NULL OR lease_until < run_at THEN run_at ELSE lease_until END) AS due_at \
                 FROM (SELECT run_at, lease_until FROM job WHERE kind = $1 ORDER BY run_at, id LIMIT 64) AS head"
            ),
            args![kind],
        )
        .await?;
    Ok(row.and_then(|(at,)| at))
}

/// Counts jobs of a kind and those waiting since before a moment.
pub async fn count(q: &mut impl Query, kind: &str, before: Millis) -> Result<(i64, i64)> {
    let row: Option<(i64, i64)> = q
        .one(
            sql!(
                "SELECT CAST(COUNT(*) AS BIGINT) AS jobs, CAST(COALESCE(SUM(CASE WHEN run_at < $2 THEN 1 ELSE 0 END), 0) AS BIGINT) AS waiting \
                 FROM job WHERE kind = $1"
            ),
            args![kind, before],
        )
        .await?;
    Ok(row.unwrap_or_default())
}

/// Forgets the leases of a kind, because the process that held them is gone.
pub async fn release_leases(tx: &mut Tx, now: Millis) -> Result<u64> {
    tx.exec(sql!("UPDATE job SET lease_until = NULL WHERE lease_until > $1"), args![now]).await
}

/// Takes a periodic task whose time has come; true for exactly one caller.
pub async fn claim_periodic(tx: &mut Tx, name: &str, now: Millis, next_at: Millis, holder: i64) -> Result<bool> {
    tx.exec(sql!("INSERT INTO periodic (name, next_at) VALUES ($1, 0) ON CONFLICT DO NOTHING"), args![name]).await?;
    let taken = tx
        .exec(
            sql!("UPDATE periodic SET next_at = $3, holder = $4, last_at = $2 WHERE name = $1 AND next_at <= $2"),
            args![name, now, next_at, holder],
        )
        .await?;
    Ok(taken == 1)
}

/// When a periodic task is due next; `None`: it never ran.
pub async fn find_periodic(q: &mut impl Query, name: &str) -> Result<Option<Millis>> {
    let row: Option<(Millis,)> = q.one(sql!("SELECT next_at FROM periodic WHERE name = $1"), args![name]).await?;
    Ok(row.map(|(at,)| at))
}

/// Records how a periodic task went.
pub async fn update_periodic(tx: &mut Tx, name: &str, error: Option<&str>) -> Result<u64> {
    tx.exec(sql!("UPDATE periodic SET last_error = $2 WHERE name = $1"), args![name, error]).await
}
