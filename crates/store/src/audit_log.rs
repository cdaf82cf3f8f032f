//! The audit trail as the bastion shows it: logins, operations, stays at targets; and as it is exported.

use gatehouse_model::{AccountId, Millis};

use crate::{Query, Result, args, audit::AuditRow, sql};

/// A row of the login or operation log.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct LogRow {
    /// Identity of the audit row.
    pub id: i64,
    /// When.
    pub at: Millis,
    /// Whose login, or who did it; none: no account.
    pub user_id: Option<AccountId>,
    /// Display name as it was, else the login.
    pub user_name: String,
    /// Client address.
    pub address: Option<String>,
    /// What was done.
    pub action: String,
    /// Id of what it was done to.
    pub object_id: Option<i64>,
    /// `ok`, or the reason of a refusal.
    pub outcome: String,
}

/// Which rows of a log. Texts are `LIKE` patterns on folded columns, with `\` as escape; times are inclusive.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogFilter<'a> {
    /// Only rows of this account.
    pub own: Option<AccountId>,
    /// On login and display name.
    pub who: Option<&'a str>,
    /// On the client address.
    pub address: Option<&'a str>,
    /// From then on.
    pub from: Option<Millis>,
    /// Until then.
    pub until: Option<Millis>,
}

/// Which operations. Lists of actions are texts like `,role.create,role.edit,`.
#[derive(Debug, Clone, Copy)]
pub struct Actions<'a> {
    /// Every row of these.
    pub whole: &'a str,
    /// Rows of these whose object id fits the pattern.
    pub by_id: &'a str,
    /// `LIKE` pattern on the object id.
    pub id: &'a str,
}

/// Counts logins to the bastion and the ssh door.
pub async fn count_logins(q: &mut impl Query, filter: LogFilter<'_>) -> Result<i64> {
    let statement = if filter.own.is_some() {
        sql!(
            "SELECT COUNT(*) AS n FROM audit WHERE stream = 'login' AND action = 'account.login' AND origin IN ('bastion', 'system') \
                 AND object_kind = 'account' AND object_id = $1 \
                 AND (CAST($2 AS TEXT) IS NULL OR who_folded LIKE $2 ESCAPE '\\') \
                 AND (CAST($3 AS TEXT) IS NULL OR address LIKE $3 ESCAPE '\\') \
                 AND (CAST($4 AS BIGINT) IS NULL OR at >= $4) AND (CAST($5 AS BIGINT) IS NULL OR at <= $5)"
        )
    } else {
        sql!(
            "SELECT COUNT(*) AS n FROM audit WHERE stream = 'login' AND action = 'account.login' AND origin IN ('bastion', 'system') \
                 AND (CAST($1 AS BIGINT) IS NULL OR (object_kind = 'account' AND object_id = $1)) \
                 AND (CAST($2 AS TEXT) IS NULL OR who_folded LIKE $2 ESCAPE '\\') \
                 AND (CAST($3 AS TEXT) IS NULL OR address LIKE $3 ESCAPE '\\') \
                 AND (CAST($4 AS BIGINT) IS NULL OR at >= $4) AND (CAST($5 AS BIGINT) IS NULL OR at <= $5)"
        )
    };
    let row: Option<(i64,)> =
        q.one(statement, args![filter.own, filter.who, filter.address, filter.from, filter.until]).await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Lists logins to the bastion and the ssh door by id, downwards or upwards.
pub async fn list_logins(
    q: &mut impl Query,
    filter: LogFilter<'_>,
    is_descending: bool,
    (limit, offset): (i64, i64),
) -> Result<Vec<LogRow>> {
    // A text for each: a parameter can choose neither the index nor its direction.
    let statement = match (filter.own.is_some(), is_descending) {
        (false, true) => sql!(
            "SELECT id, at, CASE WHEN object_kind = 'account' THEN object_id END AS user_id, \
             COALESCE(actor_label, object_name) AS user_name, address, action, object_id, outcome FROM audit \
             WHERE stream = 'login' AND action = 'account.login' AND origin IN ('bastion', 'system') \
             AND (CAST($1 AS BIGINT) IS NULL OR (object_kind = 'account' AND object_id = $1)) \
             AND (CAST($2 AS TEXT) IS NULL OR who_folded LIKE $2 ESCAPE '\\') \
             AND (CAST($3 AS TEXT) IS NULL OR address LIKE $3 ESCAPE '\\') \
             AND (CAST($4 AS BIGINT) IS NULL OR at >= $4) AND (CAST($5 AS BIGINT) IS NULL OR at <= $5) \
             ORDER BY id DESC LIMIT $6 OFFSET $7"
        ),
        (false, false) => sql!(
            "SELECT id, at, CASE WHEN object_kind = 'account' THEN object_id END AS user_id, \
             COALESCE(actor_label, object_name) AS user_name, address, action, object_id, outcome FROM audit \
             WHERE stream = 'login' AND action = 'account.login' AND origin IN ('bastion', 'system') \
             AND (CAST($1 AS BIGINT) IS NULL OR (object_kind = 'account' AND object_id = $1)) \
             AND (CAST($2 AS TEXT) IS NULL OR who_folded LIKE $2 ESCAPE '\\') \
             AND (CAST($3 AS TEXT) IS NULL OR address LIKE $3 ESCAPE '\\') \
             AND (CAST($4 AS BIGINT) IS NULL OR at >= $4) AND (CAST($5 AS BIGINT) IS NULL OR at <= $5) \
             ORDER BY id LIMIT $6 OFFSET $7"
        ),
        (true, true) => sql!(
            "SELECT id, at, CASE WHEN object_kind = 'account' THEN object_id END AS user_id, \
             COALESCE(actor_label, object_name) AS user_name, address, action, object_id, outcome FROM audit \
             WHERE stream = 'login' AND action = 'account.login' AND origin IN ('bastion', 'system') \
             AND object_kind = 'account' AND object_id = $1 \
             AND (CAST($2 AS TEXT) IS NULL OR who_folded LIKE $2 ESCAPE '\\') \
             AND (CAST($3 AS TEXT) IS NULL OR address LIKE $3 ESCAPE '\\') \
             AND (CAST($4 AS BIGINT) IS NULL OR at >= $4) AND (CAST($5 AS BIGINT) IS NULL OR at <= $5) \
             ORDER BY id DESC LIMIT $6 OFFSET $7"
        ),
        (true, false) => sql!(
            "SELECT id, at, CASE WHEN object_kind = 'account' THEN object_id END AS user_id, \
             COALESCE(actor_label, object_name) AS user_name, address, action, object_id, outcome FROM audit \
             WHERE stream = 'login' AND action = 'account.login' AND origin IN ('bastion', 'system') \
             AND object_kind = 'account' AND object_id = $1 \
             AND (CAST($2 AS TEXT) IS NULL OR who_folded LIKE $2 ESCAPE '\\') \
             AND (CAST($3 AS TEXT) IS NULL OR address LIKE $3 ESCAPE '\\') \
             AND (CAST($4 AS BIGINT) IS NULL OR at >= $4) AND (CAST($5 AS BIGINT) IS NULL OR at <= $5) \
             ORDER BY id LIMIT $6 OFFSET $7"
        ),
    };
    q.all(statement, args![filter.own, filter.who, filter.address, filter.from, filter.until, limit, offset]).await
}

/// Counts operations. What other surfaces do to accounts of theirs is no operation of the bastion.
pub async fn count_operations(q: &mut impl Query, filter: LogFilter<'_>, actions: Actions<'_>) -> Result<i64> {
    let statement = if filter.own.is_some() {
        sql!(
            "SELECT COUNT(*) AS n FROM audit WHERE stream = 'change' AND origin NOT IN ('oa', 'panel', 'vpn', 'billing') \
                 AND actor_kind = 'account' AND actor_id = $1 \
                 AND (CAST($2 AS TEXT) IS NULL OR who_folded LIKE $2 ESCAPE '\\') \
                 AND (CAST($3 AS TEXT) IS NULL OR address LIKE $3 ESCAPE '\\') \
                 AND (CAST($4 AS BIGINT) IS NULL OR at >= $4) AND (CAST($5 AS BIGINT) IS NULL OR at <= $5) \
                 AND (CAST($6 AS TEXT) LIKE '%,' || action || ',%' OR (CAST($7 AS TEXT) LIKE '%,' || action || ',%' \
                 AND CAST(object_id AS TEXT) LIKE CAST($8 AS TEXT)))"
        )
    } else {
        sql!(
            "SELECT COUNT(*) AS n FROM audit WHERE stream = 'change' AND origin NOT IN ('oa', 'panel', 'vpn', 'billing') \
                 AND (CAST($1 AS BIGINT) IS NULL OR (actor_kind = 'account' AND actor_id = $1)) \
                 AND (CAST($2 AS TEXT) IS NULL OR who_folded LIKE $2 ESCAPE '\\') \
                 AND (CAST($3 AS TEXT) IS NULL OR address LIKE $3 ESCAPE '\\') \
                 AND (CAST($4 AS BIGINT) IS NULL OR at >= $4) AND (CAST($5 AS BIGINT) IS NULL OR at <= $5) \
                 AND (CAST($6 AS TEXT) LIKE '%,' || action || ',%' OR (CAST($7 AS TEXT) LIKE '%,' || action || ',%' \
                 AND CAST(object_id AS TEXT) LIKE CAST($8 AS TEXT)))"
        )
    };
    let row: Option<(i64,)> = q
        .one(
            statement,
            args![
                filter.own,
                filter.who,
                filter.address,
                filter.from,
                filter.until,
                actions.whole,
                actions.by_id,
                actions.id
            ],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Lists operations by id, downwards or upwards; see [`count_operations`].
pub async fn list_operations(
    q: &mut impl Query,
    filter: LogFilter<'_>,
    actions: Actions<'_>,
    is_descending: bool,
    (limit, offset): (i64, i64),
) -> Result<Vec<LogRow>> {
    let statement = match (filter.own.is_some(), is_descending) {
        (false, true) => sql!(
            "SELECT id, at, CASE WHEN actor_kind = 'account' THEN actor_id END AS user_id, \
             COALESCE(actor_label, actor_name) AS user_name, address, action, object_id, outcome FROM audit \
             WHERE stream = 'change' AND origin NOT IN ('oa', 'panel', 'vpn', 'billing') \
             AND (CAST($1 AS BIGINT) IS NULL OR (actor_kind = 'account' AND actor_id = $1)) \
             AND (CAST($2 AS TEXT) IS NULL OR who_folded LIKE $2 ESCAPE '\\') \
             AND (CAST($3 AS TEXT) IS NULL OR address LIKE $3 ESCAPE '\\') \
             AND (CAST($4 AS BIGINT) IS NULL OR at >= $4) AND (CAST($5 AS BIGINT) IS NULL OR at <= $5) \
             AND (CAST($6 AS TEXT) LIKE '%,' || action || ',%' OR (CAST($7 AS TEXT) LIKE '%,' || action || ',%' \
             AND CAST(object_id AS TEXT) LIKE CAST($8 AS TEXT))) ORDER BY id DESC LIMIT $9 OFFSET $10"
        ),
        (false, false) => sql!(
            "SELECT id, at, CASE WHEN actor_kind = 'account' THEN actor_id END AS user_id, \
             COALESCE(actor_label, actor_name) AS user_name, address, action, object_id, outcome FROM audit \
             WHERE stream = 'change' AND origin NOT IN ('oa', 'panel', 'vpn', 'billing') \
             AND (CAST($1 AS BIGINT) IS NULL OR (actor_kind = 'account' AND actor_id = $1)) \
             AND (CAST($2 AS TEXT) IS NULL OR who_folded LIKE $2 ESCAPE '\\') \
             AND (CAST($3 AS TEXT) IS NULL OR address LIKE $3 ESCAPE '\\') \
             AND (CAST($4 AS BIGINT) IS NULL OR at >= $4) AND (CAST($5 AS BIGINT) IS NULL OR at <= $5) \
             AND (CAST($6 AS TEXT) LIKE '%,' || action || ',%' OR (CAST($7 AS TEXT) LIKE '%,' || action || ',%' \
             AND CAST(object_id AS TEXT) LIKE CAST($8 AS TEXT))) ORDER BY id LIMIT $9 OFFSET $10"
        ),
        (true, true) => sql!(
            "SELECT id, at, CASE WHEN actor_kind = 'account' THEN actor_id END AS user_id, \
             COALESCE(actor_label, actor_name) AS user_name, address, action, object_id, outcome FROM audit \
             WHERE stream = 'change' AND origin NOT IN ('oa', 'panel', 'vpn', 'billing') \
             AND actor_kind = 'account' AND actor_id = $1 \
             AND (CAST($2 AS TEXT) IS NULL OR who_folded LIKE $2 ESCAPE '\\') \
             AND (CAST($3 AS TEXT) IS NULL OR address LIKE $3 ESCAPE '\\') \
             AND (CAST($4 AS BIGINT) IS NULL OR at >= $4) AND (CAST($5 AS BIGINT) IS NULL OR at <= $5) \
             AND (CAST($6 AS TEXT) LIKE '%,' || action || ',%' OR (CAST($7 AS TEXT) LIKE '%,' || action || ',%' \
             AND CAST(object_id AS TEXT) LIKE CAST($8 AS TEXT))) ORDER BY id DESC LIMIT $9 OFFSET $10"
        ),
        (true, false) => sql!(
            "SELECT id, at, CASE WHEN actor_kind = 'account' THEN actor_id END AS user_id, \
             COALESCE(actor_label, actor_name) AS user_name, address, action, object_id, outcome FROM audit \
             WHERE stream = 'change' AND origin NOT IN ('oa', 'panel', 'vpn', 'billing') \
             AND actor_kind = 'account' AND actor_id = $1 \
             AND (CAST($2 AS TEXT) IS NULL OR who_folded LIKE $2 ESCAPE '\\') \
             AND (CAST($3 AS TEXT) IS NULL OR address LIKE $3 ESCAPE '\\') \
             AND (CAST($4 AS BIGINT) IS NULL OR at >= $4) AND (CAST($5 AS BIGINT) IS NULL OR at <= $5) \
             AND (CAST($6 AS TEXT) LIKE '%,' || action || ',%' OR (CAST($7 AS TEXT) LIKE '%,' || action || ',%' \
             AND CAST(object_id AS TEXT) LIKE CAST($8 AS TEXT))) ORDER BY id LIMIT $9 OFFSET $10"
        ),
    };
    q.all(
        statement,
        args![
            filter.own,
            filter.who,
            filter.address,
            filter.from,
            filter.until,
            actions.whole,
            actions.by_id,
            actions.id,
            limit,
            offset
        ],
    )
    .await
}

/// A stay at a target through the ssh door.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct StayRow {
    /// Identity of the visit.
    pub id: i64,
    /// Who; none once the account is unknown.
    pub user_id: Option<AccountId>,
    /// Display name as it was, else the login.
    pub user_name: String,
    /// The resource.
    pub resource_id: i64,
    /// Its name as it was.
    pub resource_name: String,
    /// Where it was.
    pub host: String,
    /// The voucher.
    pub voucher_id: i64,
    /// User at the target.
    pub username: String,
    /// Beginning.
    pub since_at: Millis,
    /// End.
    pub until_at: Option<Millis>,
    /// Why it ended.
    pub ended_why: Option<String>,
    /// Client address.
    pub address: Option<String>,
}

/// Counts stays at targets; `resource` is a pattern on the folded name of the resource.
pub async fn count_stays(q: &mut impl Query, filter: LogFilter<'_>, resource: Option<&str>) -> Result<i64> {
    // CROSS JOIN makes SQLite begin with the terminals: of visits there are many more.
    let statement = if filter.own.is_some() {
        sql!(
            "SELECT COUNT(*) AS n FROM visit_terminal t JOIN visit v ON v.id = t.visit_id \
                 WHERE v.account_id = $1 \
                 AND (CAST($2 AS TEXT) IS NULL OR t.name_folded LIKE $2 ESCAPE '\\' OR t.login_folded LIKE $2 ESCAPE '\\') \
                 AND (CAST($3 AS TEXT) IS NULL OR v.from_address LIKE $3 ESCAPE '\\') \
                 AND (CAST($4 AS BIGINT) IS NULL OR v.since_at >= $4) AND (CAST($5 AS BIGINT) IS NULL OR v.since_at <= $5) \
                 AND (CAST($6 AS TEXT) IS NULL OR t.resource_name_folded LIKE $6 ESCAPE '\\')"
        )
    } else {
        sql!(
            "SELECT COUNT(*) AS n FROM visit_terminal t CROSS JOIN visit v \
             WHERE v.id = t.visit_id AND (CAST($1 AS BIGINT) IS NULL OR v.account_id = $1) \
                 AND (CAST($2 AS TEXT) IS NULL OR t.name_folded LIKE $2 ESCAPE '\\' OR t.login_folded LIKE $2 ESCAPE '\\') \
                 AND (CAST($3 AS TEXT) IS NULL OR v.from_address LIKE $3 ESCAPE '\\') \
                 AND (CAST($4 AS BIGINT) IS NULL OR v.since_at >= $4) AND (CAST($5 AS BIGINT) IS NULL OR v.since_at <= $5) \
                 AND (CAST($6 AS TEXT) IS NULL OR t.resource_name_folded LIKE $6 ESCAPE '\\')"
        )
    };
    let row: Option<(i64,)> =
        q.one(statement, args![filter.own, filter.who, filter.address, filter.from, filter.until, resource]).await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Lists stays at targets by id, downwards or upwards; see [`count_stays`].
pub async fn list_stays(
    q: &mut impl Query,
    filter: LogFilter<'_>,
    resource: Option<&str>,
    is_descending: bool,
    (limit, offset): (i64, i64),
) -> Result<Vec<StayRow>> {
    let statement = match (filter.own.is_some(), is_descending) {
        (false, true) => sql!(
            "SELECT v.id, v.account_id AS user_id, COALESCE(v.name, v.login) AS user_name, t.resource_id, t.resource_name, t.host, \
             t.voucher_id, t.username, v.since_at, v.until_at, v.ended_why, v.from_address AS address \
             FROM visit_terminal t JOIN visit v ON v.id = t.visit_id \
             WHERE (CAST($1 AS BIGINT) IS NULL OR v.account_id = $1) \
             AND (CAST($2 AS TEXT) IS NULL OR t.name_folded LIKE $2 ESCAPE '\\' OR t.login_folded LIKE $2 ESCAPE '\\') \
             AND (CAST($3 AS TEXT) IS NULL OR v.from_address LIKE $3 ESCAPE '\\') \
             AND (CAST($4 AS BIGINT) IS NULL OR v.since_at >= $4) AND (CAST($5 AS BIGINT) IS NULL OR v.since_at <= $5) \
             AND (CAST($6 AS TEXT) IS NULL OR t.resource_name_folded LIKE $6 ESCAPE '\\') \
             ORDER BY t.visit_id DESC LIMIT $7 OFFSET $8"
        ),
        (false, false) => sql!(
            "SELECT v.id, v.account_id AS user_id, COALESCE(v.name, v.login) AS user_name, t.resource_id, t.resource_name, t.host, \
             t.voucher_id, t.username, v.since_at, v.until_at, v.ended_why, v.from_address AS address \
             FROM visit_terminal t JOIN visit v ON v.id = t.visit_id \
             WHERE (CAST($1 AS BIGINT) IS NULL OR v.account_id = $1) \
             AND (CAST($2 AS TEXT) IS NULL OR t.name_folded LIKE $2 ESCAPE '\\' OR t.login_folded LIKE $2 ESCAPE '\\') \
             AND (CAST($3 AS TEXT) IS NULL OR v.from_address LIKE $3 ESCAPE '\\') \
             AND (CAST($4 AS BIGINT) IS NULL OR v.since_at >= $4) AND (CAST($5 AS BIGINT) IS NULL OR v.since_at <= $5) \
             AND (CAST($6 AS TEXT) IS NULL OR t.resource_name_folded LIKE $6 ESCAPE '\\') \
             ORDER BY t.visit_id LIMIT $7 OFFSET $8"
        ),
        (true, true) => sql!(
            "SELECT v.id, v.account_id AS user_id, COALESCE(v.name, v.login) AS user_name, t.resource_id, t.resource_name, t.host, \
             t.voucher_id, t.username, v.since_at, v.until_at, v.ended_why, v.from_address AS address \
             FROM visit_terminal t JOIN visit v ON v.id = t.visit_id \
             WHERE v.account_id = $1 \
             AND (CAST($2 AS TEXT) IS NULL OR t.name_folded LIKE $2 ESCAPE '\\' OR t.login_folded LIKE $2 ESCAPE '\\') \
             AND (CAST($3 AS TEXT) IS NULL OR v.from_address LIKE $3 ESCAPE '\\') \
             AND (CAST($4 AS BIGINT) IS NULL OR v.since_at >= $4) AND (CAST($5 AS BIGINT) IS NULL OR v.since_at <= $5) \
             AND (CAST($6 AS TEXT) IS NULL OR t.resource_name_folded LIKE $6 ESCAPE '\\') \
             ORDER BY t.visit_id DESC LIMIT $7 OFFSET $8"
        ),
        (true, false) => sql!(
            "SELECT v.id, v.account_id AS user_id, COALESCE(v.name, v.login) AS user_name, t.resource_id, t.resource_name, t.host, \
             t.voucher_id, t.username, v.since_at, v.until_at, v.ended_why, v.from_address AS address \
             FROM visit_terminal t JOIN visit v ON v.id = t.visit_id \
             WHERE v.account_id = $1 \
             AND (CAST($2 AS TEXT) IS NULL OR t.name_folded LIKE $2 ESCAPE '\\' OR t.login_folded LIKE $2 ESCAPE '\\') \
             AND (CAST($3 AS TEXT) IS NULL OR v.from_address LIKE $3 ESCAPE '\\') \
             AND (CAST($4 AS BIGINT) IS NULL OR v.since_at >= $4) AND (CAST($5 AS BIGINT) IS NULL OR v.since_at <= $5) \
             AND (CAST($6 AS TEXT) IS NULL OR t.resource_name_folded LIKE $6 ESCAPE '\\') \
             ORDER BY t.visit_id LIMIT $7 OFFSET $8"
        ),
    };
    q.all(statement, args![filter.own, filter.who, filter.address, filter.from, filter.until, resource, limit, offset])
        .await
}

/// An audit row with its link, once it is chained.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ChainedRow {
    /// The row.
    #[sqlx(flatten)]
    pub row: AuditRow,
    /// Position in the chain of its stream.
    pub seq: Option<i64>,
    /// Hash over the previous hash and the row.
    pub hash: Option<Vec<u8>>,
}

/// Lists the rows of a stream above an id, oldest first, with their links; times are inclusive.
pub async fn list_chained(
    q: &mut impl Query,
    stream: &str,
    above: i64,
    (from, until): (Option<Millis>, Option<Millis>),
    limit: i64,
) -> Result<Vec<ChainedRow>> {
    q.all(
        sql!(
            "SELECT a.*, c.seq, c.hash FROM audit a LEFT JOIN audit_chain c ON c.audit_id = a.id \
             WHERE a.stream = $1 AND a.id > $2 AND (CAST($3 AS BIGINT) IS NULL OR a.at >= $3) \
             AND (CAST($4 AS BIGINT) IS NULL OR a.at <= $4) ORDER BY a.id LIMIT $5"
        ),
        args![stream, above, from, until, limit],
    )
    .await
}
