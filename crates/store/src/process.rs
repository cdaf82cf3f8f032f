//! The running processes over one database.

use gatehouse_model::Millis;

use crate::{Query, Result, Tx, args, sql};

/// Inserts a process.
pub async fn insert(tx: &mut Tx, name: &str, at: Millis) -> Result<i64> {
    let row: Option<(i64,)> = tx
        .one(sql!("INSERT INTO process (name, started_at, seen_at) VALUES ($1, $2, $2) RETURNING id"), args![name, at])
        .await?;
    row.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Says that a process lives.
pub async fn update_seen(tx: &mut Tx, id: i64, at: Millis) -> Result<u64> {
    tx.exec(sql!("UPDATE process SET seen_at = $2 WHERE id = $1"), args![id, at]).await
}

/// Lists processes not seen since a moment that did not end in order.
pub async fn list_lost(q: &mut impl Query, before: Millis) -> Result<Vec<(i64, Millis)>> {
    q.all(sql!("SELECT id, seen_at FROM process WHERE ended_at IS NULL AND seen_at < $1 ORDER BY id"), args![before])
        .await
}

/// Marks a process as ended.
pub async fn end(tx: &mut Tx, id: i64, at: Millis) -> Result<u64> {
    tx.exec(sql!("UPDATE process SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL"), args![id, at]).await
}

/// The database server's own clock. The one statement that asks for it: everything else is told the time.
pub async fn find_clock(q: &mut impl Query) -> Result<Option<Millis>> {
    let row: Option<(Millis,)> = q
        .one(
            sql! {
                sqlite: "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS at",
                postgres: "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS at"
            },
            args![],
        )
        .await?;
    Ok(row.map(|(at,)| at))
}

/// Counts processes that are running.
pub async fn count_running(q: &mut impl Query, since: Millis) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!("SELECT CAST(COUNT(*) AS BIGINT) AS rows FROM process WHERE ended_at IS NULL AND seen_at >= $1"),
            args![since],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}
