//! Resource groups: a forest of at most a few levels, in which rights go from the root down.

use gatehouse_model::{AccountId, Millis, ResourceGroupId};

use crate::{Query, Result, Tx, args, grant::Moment, sql};

/// A row of `resource_group`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ResourceGroupRow {
    /// Identity.
    pub id: ResourceGroupId,
    /// Unique name.
    pub name: String,
    /// Note.
    pub remark: Option<String>,
    /// Protected groups are neither edited nor deleted.
    pub is_protected: bool,
    /// The group above; none for a root.
    pub parent_id: Option<ResourceGroupId>,
    /// The root above; itself for a root.
    pub root_id: ResourceGroupId,
    /// 0 for a root.
    pub level: i64,
    /// Since when it exists.
    pub created_at: Millis,
    /// When it was changed last.
    pub updated_at: Millis,
}

/// Inserts a group below another or as a root, with its way up.
pub async fn insert(
    tx: &mut Tx,
    (name, name_folded): (&str, &str),
    remark: Option<&str>,
    parent: Option<&ResourceGroupRow>,
    is_protected: bool,
    at: Millis,
) -> Result<ResourceGroupId> {
    let row: Option<(ResourceGroupId,)> = tx
        .one(
            sql!(
                "INSERT INTO resource_group (name, name_folded, remark, is_protected, parent_id, root_id, level, created_at, updated_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) RETURNING id"
            ),
            args![
                name,
                name_folded,
                remark,
                is_protected,
                parent.map(|parent| parent.id.0),
                parent.map_or(0, |parent| parent.root_id.0),
                parent.map_or(0, |parent| parent.level + 1),
                at
            ],
        )
        .await?;
    let (id,) = row.ok_or_else(crate::Error::missing_row)?;
    tx.exec(sql!("INSERT INTO resource_group_above (resource_group_id, above_id) VALUES ($1, $1)"), args![id]).await?;
    match parent {
        None => tx.exec(sql!("UPDATE resource_group SET root_id = id WHERE id = $1"), args![id]).await?,
        Some(parent) => {
            tx.exec(
                sql!(
                    "INSERT INTO resource_group_above (resource_group_id, above_id) \
                     SELECT $1, above_id FROM resource_group_above WHERE resource_group_id = $2"
                ),
                args![id, parent.id],
            )
            .await?
        }
    };
    Ok(id)
}

/// Finds a group.
pub async fn find(q: &mut impl Query, id: ResourceGroupId) -> Result<Option<ResourceGroupRow>> {
    q.one(
        sql!(
            "SELECT id, name, remark, is_protected, parent_id, root_id, level, created_at, updated_at FROM resource_group WHERE id = $1"
        ),
        args![id],
    )
    .await
}

/// Finds a group by its exact name.
pub async fn find_by_name(q: &mut impl Query, name: &str) -> Result<Option<ResourceGroupRow>> {
    q.one(
        sql!(
            "SELECT id, name, remark, is_protected, parent_id, root_id, level, created_at, updated_at FROM resource_group WHERE name = $1"
        ),
        args![name],
    )
    .await
}

/// Lists the roots.
pub async fn list_roots(q: &mut impl Query) -> Result<Vec<ResourceGroupRow>> {
    q.all(
        sql!(
            "SELECT id, name, remark, is_protected, parent_id, root_id, level, created_at, updated_at FROM resource_group \
             WHERE parent_id IS NULL ORDER BY id"
        ),
        args![],
    )
    .await
}

/// What of the groups is listed.
#[derive(Debug, Clone, Copy)]
pub struct GroupFilter<'a> {
    /// Only groups where this account holds `code` now; none: all groups.
    pub held_by: Option<AccountId>,
    /// The code.
    pub code: &'a str,
    /// A `LIKE` pattern on the folded name, with `\` as escape.
    pub name: Option<&'a str>,
    /// When.
    pub at: Moment,
}

/// Counts groups.
pub async fn count(q: &mut impl Query, filter: GroupFilter<'_>) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT COUNT(*) AS n FROM resource_group x \
                 WHERE (CAST($3 AS TEXT) IS NULL OR x.name_folded LIKE $3 ESCAPE '\\') AND (CAST($1 AS BIGINT) IS NULL OR EXISTS ( \
                 SELECT 1 FROM held_grant h WHERE h.account_id = $1 AND h.code = $2 AND h.resource_group_id = x.id \
                 AND (h.member_until IS NULL OR h.member_until > $4) \
                 AND (h.valid_from IS NULL OR h.valid_from <= $4) AND (h.valid_until IS NULL OR h.valid_until > $4) \
                 AND (NOT EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id) \
                 OR EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id \
                 AND w.from_minute <= $5 AND w.until_minute > $5))))"
            ),
            args![filter.held_by.map(|id| id.0), filter.code, filter.name, filter.at.now, filter.at.minute_of_week],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Lists groups by id, downwards or upwards.
pub async fn list(
    q: &mut impl Query,
    filter: GroupFilter<'_>,
    is_descending: bool,
    (limit, offset): (i64, i64),
) -> Result<Vec<ResourceGroupRow>> {
    let direction = if is_descending { -1_i64 } else { 1 };
    q.all(
        sql!(
            "SELECT x.id, x.name, x.remark, x.is_protected, x.parent_id, x.root_id, x.level, x.created_at, x.updated_at \
             FROM resource_group x \
             WHERE (CAST($3 AS TEXT) IS NULL OR x.name_folded LIKE $3 ESCAPE '\\') AND (CAST($1 AS BIGINT) IS NULL OR EXISTS ( \
             SELECT 1 FROM held_grant h WHERE h.account_id = $1 AND h.code = $2 AND h.resource_group_id = x.id \
             AND (h.member_until IS NULL OR h.member_until > $4) \
             AND (h.valid_from IS NULL OR h.valid_from <= $4) AND (h.valid_until IS NULL OR h.valid_until > $4) \
             AND (NOT EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id) \
             OR EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id \
             AND w.from_minute <= $5 AND w.until_minute > $5)))) ORDER BY x.id * $6 LIMIT $7 OFFSET $8"
        ),
        args![
            filter.held_by.map(|id| id.0),
            filter.code,
            filter.name,
            filter.at.now,
            filter.at.minute_of_week,
            direction,
            limit,
            offset
        ],
    )
    .await
}

/// Sets name and note.
pub async fn update(
    tx: &mut Tx,
    id: ResourceGroupId,
    (name, name_folded): (&str, &str),
    remark: Option<&str>,
    at: Millis,
) -> Result<u64> {
    tx.exec(
        sql!("UPDATE resource_group SET name = $2, name_folded = $3, remark = $4, updated_at = $5 WHERE id = $1"),
        args![id, name, name_folded, remark, at],
    )
    .await
}

/// Deletes a group that nothing refers to; its grants go with it.
pub async fn delete(tx: &mut Tx, id: ResourceGroupId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM resource_group WHERE id = $1"), args![id]).await
}

/// Lists the groups right below one.
pub async fn list_children(q: &mut impl Query, id: ResourceGroupId) -> Result<Vec<ResourceGroupId>> {
    let rows: Vec<(ResourceGroupId,)> =
        q.all(sql!("SELECT id FROM resource_group WHERE parent_id = $1 ORDER BY id"), args![id]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Finds a root on which an account does not hold a code now; none: it holds the code everywhere.
pub async fn find_root_without(
    q: &mut impl Query,
    account: AccountId,
    code: &str,
    at: Moment,
) -> Result<Option<ResourceGroupId>> {
    let row: Option<(ResourceGroupId,)> = q
        .one(
            sql!(
                "SELECT x.id FROM resource_group x WHERE x.parent_id IS NULL AND x.id NOT IN ( \
                 SELECT h.resource_group_id FROM held_grant h WHERE h.account_id = $1 AND h.code = $2 \
                 AND (h.member_until IS NULL OR h.member_until > $3) \
                 AND (h.valid_from IS NULL OR h.valid_from <= $3) AND (h.valid_until IS NULL OR h.valid_until > $3) \
                 AND (NOT EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id) \
                 OR EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id \
                 AND w.from_minute <= $4 AND w.until_minute > $4))) ORDER BY x.id LIMIT 1"
            ),
            args![account, code, at.now, at.minute_of_week],
        )
        .await?;
    Ok(row.map(|(id,)| id))
}

/// Lists the groups of one root, by id; with an account only those where it holds a code now.
pub async fn list_of_root(
    q: &mut impl Query,
    root: ResourceGroupId,
    held_by: Option<AccountId>,
    code: &str,
    at: Moment,
) -> Result<Vec<ResourceGroupRow>> {
    q.all(
        sql!(
            "SELECT x.id, x.name, x.remark, x.is_protected, x.parent_id, x.root_id, x.level, x.created_at, x.updated_at \
             FROM resource_group x WHERE x.root_id = $1 AND (CAST($2 AS BIGINT) IS NULL OR x.id IN ( \
             SELECT h.resource_group_id FROM held_grant h WHERE h.account_id = $2 AND h.code = $3 \
             AND (h.member_until IS NULL OR h.member_until > $4) \
             AND (h.valid_from IS NULL OR h.valid_from <= $4) AND (h.valid_until IS NULL OR h.valid_until > $4) \
             AND (NOT EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id) \
             OR EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id \
             AND w.from_minute <= $5 AND w.until_minute > $5)))) ORDER BY x.id LIMIT 10000"
        ),
        args![root, held_by.map(|id| id.0), code, at.now, at.minute_of_week],
    )
    .await
}
