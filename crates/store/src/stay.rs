//! Stays at targets as staff read them: one whole, those that are open, the commands and files in them.

use gatehouse_model::{AccountId, Millis};

use crate::{Query, Result, Tx, args, sql};

/// Everything kept of one stay.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct StayDetailRow {
    /// Identity of the visit.
    pub id: i64,
    /// Its public name.
    pub uuid: String,
    /// Who.
    pub account_id: Option<AccountId>,
    /// His login as it was.
    pub login: String,
    /// His display name as it was.
    pub name: Option<String>,
    /// Client address.
    pub from_address: Option<String>,
    /// Beginning.
    pub since_at: Millis,
    /// End.
    pub until_at: Option<Millis>,
    /// Why it ended.
    pub ended_why: Option<String>,
    /// `shell`, `exec`, `sftp`, `forward`.
    pub kind: String,
    /// `web`, `web.v2`, `ssh`.
    pub client: String,
    /// The resource.
    pub resource_id: i64,
    /// Its name as it was.
    pub resource_name: String,
    /// Where it was.
    pub host: String,
    /// Its port.
    pub port: i64,
    /// The voucher.
    pub voucher_id: i64,
    /// Its name as it was.
    pub voucher_name: String,
    /// User at the target.
    pub username: String,
    /// The approved request it rested on.
    pub access_request_id: Option<i64>,
    /// The command of `exec`.
    pub command: Option<String>,
    /// Fingerprint of the target.
    pub host_key: Option<String>,
    /// Exit status.
    pub exit_code: Option<i64>,
    /// Exit signal.
    pub exit_signal: Option<String>,
    /// True cause of a failure.
    pub cause: Option<String>,
    /// Further facts; JSON `{by, reason}` when somebody ended it.
    pub detail: Option<String>,
    /// Bytes to the target.
    pub up: i64,
    /// Bytes from it.
    pub down: i64,
    /// State of its recording, if it has one.
    pub recording_state: Option<String>,
    /// Bytes of the recording.
    pub recording_bytes: Option<i64>,
    /// Milliseconds of the recording.
    pub recording_duration: Option<i64>,
}

/// Finds a stay by its id or its public name.
pub async fn find(q: &mut impl Query, id: Option<i64>, uuid: Option<&str>) -> Result<Option<StayDetailRow>> {
    q.one(
        sql!(
            "SELECT v.id, v.uuid, v.account_id, v.login, v.name, v.from_address, v.since_at, v.until_at, v.ended_why, t.kind, \
             t.client, t.resource_id, t.resource_name, t.host, t.port, t.voucher_id, t.voucher_name, t.username, \
             t.access_request_id, t.command, t.host_key, t.exit_code, t.exit_signal, t.cause, t.detail, \
             COALESCE(u.up, 0) AS up, COALESCE(u.down, 0) AS down, r.state AS recording_state, r.bytes AS recording_bytes, \
             r.duration AS recording_duration FROM visit v JOIN visit_terminal t ON t.visit_id = v.id \
             LEFT JOIN visit_usage u ON u.visit_id = v.id LEFT JOIN recording r ON r.visit_id = v.id \
             WHERE v.id = $1 OR v.uuid = $2"
        ),
        args![id, uuid],
    )
    .await
}

/// Counts open stays, of one account or of all.
pub async fn count_open(q: &mut impl Query, account: Option<AccountId>) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT COUNT(*) AS n FROM visit v JOIN visit_terminal t ON t.visit_id = v.id \
                 WHERE v.until_at IS NULL AND (CAST($1 AS BIGINT) IS NULL OR v.account_id = $1)"
            ),
            args![account],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Lists open stays by id, downwards or upwards, of one account or of all.
pub async fn list_open(
    q: &mut impl Query,
    account: Option<AccountId>,
    is_descending: bool,
    (limit, offset): (i64, i64),
) -> Result<Vec<StayDetailRow>> {
    q.all(
        sql!(
            "SELECT v.id, v.uuid, v.account_id, v.login, v.name, v.from_address, v.since_at, v.until_at, v.ended_why, t.kind, \
             t.client, t.resource_id, t.resource_name, t.host, t.port, t.voucher_id, t.voucher_name, t.username, \
             t.access_request_id, t.command, t.host_key, t.exit_code, t.exit_signal, t.cause, t.detail, \
             COALESCE(u.up, 0) AS up, COALESCE(u.down, 0) AS down, r.state AS recording_state, r.bytes AS recording_bytes, \
             r.duration AS recording_duration FROM visit v JOIN visit_terminal t ON t.visit_id = v.id \
             LEFT JOIN visit_usage u ON u.visit_id = v.id LEFT JOIN recording r ON r.visit_id = v.id \
             WHERE v.until_at IS NULL AND (CAST($1 AS BIGINT) IS NULL OR v.account_id = $1) \
             ORDER BY CASE WHEN $2 THEN -v.id ELSE v.id END LIMIT $3 OFFSET $4"
        ),
        args![account, is_descending, limit, offset],
    )
    .await
}

/// Asks the process that holds an open stay to end it, with the reason for the person; 0: it is over, or asked already.
pub async fn ask_end(tx: &mut Tx, visit: i64, why: &str, (by, reason): (&str, &str), at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE visit SET end_asked_at = $5, end_asked_why = $2, end_asked_by = $3, end_asked_detail = $4 \
             WHERE id = $1 AND until_at IS NULL AND end_asked_at IS NULL"
        ),
        args![visit, why, by, reason, at],
    )
    .await
}

/// Which commands or files; times are inclusive.
#[derive(Debug, Clone, Copy, Default)]
pub struct WithinFilter {
    /// Only of stays of this account.
    pub own: Option<AccountId>,
    /// Only of this stay.
    pub visit: Option<i64>,
    /// From then on.
    pub from: Option<Millis>,
    /// Until then.
    pub until: Option<Millis>,
}

/// A command that was given to `exec`, with its stay.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct CommandRow {
    /// Identity.
    pub id: i64,
    /// When.
    pub at: Millis,
    /// The command.
    pub line: String,
    /// The rule that decided, if one did.
    pub rule_name: Option<String>,
    /// `allow`, `warn`, `deny`, `terminate`.
    pub action: String,
    /// Public name of the visit.
    pub uuid: String,
    /// Who.
    pub account_id: Option<AccountId>,
    /// His display name as it was, else his login.
    pub user_name: String,
    /// The resource.
    pub resource_id: i64,
    /// Its name as it was.
    pub resource_name: String,
}

/// Counts commands.
pub async fn count_commands(q: &mut impl Query, filter: WithinFilter) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT COUNT(*) AS n FROM command_line c JOIN visit v ON v.id = c.visit_id \
                 WHERE (CAST($1 AS BIGINT) IS NULL OR v.account_id = $1) AND (CAST($2 AS BIGINT) IS NULL OR c.visit_id = $2) \
                 AND (CAST($3 AS BIGINT) IS NULL OR c.at >= $3) AND (CAST($4 AS BIGINT) IS NULL OR c.at <= $4)"
            ),
            args![filter.own, filter.visit, filter.from, filter.until],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Lists commands by id, downwards or upwards.
pub async fn list_commands(
    q: &mut impl Query,
    filter: WithinFilter,
    is_descending: bool,
    (limit, offset): (i64, i64),
) -> Result<Vec<CommandRow>> {
    q.all(
        sql!(
            "SELECT c.id, c.at, c.line, c.rule_name, c.action, v.uuid, v.account_id, COALESCE(v.name, v.login) AS user_name, \
             t.resource_id, t.resource_name FROM command_line c JOIN visit v ON v.id = c.visit_id \
             JOIN visit_terminal t ON t.visit_id = c.visit_id \
             WHERE (CAST($1 AS BIGINT) IS NULL OR v.account_id = $1) AND (CAST($2 AS BIGINT) IS NULL OR c.visit_id = $2) \
             AND (CAST($3 AS BIGINT) IS NULL OR c.at >= $3) AND (CAST($4 AS BIGINT) IS NULL OR c.at <= $4) \
             ORDER BY CASE WHEN $5 THEN -c.id ELSE c.id END LIMIT $6 OFFSET $7"
        ),
        args![filter.own, filter.visit, filter.from, filter.until, is_descending, limit, offset],
    )
    .await
}

/// A file that was moved, with its stay.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct FileRow {
    /// Identity.
    pub id: i64,
    /// When it began.
    pub at: Millis,
    /// Path at the target.
    pub path: String,
    /// `upload`, `download`.
    pub direction: String,
    /// Bytes moved.
    pub bytes: i64,
    /// SHA-256 in hex, of one sequential transfer.
    pub sha256: Option<String>,
    /// Milliseconds it took.
    pub duration: i64,
    /// `ok`, or why not.
    pub outcome: String,
    /// Public name of the visit.
    pub uuid: String,
    /// Who.
    pub account_id: Option<AccountId>,
    /// His display name as it was, else his login.
    pub user_name: String,
    /// The resource.
    pub resource_id: i64,
    /// Its name as it was.
    pub resource_name: String,
}

/// Counts files that were moved.
pub async fn count_files(q: &mut impl Query, filter: WithinFilter) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT COUNT(*) AS n FROM file_transfer f JOIN visit v ON v.id = f.visit_id \
                 WHERE (CAST($1 AS BIGINT) IS NULL OR v.account_id = $1) AND (CAST($2 AS BIGINT) IS NULL OR f.visit_id = $2) \
                 AND (CAST($3 AS BIGINT) IS NULL OR f.at >= $3) AND (CAST($4 AS BIGINT) IS NULL OR f.at <= $4)"
            ),
            args![filter.own, filter.visit, filter.from, filter.until],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Lists files that were moved by id, downwards or upwards.
pub async fn list_files(
    q: &mut impl Query,
    filter: WithinFilter,
    is_descending: bool,
    (limit, offset): (i64, i64),
) -> Result<Vec<FileRow>> {
    q.all(
        sql!(
            "SELECT f.id, f.at, f.path, f.direction, f.bytes, f.sha256, f.duration, f.outcome, v.uuid, v.account_id, \
             COALESCE(v.name, v.login) AS user_name, t.resource_id, t.resource_name FROM file_transfer f \
             JOIN visit v ON v.id = f.visit_id JOIN visit_terminal t ON t.visit_id = f.visit_id \
             WHERE (CAST($1 AS BIGINT) IS NULL OR v.account_id = $1) AND (CAST($2 AS BIGINT) IS NULL OR f.visit_id = $2) \
             AND (CAST($3 AS BIGINT) IS NULL OR f.at >= $3) AND (CAST($4 AS BIGINT) IS NULL OR f.at <= $4) \
             ORDER BY CASE WHEN $5 THEN -f.id ELSE f.id END LIMIT $6 OFFSET $7"
        ),
        args![filter.own, filter.visit, filter.from, filter.until, is_descending, limit, offset],
    )
    .await
}
