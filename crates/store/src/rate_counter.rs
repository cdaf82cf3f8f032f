//! Counters of limits that must survive a restart.

use gatehouse_model::Millis;

use crate::{Query, Result, Tx, args, sql};

/// What was counted under a key in the window that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Counter {
    /// When the window began: with the first event counted in it.
    pub window_at: Millis,
    /// Events since.
    pub count: i64,
}

/// Counts one event and gives the count with it. A window that began at `expired` or before is over: a new one begins now.
pub async fn count(tx: &mut Tx, scope: &str, key_hash: &str, now: Millis, expired: Millis) -> Result<Counter> {
    let statement = sql!(
        "INSERT INTO rate_counter (scope, key_hash, window_at, count) VALUES ($1, $2, $3, 1) \
         ON CONFLICT (scope, key_hash) DO UPDATE SET \
         count = CASE WHEN rate_counter.window_at <= $4 THEN 1 ELSE rate_counter.count + 1 END, \
         window_at = CASE WHEN rate_counter.window_at <= $4 THEN $3 ELSE rate_counter.window_at END \
         RETURNING window_at, count"
    );
    let row = tx.one(statement, args![scope, key_hash, now, expired]).await?;
    // Either arm of the statement returns a row.
    Ok(row.unwrap_or(Counter { window_at: now, count: 1 }))
}

/// The counter of a window that still runs: one that began after `expired`.
pub async fn find(q: &mut impl Query, scope: &str, key_hash: &str, expired: Millis) -> Result<Option<Counter>> {
    q.one(
        sql!("SELECT window_at, count FROM rate_counter WHERE scope = $1 AND key_hash = $2 AND window_at > $3"),
        args![scope, key_hash, expired],
    )
    .await
}

/// Forgets a counter.
pub async fn delete(tx: &mut Tx, scope: &str, key_hash: &str) -> Result<u64> {
    tx.exec(sql!("DELETE FROM rate_counter WHERE scope = $1 AND key_hash = $2"), args![scope, key_hash]).await
}

/// Forgets the counters of a scope from one key up to, not including, another one.
pub async fn delete_range(tx: &mut Tx, scope: &str, from: &str, to: &str) -> Result<u64> {
    tx.exec(
        sql!("DELETE FROM rate_counter WHERE scope = $1 AND key_hash >= $2 AND key_hash < $3"),
        args![scope, from, to],
    )
    .await
}

/// Forgets the counters whose window began before a moment; those of one scope live on until theirs began before another.
pub async fn delete_old(tx: &mut Tx, before: Millis, long_scope: &str, long_before: Millis) -> Result<u64> {
    tx.exec(
        sql!("DELETE FROM rate_counter WHERE window_at < $1 AND (scope <> $2 OR window_at < $3)"),
        args![before, long_scope, long_before],
    )
    .await
}

/// Counts an event in a window that each event starts anew; one that `expired` begins again.
pub async fn extend(tx: &mut Tx, scope: &str, key_hash: &str, now: Millis, expired: Millis) -> Result<Counter> {
    let statement = sql!(
        "INSERT INTO rate_counter (scope, key_hash, window_at, count) VALUES ($1, $2, $3, 1) \
         ON CONFLICT (scope, key_hash) DO UPDATE SET \
         count = CASE WHEN rate_counter.window_at <= $4 THEN 1 ELSE rate_counter.count + 1 END, window_at = $3 \
         RETURNING window_at, count"
    );
    let row = tx.one(statement, args![scope, key_hash, now, expired]).await?;
    // Either arm of the statement returns a row.
    Ok(row.unwrap_or(Counter { window_at: now, count: 1 }))
}
