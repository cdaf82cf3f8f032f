//! Recordings of terminals: where their file is and what is in it.

use gatehouse_model::Millis;

use crate::{Query, Result, Tx, args, sql};

/// A row of `recording` with the public name of its visit.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct RecordingRow {
    /// The visit.
    pub visit_id: i64,
    /// Its public name.
    pub uuid: String,
    /// The file, below the folder of recordings; empty when none was made.
    pub path: String,
    /// `open`, `complete`, `interrupted`, `failed`, `deleted`.
    pub state: String,
    /// Records as of the last entry in the audit trail.
    pub records: i64,
    /// Bytes of the file then.
    pub bytes: i64,
    /// Milliseconds from its beginning to its last event then.
    pub duration: i64,
    /// Chain value after the last record then.
    pub chain: Option<Vec<u8>>,
    /// Its beginning.
    pub created_at: Millis,
}

/// What is known of a recording's content.
#[derive(Debug, Clone, Copy)]
pub struct Extent<'a> {
    /// Records.
    pub records: i64,
    /// Bytes of the file.
    pub bytes: i64,
    /// Milliseconds from its beginning to its last event.
    pub duration: i64,
    /// Chain value after the last record.
    pub chain: &'a [u8],
}

/// Inserts the recording of a visit; gives the visit's id, or nothing when there is no such visit.
pub async fn insert(tx: &mut Tx, visit: &str, path: &str, state: &str, at: Millis) -> Result<Option<i64>> {
    let row: Option<(i64,)> = tx
        .one(
            sql!(
                "INSERT INTO recording (visit_id, path, state, records, bytes, duration, created_at, updated_at) \
                 SELECT id, $2, $3, 0, 0, 0, $4, $4 FROM visit WHERE uuid = $1 RETURNING visit_id"
            ),
            args![visit, path, state, at],
        )
        .await?;
    Ok(row.map(|(id,)| id))
}

/// Notes the content of an open recording and its new state.
pub async fn update_open(tx: &mut Tx, visit: i64, state: &str, extent: Extent<'_>, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE recording SET state = $2, records = $3, bytes = $4, duration = $5, chain = $6, updated_at = $7 \
             WHERE visit_id = $1 AND state = 'open'"
        ),
        args![visit, state, extent.records, extent.bytes, extent.duration, extent.chain, at],
    )
    .await
}

/// Changes the state of an open recording whose content is not known.
pub async fn update_open_state(tx: &mut Tx, visit: i64, state: &str, at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE recording SET state = $2, updated_at = $3 WHERE visit_id = $1 AND state = 'open'"),
        args![visit, state, at],
    )
    .await
}

/// Notes that the file of a recording was deleted.
pub async fn update_deleted(tx: &mut Tx, visit: i64, at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE recording SET state = 'deleted', updated_at = $2 WHERE visit_id = $1 AND state NOT IN ('open', 'deleted')"),
        args![visit, at],
    )
    .await
}

/// Moves the end of a lost visit to the last sign of life in its recording.
pub async fn update_lost_end(tx: &mut Tx, visit: i64, until: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE visit SET until_at = $2, seen_at = $2 WHERE id = $1 AND ended_why = 'lost' AND until_at <> $2"),
        args![visit, until],
    )
    .await
}

/// Finds the id of a visit.
pub async fn find_visit(q: &mut impl Query, visit: &str) -> Result<Option<i64>> {
    let row: Option<(i64,)> = q.one(sql!("SELECT id FROM visit WHERE uuid = $1"), args![visit]).await?;
    Ok(row.map(|(id,)| id))
}

/// Finds the recording of a visit.
pub async fn find(q: &mut impl Query, visit: &str) -> Result<Option<RecordingRow>> {
    q.one(
        sql!(
            "SELECT r.visit_id, v.uuid, r.path, r.state, r.records, r.bytes, r.duration, r.chain, r.created_at \
             FROM recording r JOIN visit v ON v.id = r.visit_id WHERE v.uuid = $1"
        ),
        args![visit],
    )
    .await
}

/// Lists recordings that have a file, by their visit, after one.
pub async fn list_after(q: &mut impl Query, after: i64, limit: i64) -> Result<Vec<RecordingRow>> {
    q.all(
        sql!(
            "SELECT r.visit_id, v.uuid, r.path, r.state, r.records, r.bytes, r.duration, r.chain, r.created_at \
             FROM recording r JOIN visit v ON v.id = r.visit_id \
             WHERE r.visit_id > $1 AND r.state <> 'deleted' AND r.path <> '' ORDER BY r.visit_id LIMIT $2"
        ),
        args![after, limit],
    )
    .await
}

/// Lists open recordings whose process has ended.
pub async fn list_orphaned(q: &mut impl Query, limit: i64) -> Result<Vec<RecordingRow>> {
    q.all(
        sql!(
            "SELECT r.visit_id, v.uuid, r.path, r.state, r.records, r.bytes, r.duration, r.chain, r.created_at \
             FROM recording r JOIN visit v ON v.id = r.visit_id JOIN process p ON p.id = v.process_id \
             WHERE r.state = 'open' AND p.ended_at IS NOT NULL ORDER BY r.visit_id LIMIT $1"
        ),
        args![limit],
    )
    .await
}

/// Lists closed recordings that began before a moment and still have their file, oldest first.
pub async fn list_before(q: &mut impl Query, before: Millis, limit: i64) -> Result<Vec<RecordingRow>> {
    q.all(
        sql!(
            "SELECT r.visit_id, v.uuid, r.path, r.state, r.records, r.bytes, r.duration, r.chain, r.created_at \
             FROM recording r JOIN visit v ON v.id = r.visit_id \
             WHERE r.state IN ('complete', 'interrupted', 'failed') AND r.created_at < $1 \
             ORDER BY r.created_at, r.visit_id LIMIT $2"
        ),
        args![before, limit],
    )
    .await
}

/// The bytes of all files that are kept.
pub async fn sum_bytes(q: &mut impl Query) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!("SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) AS bytes FROM recording WHERE state <> 'deleted'"),
            args![],
        )
        .await?;
    Ok(row.map_or(0, |(bytes,)| bytes))
}

/// What the audit trail last said of a recording's content.
pub async fn find_chain_entry(q: &mut impl Query, visit: i64) -> Result<Option<String>> {
    let row: Option<(Option<String>,)> = q
        .one(
            sql!(
                "SELECT detail FROM audit WHERE object_kind = 'recording' AND object_id = $1 AND action = 'recording.chain' \
                 ORDER BY id DESC LIMIT 1"
            ),
            args![visit],
        )
        .await?;
    Ok(row.and_then(|(detail,)| detail))
}
