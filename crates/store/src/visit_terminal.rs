//! Stays at targets of the ssh door: what they add to a visit.

use gatehouse_model::{AccessRequestId, AccountId, Millis, ResourceGroupId, ResourceId, VisitId, VoucherId};

use crate::{Query, Result, Tx, args, sql};

/// What an insert needs. Names are snapshots.
#[derive(Debug)]
pub struct NewStay<'a> {
    /// Public name of the visit.
    pub uuid: &'a str,
    /// Who.
    pub account_id: AccountId,
    /// His login.
    pub login: &'a str,
    /// The same, folded.
    pub login_folded: &'a str,
    /// His display name.
    pub name: Option<&'a str>,
    /// The same, folded.
    pub name_folded: Option<&'a str>,
    /// From where.
    pub from_address: Option<&'a str>,
    /// The process that holds it.
    pub process_id: i64,
    /// Now.
    pub at: Millis,
    /// `shell`, `exec`, `sftp`, `forward`.
    pub kind: &'a str,
    /// `web`, `web.v2`, `ssh`.
    pub client: &'a str,
    /// The resource.
    pub resource_id: ResourceId,
    /// Its name.
    pub resource_name: &'a str,
    /// The same, folded.
    pub resource_name_folded: &'a str,
    /// Its group.
    pub resource_group_id: ResourceGroupId,
    /// Its address or name.
    pub host: &'a str,
    /// Its port.
    pub port: i64,
    /// The voucher.
    pub voucher_id: VoucherId,
    /// Its name.
    pub voucher_name: &'a str,
    /// User at the target.
    pub username: &'a str,
    /// The login session it was opened with.
    pub login_session_id: Option<i64>,
    /// The API token it was opened with.
    pub api_token_id: Option<i64>,
    /// The approved request it rests on.
    pub access_request_id: Option<AccessRequestId>,
    /// The command of `exec`.
    pub command: Option<&'a str>,
    /// Fingerprint of the target.
    pub host_key: Option<&'a str>,
}

/// Inserts an open visit through the ssh door.
pub async fn insert(tx: &mut Tx, new: &NewStay<'_>) -> Result<VisitId> {
    let row: Option<(VisitId,)> = tx
        .one(
            sql!(
                "INSERT INTO visit (uuid, door, account_id, login, name, from_address, process_id, since_at, seen_at) \
                 VALUES ($1, 'ssh', $2, $3, $4, $5, $6, $7, $7) RETURNING id"
            ),
            args![new.uuid, new.account_id, new.login, new.name, new.from_address, new.process_id, new.at],
        )
        .await?;
    let (id,) = row.ok_or_else(crate::Error::missing_row)?;
    tx.exec(
        sql!(
            "INSERT INTO visit_terminal (visit_id, kind, client, resource_id, resource_name, resource_name_folded, \
             resource_group_id, host, port, voucher_id, voucher_name, username, login_session_id, api_token_id, \
             access_request_id, command, host_key, login_folded, name_folded) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)"
        ),
        args![
            id,
            new.kind,
            new.client,
            new.resource_id,
            new.resource_name,
            new.resource_name_folded,
            new.resource_group_id,
            new.host,
            new.port,
            new.voucher_id,
            new.voucher_name,
            new.username,
            new.login_session_id,
            new.api_token_id,
            new.access_request_id,
            new.command,
            new.host_key,
            new.login_folded,
            new.name_folded
        ],
    )
    .await?;
    Ok(id)
}

/// How a stay ended.
#[derive(Debug, Default)]
pub struct StayEnd<'a> {
    /// Published reason.
    pub why: &'a str,
    /// Exit status.
    pub exit_code: Option<i64>,
    /// Exit signal.
    pub exit_signal: Option<&'a str>,
    /// The true cause of a failure.
    pub cause: Option<&'a str>,
    /// Further facts: who ended it and why.
    pub detail: Option<&'a str>,
}

/// Closes a stay; 0: it is closed already.
pub async fn close(tx: &mut Tx, uuid: &str, at: Millis, end: &StayEnd<'_>) -> Result<u64> {
    let closed = tx
        .exec(
            sql!("UPDATE visit SET until_at = $2, seen_at = $2, ended_why = $3 WHERE uuid = $1 AND until_at IS NULL"),
            args![uuid, at, end.why],
        )
        .await?;
    if closed > 0 {
        tx.exec(
            sql!(
                "UPDATE visit_terminal SET exit_code = $2, exit_signal = $3, cause = $4, detail = $5 \
                 WHERE visit_id = (SELECT id FROM visit WHERE uuid = $1)"
            ),
            args![uuid, end.exit_code, end.exit_signal, end.cause, end.detail],
        )
        .await?;
    }
    Ok(closed)
}

/// Inserts the command of a stay that was let pass, with the rule that matched, if one did, and its action.
pub async fn insert_command(
    tx: &mut Tx,
    visit: VisitId,
    at: Millis,
    line: &str,
    (rule, action): (Option<&str>, &str),
) -> Result<()> {
    tx.exec(
        sql!("INSERT INTO command_line (visit_id, at, line, rule_name, action) VALUES ($1, $2, $3, $4, $5)"),
        args![visit, at, line, rule, action],
    )
    .await?;
    Ok(())
}

/// What an insert of a file transfer needs.
#[derive(Debug)]
pub struct NewTransfer<'a> {
    /// Public name of the visit.
    pub uuid: &'a str,
    /// Now.
    pub at: Millis,
    /// As the client named it.
    pub path: &'a str,
    /// `upload`, `download`.
    pub direction: &'a str,
    /// Bytes that moved.
    pub bytes: i64,
    /// In hex.
    pub sha256: Option<&'a str>,
    /// Milliseconds.
    pub duration: i64,
    /// `ok`, `failed`, `aborted`, `denied`.
    pub outcome: &'a str,
}

/// Inserts a file transfer; 0: no such visit.
pub async fn insert_transfer(tx: &mut Tx, new: &NewTransfer<'_>) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO file_transfer (visit_id, at, path, direction, bytes, sha256, duration, outcome) \
             SELECT id, $2, $3, $4, $5, $6, $7, $8 FROM visit WHERE uuid = $1"
        ),
        args![new.uuid, new.at, new.path, new.direction, new.bytes, new.sha256, new.duration, new.outcome],
    )
    .await
}

/// Makes openings of one account follow one another until the transaction ends: what is counted then stays true.
pub async fn lock_openings(tx: &mut Tx, account: AccountId) -> Result<u64> {
    // PostgreSQL would let two transactions count what neither has committed yet; SQLite has one writer anyway.
    tx.exec(sql!("UPDATE account SET epoch = epoch WHERE id = $1"), args![account]).await
}

/// Counts the open stays of an account.
pub async fn count_open(q: &mut impl Query, account: AccountId) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!("SELECT COUNT(*) AS n FROM visit WHERE account_id = $1 AND until_at IS NULL AND door = 'ssh'"),
            args![account],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Counts the open stays of an account at one resource.
pub async fn count_open_at(q: &mut impl Query, account: AccountId, resource: ResourceId) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT COUNT(*) AS n FROM visit v JOIN visit_terminal t ON t.visit_id = v.id \
                 WHERE v.account_id = $1 AND v.until_at IS NULL AND v.door = 'ssh' AND t.resource_id = $2"
            ),
            args![account, resource],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Marks the open stays of a process as alive.
pub async fn update_seen(tx: &mut Tx, process: i64, at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE visit SET seen_at = $2 WHERE process_id = $1 AND until_at IS NULL AND door = 'ssh'"),
        args![process, at],
    )
    .await
}

/// A stay that somebody asked to end.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct AskedEndRow {
    /// Public name of the visit.
    pub uuid: String,
    /// The published reason.
    pub end_asked_why: Option<String>,
    /// Who asked.
    pub end_asked_by: Option<String>,
    /// The reason he gave.
    pub end_asked_detail: Option<String>,
}

/// Lists the open stays of a process that somebody asked to end.
pub async fn list_asked(q: &mut impl Query, process: i64) -> Result<Vec<AskedEndRow>> {
    q.all(
        sql!(
            "SELECT uuid, end_asked_why, end_asked_by, end_asked_detail FROM visit \
             WHERE process_id = $1 AND until_at IS NULL AND end_asked_at IS NOT NULL AND door = 'ssh' ORDER BY id"
        ),
        args![process],
    )
    .await
}
