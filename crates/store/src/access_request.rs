//! Requests for access to one resource for a while, and what was decided of them.

use gatehouse_model::{AccessRequestId, AccountId, Millis, ResourceGroupId, ResourceId, VoucherId};

use crate::{Query, Result, Tx, args, grant::Moment, sql};

/// A row of `access_request`. Names are snapshots.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct AccessRequestRow {
    /// Identity.
    pub id: AccessRequestId,
    /// Who asks.
    pub account_id: AccountId,
    /// His login.
    pub login: String,
    /// For what.
    pub resource_id: ResourceId,
    /// Its name.
    pub resource_name: String,
    /// With what; none: whatever is bound to it.
    pub voucher_id: Option<VoucherId>,
    /// Group of the resource when it was asked.
    pub resource_group_id: ResourceGroupId,
    /// What for, in his words.
    pub reason: String,
    /// For how long.
    pub minutes: i64,
    /// Whether files may be moved, too.
    pub with_files: bool,
    /// `pending`, `approved`, `rejected`, `cancelled`, `expired`, `ended`.
    pub state: String,
    /// Pending: until when it may be decided. Approved and ended: until when it holds or held.
    pub valid_until: Option<Millis>,
    /// When it was asked.
    pub created_at: Millis,
    /// When its state changed last.
    pub updated_at: Millis,
}

/// What an insert needs.
#[derive(Debug, Clone, Copy)]
pub struct NewAccessRequest<'a> {
    /// Who asks, and his login.
    pub account: (AccountId, &'a str),
    /// For what, and its name.
    pub resource: (ResourceId, &'a str),
    /// With what.
    pub voucher: Option<VoucherId>,
    /// Group of the resource.
    pub group: ResourceGroupId,
    /// What for.
    pub reason: &'a str,
    /// For how long.
    pub minutes: i64,
    /// Whether files may be moved.
    pub with_files: bool,
    /// Until when it may be decided.
    pub decide_until: Millis,
}

/// Inserts a pending request.
pub async fn insert(tx: &mut Tx, new: NewAccessRequest<'_>, at: Millis) -> Result<AccessRequestId> {
    let row: Option<(AccessRequestId,)> = tx
        .one(
            sql!(
                "INSERT INTO access_request (account_id, login, resource_id, resource_name, voucher_id, resource_group_id, reason, minutes, \
                 with_files, state, valid_until, created_at, updated_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'pending', $10, $11, $11) RETURNING id"
            ),
            args![
                new.account.0,
                new.account.1,
                new.resource.0,
                new.resource.1,
                new.voucher.map(|id| id.0),
                new.group,
                new.reason,
                new.minutes,
                new.with_files,
                new.decide_until,
                at
            ],
        )
        .await?;
    row.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Finds a request.
pub async fn find(q: &mut impl Query, id: AccessRequestId) -> Result<Option<AccessRequestRow>> {
    q.one(sql!("SELECT * FROM access_request WHERE id = $1"), args![id]).await
}

/// Whether an account has an approved request now.
pub async fn has_approved(q: &mut impl Query, account: AccountId, at: Millis) -> Result<bool> {
    let row: Option<(AccessRequestId,)> = q
        .one(
            sql!(
                "SELECT id FROM access_request WHERE account_id = $1 AND state = 'approved' AND valid_until > $2 ORDER BY id LIMIT 1"
            ),
            args![account, at],
        )
        .await?;
    Ok(row.is_some())
}

/// Whether an account waits for a decision about a resource.
pub async fn has_pending(q: &mut impl Query, account: AccountId, resource: ResourceId) -> Result<bool> {
    let row: Option<(AccessRequestId,)> = q
        .one(
            sql!(
                "SELECT id FROM access_request WHERE account_id = $1 AND resource_id = $2 AND state = 'pending' ORDER BY id LIMIT 1"
            ),
            args![account, resource],
        )
        .await?;
    Ok(row.is_some())
}

/// Which requests are listed: an account's own, and those on groups where it holds a code; neither: all.
#[derive(Debug, Clone, Copy)]
pub struct RequestFilter<'a> {
    /// Own requests of this account.
    pub own: Option<AccountId>,
    /// Requests on groups where this account holds `code`.
    pub held_by: Option<AccountId>,
    /// The code.
    pub code: &'a str,
    /// Only this state.
    pub state: Option<&'a str>,
    /// When.
    pub at: Moment,
}

/// Counts requests.
pub async fn count(q: &mut impl Query, filter: RequestFilter<'_>) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT COUNT(*) AS n FROM access_request x WHERE (CAST($4 AS TEXT) IS NULL OR x.state = $4) \
                 AND ((CAST($1 AS BIGINT) IS NULL AND CAST($2 AS BIGINT) IS NULL) OR x.account_id = $1 OR x.resource_group_id IN ( \
                 SELECT h.resource_group_id FROM held_grant h WHERE h.account_id = $2 AND h.code = $3 \
                 AND (h.member_until IS NULL OR h.member_until > $5) \
                 AND (h.valid_from IS NULL OR h.valid_from <= $5) AND (h.valid_until IS NULL OR h.valid_until > $5) \
                 AND (NOT EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id) \
                 OR EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id \
                 AND w.from_minute <= $6 AND w.until_minute > $6))))"
            ),
            args![
                filter.own.map(|id| id.0),
                filter.held_by.map(|id| id.0),
                filter.code,
                filter.state,
                filter.at.now,
                filter.at.minute_of_week
            ],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Lists requests by id, downwards or upwards.
pub async fn list(
    q: &mut impl Query,
    filter: RequestFilter<'_>,
    is_descending: bool,
    (limit, offset): (i64, i64),
) -> Result<Vec<AccessRequestRow>> {
    let direction = if is_descending { -1_i64 } else { 1 };
    q.all(
        sql!(
            "SELECT x.* FROM access_request x WHERE (CAST($4 AS TEXT) IS NULL OR x.state = $4) \
             AND ((CAST($1 AS BIGINT) IS NULL AND CAST($2 AS BIGINT) IS NULL) OR x.account_id = $1 OR x.resource_group_id IN ( \
             SELECT h.resource_group_id FROM held_grant h WHERE h.account_id = $2 AND h.code = $3 \
             AND (h.member_until IS NULL OR h.member_until > $5) \
             AND (h.valid_from IS NULL OR h.valid_from <= $5) AND (h.valid_until IS NULL OR h.valid_until > $5) \
             AND (NOT EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id) \
             OR EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id \
             AND w.from_minute <= $6 AND w.until_minute > $6)))) ORDER BY x.id * $7 LIMIT $8 OFFSET $9"
        ),
        args![
            filter.own.map(|id| id.0),
            filter.held_by.map(|id| id.0),
            filter.code,
            filter.state,
            filter.at.now,
            filter.at.minute_of_week,
            direction,
            limit,
            offset
        ],
    )
    .await
}

/// Lists open requests whose time is over, oldest first.
pub async fn list_due(q: &mut impl Query, at: Millis, limit: i64) -> Result<Vec<AccessRequestRow>> {
    q.all(
        sql!(
            "SELECT * FROM access_request WHERE state IN ('pending', 'approved') AND valid_until <= $1 ORDER BY valid_until, id LIMIT $2"
        ),
        args![at, limit],
    )
    .await
}

/// Lists the open requests for a resource.
pub async fn list_open_of_resource(q: &mut impl Query, resource: ResourceId) -> Result<Vec<AccessRequestRow>> {
    q.all(
        sql!("SELECT * FROM access_request WHERE resource_id = $1 AND state IN ('pending', 'approved') ORDER BY id"),
        args![resource],
    )
    .await
}

/// Moves a request from one state to another; 0: it is not in the first any more.
pub async fn update_state(
    tx: &mut Tx,
    id: AccessRequestId,
    (from, to): (&str, &str),
    valid_until: Option<Millis>,
    at: Millis,
) -> Result<u64> {
    tx.exec(
        sql!("UPDATE access_request SET state = $3, valid_until = $4, updated_at = $5 WHERE id = $1 AND state = $2"),
        args![id, from, to, valid_until, at],
    )
    .await
}

/// Sets for how long a pending request is granted.
pub async fn update_minutes(tx: &mut Tx, id: AccessRequestId, minutes: i64) -> Result<u64> {
    tx.exec(sql!("UPDATE access_request SET minutes = $2 WHERE id = $1 AND state = 'pending'"), args![id, minutes])
        .await
}

/// What one decider said.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DecisionRow {
    /// The request.
    pub access_request_id: AccessRequestId,
    /// Who decided.
    pub account_id: AccountId,
    /// His login.
    pub login: String,
    /// Whether he approved.
    pub is_approval: bool,
    /// Why.
    pub reason: Option<String>,
    /// When.
    pub at: Millis,
}

/// Inserts a decision; 0: he has decided already.
pub async fn insert_decision(tx: &mut Tx, row: &DecisionRow) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO access_decision (access_request_id, account_id, login, is_approval, reason, at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING"
        ),
        args![row.access_request_id, row.account_id, &row.login, row.is_approval, row.reason.as_deref(), row.at],
    )
    .await
}

/// Lists the decisions about the requests of an id range, oldest first.
pub async fn list_decisions(
    q: &mut impl Query,
    (first, last): (AccessRequestId, AccessRequestId),
) -> Result<Vec<DecisionRow>> {
    q.all(
        sql!(
            "SELECT * FROM access_decision WHERE access_request_id >= $1 AND access_request_id <= $2 \
             ORDER BY access_request_id, at, account_id"
        ),
        args![first, last],
    )
    .await
}

/// Lists resources that `requestable` reaches: the nearest value on the resource, its groups upwards or the installation is
/// `true`. As (resource, name, group).
pub async fn list_catalog(
    q: &mut impl Query,
    name: Option<&str>,
    is_descending: bool,
    (limit, offset): (i64, i64),
) -> Result<Vec<(ResourceId, String, ResourceGroupId)>> {
    let direction = if is_descending { -1_i64 } else { 1 };
    q.all(
        sql!(
            "SELECT x.id, x.name, x.resource_group_id FROM resource x \
             WHERE x.is_enabled = $5 AND (CAST($1 AS TEXT) IS NULL OR x.name_folded LIKE $1 ESCAPE '\\') AND COALESCE( \
             (SELECT p.value FROM access_policy p WHERE p.scope = 'resource' AND p.object_id = x.id AND p.name = 'requestable'), \
             (SELECT p.value FROM access_policy p JOIN resource_group_above a ON a.above_id = p.object_id JOIN resource_group g ON g.id = a.above_id \
             WHERE p.scope = 'group' AND p.name = 'requestable' AND a.resource_group_id = x.resource_group_id ORDER BY g.level DESC LIMIT 1), \
             (SELECT p.value FROM access_policy p WHERE p.scope = 'all' AND p.object_id = 0 AND p.name = 'requestable'), 'false') = 'true' \
             ORDER BY x.id * $2 LIMIT $3 OFFSET $4"
        ),
        args![name, direction, limit, offset, true],
    )
    .await
}

/// Counts what [`list_catalog`] lists.
pub async fn count_catalog(q: &mut impl Query, name: Option<&str>) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT COUNT(*) AS n FROM resource x \
                 WHERE x.is_enabled = $2 AND (CAST($1 AS TEXT) IS NULL OR x.name_folded LIKE $1 ESCAPE '\\') AND COALESCE( \
                 (SELECT p.value FROM access_policy p WHERE p.scope = 'resource' AND p.object_id = x.id AND p.name = 'requestable'), \
                 (SELECT p.value FROM access_policy p JOIN resource_group_above a ON a.above_id = p.object_id JOIN resource_group g ON g.id = a.above_id \
                 WHERE p.scope = 'group' AND p.name = 'requestable' AND a.resource_group_id = x.resource_group_id ORDER BY g.level DESC LIMIT 1), \
                 (SELECT p.value FROM access_policy p WHERE p.scope = 'all' AND p.object_id = 0 AND p.name = 'requestable'), 'false') = 'true'"
            ),
            args![name, true],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}
