//! The audit trail and the hash chains over it.

use gatehouse_model::{Millis, fold_key};

use sqlx::{ColumnIndex, Decode, FromRow, Type};

use crate::{Query, Result, Tx, args, sql};

/// A row of `audit`. Names are snapshots, never references.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct AuditRow {
    /// Identity.
    pub id: i64,
    /// When.
    pub at: Millis,
    /// `login`, `change`, `access`, `alert`.
    pub stream: String,
    /// `system`, `operator`, `machine`, `account`, `anonymous`.
    pub actor_kind: String,
    /// Account or token id.
    pub actor_id: Option<i64>,
    /// Name of the actor.
    pub actor_name: String,
    /// Display name of a person.
    pub actor_label: Option<String>,
    /// Surface, door or command line.
    pub origin: String,
    /// `area.object.action`.
    pub action: String,
    /// Kind of the object.
    pub object_kind: String,
    /// Its id.
    pub object_id: Option<i64>,
    /// Its name.
    pub object_name: String,
    /// `ok`, or the reason of a refusal.
    pub outcome: String,
    /// Client address.
    pub address: Option<String>,
    /// The request that caused it.
    pub request_id: String,
    /// Further facts as JSON; no secrets.
    pub detail: Option<String>,
}

/// Inserts an audit row; its `id` is ignored.
pub async fn insert(tx: &mut Tx, row: &AuditRow) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO audit (at, stream, actor_kind, actor_id, actor_name, origin, action, object_kind, object_id, object_name, \
             outcome, address, request_id, detail, actor_label, who_folded) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
        ),
        args![
            row.at,
            &row.stream,
            &row.actor_kind,
            row.actor_id,
            &row.actor_name,
            &row.origin,
            &row.action,
            &row.object_kind,
            row.object_id,
            &row.object_name,
            &row.outcome,
            row.address.as_deref(),
            &row.request_id,
            row.detail.as_deref(),
            row.actor_label.as_deref(),
            who_folded(row)
        ],
    )
    .await
}

/// What searches for a person compare: login and display name of the actor, or of whom somebody tried to log in as.
fn who_folded(row: &AuditRow) -> String {
    let name = if row.stream == "login" { &row.object_name } else { &row.actor_name };
    match row.actor_label.as_deref().filter(|label| *label != name) {
        Some(label) => fold_key(&format!("{name}\n{label}")),
        None => fold_key(name),
    }
}

/// Lists rows before an id, newest first, optionally of one action.
pub async fn list(q: &mut impl Query, before: i64, action: Option<&str>, limit: i64) -> Result<Vec<AuditRow>> {
    q.all(
        sql!(
            "SELECT * FROM audit WHERE id < $1 AND (CAST($2 AS TEXT) IS NULL OR action = $2) ORDER BY id DESC LIMIT $3"
        ),
        args![before, action, limit],
    )
    .await
}

/// The highest id below which every row is chained, as far as rows younger than `recent` allow to say.
///
/// Ids are given before the commit: a row may appear below chained ones, but no transaction lives for a minute.
pub async fn chained_to(q: &mut impl Query, recent: Millis) -> Result<i64> {
    let row: Option<(Option<i64>, Option<i64>)> = q
        .one(
            sql!(
                "SELECT (SELECT MAX(audit_id) FROM audit_chain) AS chained, (SELECT MIN(id) FROM audit WHERE at >= $1) AS recent"
            ),
            args![recent],
        )
        .await?;
    let (chained, recent) = row.unwrap_or_default();
    Ok(match (chained, recent) {
        (None, _) => 0,
        (Some(chained), None) => chained,
        (Some(chained), Some(recent)) => chained.min(recent.saturating_sub(1)),
    })
}

/// Lists rows above an id that no chain holds yet, oldest first.
pub async fn list_unchained(q: &mut impl Query, above: i64, limit: i64) -> Result<Vec<AuditRow>> {
    q.all(
        sql!(
            "SELECT a.* FROM audit a WHERE a.id > $1 AND NOT EXISTS (SELECT 1 FROM audit_chain c WHERE c.audit_id = a.id) \
             ORDER BY a.id LIMIT $2"
        ),
        args![above, limit],
    )
    .await
}

/// The last link of a stream's chain: sequence number and hash.
pub async fn find_head(q: &mut impl Query, stream: &str) -> Result<Option<(i64, Vec<u8>)>> {
    q.one(sql!("SELECT seq, hash FROM audit_chain WHERE stream = $1 ORDER BY seq DESC LIMIT 1"), args![stream]).await
}

/// Inserts a link.
pub async fn insert_link(tx: &mut Tx, stream: &str, seq: i64, audit_id: i64, hash: &[u8]) -> Result<u64> {
    tx.exec(
        sql!("INSERT INTO audit_chain (stream, seq, audit_id, hash) VALUES ($1, $2, $3, $4)"),
        args![stream, seq, audit_id, hash],
    )
    .await
}

/// A link with the row it holds.
#[derive(Debug, Clone)]
pub struct LinkRow {
    /// Position in the chain.
    pub seq: i64,
    /// The row's id.
    pub audit_id: i64,
    /// Hash over the previous hash and the row.
    pub hash: Vec<u8>,
    /// The row, if it is still there.
    pub row: Option<AuditRow>,
}

impl<'r, R> FromRow<'r, R> for LinkRow
where
    R: sqlx::Row,
    AuditRow: FromRow<'r, R>,
    for<'c> &'c str: ColumnIndex<R>,
    i64: Type<R::Database> + Decode<'r, R::Database>,
    Vec<u8>: Type<R::Database> + Decode<'r, R::Database>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        let is_there = row.try_get::<Option<i64>, _>("id")?.is_some();
        Ok(Self {
            seq: row.try_get("seq")?,
            audit_id: row.try_get("audit_id")?,
            hash: row.try_get("hash")?,
            row: is_there.then(|| AuditRow::from_row(row)).transpose()?,
        })
    }
}

/// Lists the links of a stream after a position, with their rows.
pub async fn list_links(q: &mut impl Query, stream: &str, after: i64, limit: i64) -> Result<Vec<LinkRow>> {
    q.all(
        sql!(
            "SELECT c.seq, c.audit_id, c.hash, a.* FROM audit_chain c LEFT JOIN audit a ON a.id = c.audit_id \
             WHERE c.stream = $1 AND c.seq > $2 ORDER BY c.seq LIMIT $3"
        ),
        args![stream, after, limit],
    )
    .await
}

/// Deletes the rows of a stream up to a position in its chain, and the links before it: that link stays as the end of what
/// was removed. Gives how many rows went.
pub async fn delete_segment(tx: &mut Tx, stream: &str, to: i64) -> Result<u64> {
    let deleted = tx
        .exec(
            sql!("DELETE FROM audit WHERE id IN (SELECT audit_id FROM audit_chain WHERE stream = $1 AND seq <= $2)"),
            args![stream, to],
        )
        .await?;
    tx.exec(sql!("DELETE FROM audit_chain WHERE stream = $1 AND seq < $2"), args![stream, to]).await?;
    Ok(deleted)
}

/// Lists the streams that have a chain.
pub async fn list_streams(q: &mut impl Query) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = q.all(sql!("SELECT DISTINCT stream FROM audit_chain ORDER BY stream"), args![]).await?;
    Ok(rows.into_iter().map(|(stream,)| stream).collect())
}
