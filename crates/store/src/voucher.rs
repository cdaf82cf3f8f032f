//! Vouchers: what targets are logged in to with. Secrets are sealed before they come here.

use gatehouse_model::{AccountId, Millis, ResourceGroupId, ResourceId, VoucherId};

use crate::{Query, Result, Tx, args, grant::Moment, sql};

/// A row of `voucher`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct VoucherRow {
    /// Identity.
    pub id: VoucherId,
    /// Unique name.
    pub name: String,
    /// User at the target.
    pub username: String,
    /// `password` or `private_key`.
    pub kind: String,
    /// The secret, sealed.
    pub secret_sealed: String,
    /// Row part of the associated data.
    pub seal_ref: String,
    /// Its group.
    pub resource_group_id: ResourceGroupId,
    /// Note.
    pub remark: Option<String>,
    /// Since when it exists.
    pub created_at: Millis,
    /// When it was changed last.
    pub updated_at: Millis,
}

/// A voucher without its secret, as it is bound to a resource.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct BoundVoucherRow {
    /// The resource.
    pub resource_id: ResourceId,
    /// The voucher.
    pub id: VoucherId,
    /// Its name.
    pub name: String,
    /// User at the target.
    pub username: String,
    /// Its group.
    pub resource_group_id: ResourceGroupId,
    /// Note.
    pub remark: Option<String>,
    /// Since when it exists.
    pub created_at: Millis,
    /// When it was changed last.
    pub updated_at: Millis,
}

/// The plain columns of a voucher.
#[derive(Debug, Clone, Copy)]
pub struct VoucherData<'a> {
    /// Unique name.
    pub name: &'a str,
    /// The same as searches compare it.
    pub name_folded: &'a str,
    /// User at the target.
    pub username: &'a str,
    /// Its group.
    pub group: ResourceGroupId,
    /// Note.
    pub remark: Option<&'a str>,
}

/// The sealed columns of a voucher.
#[derive(Debug, Clone, Copy)]
pub struct SealedSecret<'a> {
    /// `password` or `private_key`.
    pub kind: &'a str,
    /// The secret, sealed.
    pub sealed: &'a str,
    /// Row part of the associated data.
    pub seal_ref: &'a str,
}

/// Inserts a voucher.
pub async fn insert(tx: &mut Tx, data: VoucherData<'_>, secret: SealedSecret<'_>, at: Millis) -> Result<VoucherId> {
    let row: Option<(VoucherId,)> = tx
        .one(
            sql!(
                "INSERT INTO voucher (name, name_folded, username, kind, secret_sealed, seal_ref, resource_group_id, remark, created_at, updated_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) RETURNING id"
            ),
            args![
                data.name,
                data.name_folded,
                data.username,
                secret.kind,
                secret.sealed,
                secret.seal_ref,
                data.group,
                data.remark,
                at
            ],
        )
        .await?;
    row.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Finds a voucher.
pub async fn find(q: &mut impl Query, id: VoucherId) -> Result<Option<VoucherRow>> {
    q.one(
        sql!(
            "SELECT id, name, username, kind, secret_sealed, seal_ref, resource_group_id, remark, created_at, updated_at \
             FROM voucher WHERE id = $1"
        ),
        args![id],
    )
    .await
}

/// Finds a voucher by its exact name.
pub async fn find_by_name(q: &mut impl Query, name: &str) -> Result<Option<VoucherRow>> {
    q.one(
        sql!(
            "SELECT id, name, username, kind, secret_sealed, seal_ref, resource_group_id, remark, created_at, updated_at \
             FROM voucher WHERE name = $1"
        ),
        args![name],
    )
    .await
}

/// Lists the vouchers of one group.
pub async fn list_ids_of_group(q: &mut impl Query, group: ResourceGroupId) -> Result<Vec<VoucherId>> {
    let rows: Vec<(VoucherId,)> =
        q.all(sql!("SELECT id FROM voucher WHERE resource_group_id = $1 ORDER BY id"), args![group]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Which vouchers are listed.
#[derive(Debug, Clone, Copy)]
pub struct VoucherFilter<'a> {
    /// Only vouchers in groups where this account holds `code` now; none: all.
    pub held_by: Option<AccountId>,
    /// The code.
    pub code: &'a str,
    /// A `LIKE` pattern on the folded name, with `\` as escape.
    pub name: Option<&'a str>,
    /// Only this group and what is below it.
    pub group: Option<ResourceGroupId>,
    /// When.
    pub at: Moment,
}

/// Counts vouchers.
pub async fn count(q: &mut impl Query, filter: VoucherFilter<'_>) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT COUNT(*) AS n FROM voucher x \
                 WHERE (CAST($3 AS TEXT) IS NULL OR x.name_folded LIKE $3 ESCAPE '\\') \
                 AND (CAST($4 AS BIGINT) IS NULL OR x.resource_group_id IN ( \
                 SELECT a.resource_group_id FROM resource_group_above a WHERE a.above_id = $4)) \
                 AND (CAST($1 AS BIGINT) IS NULL OR x.resource_group_id IN ( \
                 SELECT h.resource_group_id FROM held_grant h WHERE h.account_id = $1 AND h.code = $2 \
                 AND (h.member_until IS NULL OR h.member_until > $5) \
                 AND (h.valid_from IS NULL OR h.valid_from <= $5) AND (h.valid_until IS NULL OR h.valid_until > $5) \
                 AND (NOT EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id) \
                 OR EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id \
                 AND w.from_minute <= $6 AND w.until_minute > $6))))"
            ),
            args![
                filter.held_by.map(|id| id.0),
                filter.code,
                filter.name,
                filter.group.map(|id| id.0),
                filter.at.now,
                filter.at.minute_of_week
            ],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Lists vouchers by id, downwards or upwards.
pub async fn list(
    q: &mut impl Query,
    filter: VoucherFilter<'_>,
    is_descending: bool,
    (limit, offset): (i64, i64),
) -> Result<Vec<VoucherRow>> {
    let direction = if is_descending { -1_i64 } else { 1 };
    q.all(
        sql!(
            "SELECT x.id, x.name, x.username, x.kind, x.secret_sealed, x.seal_ref, x.resource_group_id, x.remark, x.created_at, x.updated_at \
             FROM voucher x \
             WHERE (CAST($3 AS TEXT) IS NULL OR x.name_folded LIKE $3 ESCAPE '\\') \
             AND (CAST($4 AS BIGINT) IS NULL OR x.resource_group_id IN ( \
             SELECT a.resource_group_id FROM resource_group_above a WHERE a.above_id = $4)) \
             AND (CAST($1 AS BIGINT) IS NULL OR x.resource_group_id IN ( \
             SELECT h.resource_group_id FROM held_grant h WHERE h.account_id = $1 AND h.code = $2 \
             AND (h.member_until IS NULL OR h.member_until > $5) \
             AND (h.valid_from IS NULL OR h.valid_from <= $5) AND (h.valid_until IS NULL OR h.valid_until > $5) \
             AND (NOT EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id) \
             OR EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id \
             AND w.from_minute <= $6 AND w.until_minute > $6)))) ORDER BY x.id * $7 LIMIT $8 OFFSET $9"
        ),
        args![
            filter.held_by.map(|id| id.0),
            filter.code,
            filter.name,
            filter.group.map(|id| id.0),
            filter.at.now,
            filter.at.minute_of_week,
            direction,
            limit,
            offset
        ],
    )
    .await
}

/// Lists what is bound to the resources of an id range and may be read by an account, through a grant or an approved request.
pub async fn list_bound(
    q: &mut impl Query,
    (first, last): (ResourceId, ResourceId),
    held_by: Option<AccountId>,
    code: &str,
    at: Moment,
) -> Result<Vec<BoundVoucherRow>> {
    q.all(
        sql!(
            "SELECT b.resource_id, v.id, v.name, v.username, v.resource_group_id, v.remark, v.created_at, v.updated_at \
             FROM resource_voucher b JOIN voucher v ON v.id = b.voucher_id \
             WHERE b.resource_id >= $1 AND b.resource_id <= $2 \
             AND (CAST($3 AS BIGINT) IS NULL OR v.resource_group_id IN ( \
             SELECT h.resource_group_id FROM held_grant h WHERE h.account_id = $3 AND h.code = $4 \
             AND (h.member_until IS NULL OR h.member_until > $5) \
             AND (h.valid_from IS NULL OR h.valid_from <= $5) AND (h.valid_until IS NULL OR h.valid_until > $5) \
             AND (NOT EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id) \
             OR EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id \
             AND w.from_minute <= $6 AND w.until_minute > $6))) \
             OR EXISTS (SELECT 1 FROM access_request r WHERE r.account_id = $3 AND r.state = 'approved' AND r.valid_until > $5 \
             AND r.resource_id = b.resource_id AND (r.voucher_id IS NULL OR r.voucher_id = v.id))) \
             ORDER BY b.resource_id, v.id"
        ),
        args![first, last, held_by.map(|id| id.0), code, at.now, at.minute_of_week],
    )
    .await
}

/// Sets the plain columns.
pub async fn update(tx: &mut Tx, id: VoucherId, data: VoucherData<'_>, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE voucher SET name = $2, name_folded = $3, username = $4, resource_group_id = $5, remark = $6, updated_at = $7 \
             WHERE id = $1"
        ),
        args![id, data.name, data.name_folded, data.username, data.group, data.remark, at],
    )
    .await
}

/// Sets the secret.
pub async fn update_secret(tx: &mut Tx, id: VoucherId, secret: SealedSecret<'_>, at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE voucher SET kind = $2, secret_sealed = $3, seal_ref = $4, updated_at = $5 WHERE id = $1"),
        args![id, secret.kind, secret.sealed, secret.seal_ref, at],
    )
    .await
}

/// Deletes a voucher; its bindings go with it.
pub async fn delete(tx: &mut Tx, id: VoucherId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM voucher WHERE id = $1"), args![id]).await
}
