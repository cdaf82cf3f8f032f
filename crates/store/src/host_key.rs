//! Public keys of targets: pinned ones, and ones that were presented and wait for a decision.

use gatehouse_model::{HostKeyId, Millis};

use crate::{Query, Result, Tx, args, sql};

/// A row of `host_key`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct HostKeyRow {
    /// Identity.
    pub id: HostKeyId,
    /// Address or name as it is dialled.
    pub host: String,
    /// Port.
    pub port: i64,
    /// `ssh-ed25519` …
    pub algorithm: String,
    /// `ssh-ed25519 AAAA…`
    pub public_key: String,
    /// `SHA256:…`
    pub fingerprint: String,
    /// `pinned` or `pending`.
    pub state: String,
    /// Who pinned it.
    pub decided_by: Option<String>,
    /// When it was first seen or added.
    pub created_at: Millis,
    /// When its state changed last.
    pub updated_at: Millis,
}

/// What an insert needs.
#[derive(Debug, Clone, Copy)]
pub struct NewHostKey<'a> {
    /// Address or name as it is dialled.
    pub host: &'a str,
    /// Port.
    pub port: i64,
    /// `ssh-ed25519` …
    pub algorithm: &'a str,
    /// `ssh-ed25519 AAAA…`
    pub public_key: &'a str,
    /// `SHA256:…`
    pub fingerprint: &'a str,
}

/// Inserts a pinned key, or pins the one that waits; gives its id.
pub async fn insert_pinned(tx: &mut Tx, new: NewHostKey<'_>, by: &str, at: Millis) -> Result<HostKeyId> {
    let row: Option<(HostKeyId,)> = tx
        .one(
            sql!(
                "INSERT INTO host_key (host, port, algorithm, public_key, fingerprint, state, decided_by, created_at, updated_at) \
                 VALUES ($1, $2, $3, $4, $5, 'pinned', $6, $7, $7) ON CONFLICT (host, port, fingerprint) \
                 DO UPDATE SET state = 'pinned', decided_by = $6, updated_at = $7 RETURNING id"
            ),
            args![new.host, new.port, new.algorithm, new.public_key, new.fingerprint, by, at],
        )
        .await?;
    row.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Inserts a key that waits for a decision; one that is known is left alone. 0: it is.
pub async fn insert_pending(tx: &mut Tx, new: NewHostKey<'_>, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO host_key (host, port, algorithm, public_key, fingerprint, state, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, 'pending', $6, $6) ON CONFLICT DO NOTHING"
        ),
        args![new.host, new.port, new.algorithm, new.public_key, new.fingerprint, at],
    )
    .await
}

/// Finds a key.
pub async fn find(q: &mut impl Query, id: HostKeyId) -> Result<Option<HostKeyRow>> {
    q.one(
        sql!(
            "SELECT id, host, port, algorithm, public_key, fingerprint, state, decided_by, created_at, updated_at FROM host_key WHERE id = $1"
        ),
        args![id],
    )
    .await
}

/// Lists all keys of a target, pinned and waiting.
pub async fn list_of_host(q: &mut impl Query, host: &str, port: i64) -> Result<Vec<HostKeyRow>> {
    q.all(
        sql!(
            "SELECT id, host, port, algorithm, public_key, fingerprint, state, decided_by, created_at, updated_at FROM host_key \
             WHERE host = $1 AND port = $2 ORDER BY id"
        ),
        args![host, port],
    )
    .await
}

/// Counts keys; `host` is a `LIKE` pattern with `\` as escape.
pub async fn count(q: &mut impl Query, host: Option<&str>, state: Option<&str>) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT COUNT(*) AS n FROM host_key WHERE (CAST($1 AS TEXT) IS NULL OR host LIKE $1 ESCAPE '\\') \
                 AND (CAST($2 AS TEXT) IS NULL OR state = $2)"
            ),
            args![host, state],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Lists keys by id, downwards or upwards; `host` is a `LIKE` pattern with `\` as escape.
pub async fn list(
    q: &mut impl Query,
    (host, state): (Option<&str>, Option<&str>),
    is_descending: bool,
    (limit, offset): (i64, i64),
) -> Result<Vec<HostKeyRow>> {
    let direction = if is_descending { -1_i64 } else { 1 };
    q.all(
        sql!(
            "SELECT id, host, port, algorithm, public_key, fingerprint, state, decided_by, created_at, updated_at FROM host_key \
             WHERE (CAST($1 AS TEXT) IS NULL OR host LIKE $1 ESCAPE '\\') AND (CAST($2 AS TEXT) IS NULL OR state = $2) \
             ORDER BY id * $3 LIMIT $4 OFFSET $5"
        ),
        args![host, state, direction, limit, offset],
    )
    .await
}

/// Pins a key that waits; 0: it does not.
pub async fn update_pinned(tx: &mut Tx, id: HostKeyId, by: &str, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE host_key SET state = 'pinned', decided_by = $2, updated_at = $3 WHERE id = $1 AND state = 'pending'"
        ),
        args![id, by, at],
    )
    .await
}

/// Deletes a key.
pub async fn delete(tx: &mut Tx, id: HostKeyId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM host_key WHERE id = $1"), args![id]).await
}
