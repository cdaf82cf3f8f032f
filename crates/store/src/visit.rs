//! Access sessions: one stay through a door.

use gatehouse_model::{AccountId, Millis};

use crate::{Query, Result, Tx, args, sql};

/// A row of `visit` with its traffic.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct VisitRow {
    /// Identity.
    pub id: i64,
    /// Public name.
    pub uuid: String,
    /// Door.
    pub door: String,
    /// Account; it may be gone.
    pub account_id: Option<AccountId>,
    /// Login as it was.
    pub login: String,
    /// Name as it was.
    pub name: Option<String>,
    /// Client address.
    pub from_address: Option<String>,
    /// Node name as it was.
    pub node_name: Option<String>,
    /// Name of the resource as it was.
    pub resource_name: Option<String>,
    /// Name of the voucher as it was.
    pub voucher_name: Option<String>,
    /// User at the target.
    pub username: Option<String>,
    /// What the stay at the target is for.
    pub kind: Option<String>,
    /// Beginning.
    pub since_at: Millis,
    /// Last sign of life.
    pub seen_at: Millis,
    /// End.
    pub until_at: Option<Millis>,
    /// Why it ended.
    pub ended_why: Option<String>,
    /// Raw bytes up.
    pub up: i64,
    /// Raw bytes down.
    pub down: i64,
}

/// Adds raw bytes to a visit.
pub async fn add_usage(tx: &mut Tx, uuid: &str, up: i64, down: i64, seen_at: Millis) -> Result<u64> {
    tx.exec(sql!("UPDATE visit SET seen_at = $2 WHERE uuid = $1"), args![uuid, seen_at]).await?;
    tx.exec(
        sql!(
            "INSERT INTO visit_usage (visit_id, up, down) SELECT id, $2, $3 FROM visit WHERE uuid = $1 \
             ON CONFLICT (visit_id) DO UPDATE SET up = visit_usage.up + $2, down = visit_usage.down + $3"
        ),
        args![uuid, up, down],
    )
    .await
}

/// Closes the open visits of a process that vanished, at their last sign of life.
pub async fn close_lost(tx: &mut Tx, process: i64) -> Result<u64> {
    tx.exec(
        sql!("UPDATE visit SET until_at = seen_at, ended_why = 'lost' WHERE process_id = $1 AND until_at IS NULL"),
        args![process],
    )
    .await
}

/// Lists the visits of a process that somebody asked to end: (uuid, account, why).
pub async fn list_asked(q: &mut impl Query, process: i64) -> Result<Vec<(String, Option<AccountId>, Option<String>)>> {
    q.all(
        sql!(
            "SELECT uuid, account_id, end_asked_why FROM visit \
             WHERE process_id = $1 AND until_at IS NULL AND end_asked_at IS NOT NULL ORDER BY id"
        ),
        args![process],
    )
    .await
}

/// Asks the owning process to end a visit.
pub async fn ask_end(tx: &mut Tx, uuid: &str, why: &str, by: &str, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE visit SET end_asked_at = $4, end_asked_why = $2, end_asked_by = $3 \
             WHERE uuid = $1 AND until_at IS NULL AND end_asked_at IS NULL"
        ),
        args![uuid, why, by, at],
    )
    .await
}

/// Lists visits newest first before an id; open ones only, or of one account.
pub async fn list(
    q: &mut impl Query,
    before: i64,
    only_open: bool,
    account: Option<AccountId>,
    limit: i64,
) -> Result<Vec<VisitRow>> {
    q.all(
        sql!(
            "SELECT v.id, v.uuid, v.door, v.account_id, v.login, v.name, v.from_address, v.node_name, t.resource_name, t.voucher_name, \
             t.username, t.kind, v.since_at, v.seen_at, v.until_at, v.ended_why, COALESCE(u.up, 0) AS up, \
             COALESCE(u.down, 0) AS down FROM visit v LEFT JOIN visit_usage u ON u.visit_id = v.id \
             LEFT JOIN visit_terminal t ON t.visit_id = v.id WHERE v.id < $1 AND ($2 = $5 OR v.until_at IS NULL) \
             AND (CAST($3 AS BIGINT) IS NULL OR v.account_id = $3) ORDER BY v.id DESC LIMIT $4"
        ),
        args![before, only_open, account.map(|a| a.0), limit, false],
    )
    .await
}

/// Deletes closed visits of a door that ended before a moment, at most `limit`.
pub async fn delete_old(tx: &mut Tx, door: &str, before: Millis, limit: i64) -> Result<u64> {
    tx.exec(
        sql!(
            "DELETE FROM visit WHERE id IN (SELECT id FROM visit WHERE door = $1 AND until_at < $2 ORDER BY until_at, id LIMIT $3)"
        ),
        args![door, before, limit],
    )
    .await
}
