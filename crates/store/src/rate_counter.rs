//! Counters of limits that must survive a restart.

use gatehouse_model::Millis;

use crate::{Query, Result, Tx, args, sql};

/// Counts one event in a window; gives the count so far. An old window starts anew.
pub async fn count(tx: &mut Tx, scope: &str, key_hash: &str, now: Millis, window_start: Millis) -> Result<i64> {
    let row: Option<(i64,)> = tx
        .one(
            sql!(
                "INSERT INTO rate_counter (scope, key_hash, window_at, count) VALUES ($1, $2, $3, 1) \
                 ON CONFLICT (scope, key_hash) DO UPDATE SET \
                 count = CASE WHEN rate_counter.window_at < $4 THEN 1 ELSE rate_counter.count + 1 END, \
                 window_at = CASE WHEN rate_counter.window_at < $4 THEN $3 ELSE rate_counter.window_at END RETURNING count"
            ),
            args![scope, key_hash, now, window_start],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// The count of a window that is still running.
pub async fn find(q: &mut impl Query, scope: &str, key_hash: &str, window_start: Millis) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!("SELECT count FROM rate_counter WHERE scope = $1 AND key_hash = $2 AND window_at >= $3"),
            args![scope, key_hash, window_start],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Forgets a counter.
pub async fn delete(tx: &mut Tx, scope: &str, key_hash: &str) -> Result<u64> {
    tx.exec(sql!("DELETE FROM rate_counter WHERE scope = $1 AND key_hash = $2"), args![scope, key_hash]).await
}

/// Forgets the counters whose window began before a moment.
pub async fn delete_old(tx: &mut Tx, before: Millis) -> Result<u64> {
    tx.exec(sql!("DELETE FROM rate_counter WHERE window_at < $1"), args![before]).await
}
