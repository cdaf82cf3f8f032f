//! Resources, targets to log in to, and the vouchers bound to them.

use gatehouse_model::{AccountId, Millis, ProtocolId, ResourceGroupId, ResourceId, VoucherId};

use crate::{Query, Result, Tx, args, grant::Moment, sql};

/// A row of `resource`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ResourceRow {
    /// Identity.
    pub id: ResourceId,
    /// Unique name.
    pub name: String,
    /// What it speaks.
    pub protocol_id: ProtocolId,
    /// Its group.
    pub resource_group_id: ResourceGroupId,
    /// IPv4 address; exactly one of the three is set.
    pub ipv4: Option<String>,
    /// IPv6 address.
    pub ipv6: Option<String>,
    /// DNS name.
    pub domain: Option<String>,
    /// That one as it is dialled and compared.
    pub host: String,
    /// Port, 1–65535.
    pub port: i64,
    /// A disabled one is shown and not connected to.
    pub is_enabled: bool,
    /// Note.
    pub remark: Option<String>,
    /// Since when it exists.
    pub created_at: Millis,
    /// When it was changed last.
    pub updated_at: Millis,
}

/// What insert and update write.
#[derive(Debug, Clone, Copy)]
pub struct ResourceData<'a> {
    /// Unique name.
    pub name: &'a str,
    /// The same as searches compare it.
    pub name_folded: &'a str,
    /// What it speaks.
    pub protocol: ProtocolId,
    /// Its group.
    pub group: ResourceGroupId,
    /// IPv4 address, IPv6 address, DNS name: one of them.
    pub addresses: (Option<&'a str>, Option<&'a str>, Option<&'a str>),
    /// That one as it is dialled and compared.
    pub host: &'a str,
    /// Port.
    pub port: i64,
    /// Whether it may be connected to.
    pub is_enabled: bool,
    /// Note.
    pub remark: Option<&'a str>,
}

/// Inserts a resource.
pub async fn insert(tx: &mut Tx, data: ResourceData<'_>, at: Millis) -> Result<ResourceId> {
    let row: Option<(ResourceId,)> = tx
        .one(
            sql!(
                "INSERT INTO resource (name, name_folded, protocol_id, resource_group_id, ipv4, ipv6, domain, host, port, is_enabled, remark, \
                 created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12) RETURNING id"
            ),
            args![
                data.name,
                data.name_folded,
                data.protocol,
                data.group,
                data.addresses.0,
                data.addresses.1,
                data.addresses.2,
                data.host,
                data.port,
                data.is_enabled,
                data.remark,
                at
            ],
        )
        .await?;
    row.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Sets all that can be edited.
pub async fn update(tx: &mut Tx, id: ResourceId, data: ResourceData<'_>, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE resource SET name = $2, name_folded = $3, protocol_id = $4, resource_group_id = $5, ipv4 = $6, ipv6 = $7, domain = $8, \
             host = $9, port = $10, is_enabled = $11, remark = $12, updated_at = $13 WHERE id = $1"
        ),
        args![
            id,
            data.name,
            data.name_folded,
            data.protocol,
            data.group,
            data.addresses.0,
            data.addresses.1,
            data.addresses.2,
            data.host,
            data.port,
            data.is_enabled,
            data.remark,
            at
        ],
    )
    .await
}

/// Finds a resource.
pub async fn find(q: &mut impl Query, id: ResourceId) -> Result<Option<ResourceRow>> {
    q.one(
        sql!(
            "SELECT id, name, protocol_id, resource_group_id, ipv4, ipv6, domain, host, port, is_enabled, remark, created_at, updated_at \
             FROM resource WHERE id = $1"
        ),
        args![id],
    )
    .await
}

/// Finds a resource by its exact name.
pub async fn find_by_name(q: &mut impl Query, name: &str) -> Result<Option<ResourceRow>> {
    q.one(
        sql!(
            "SELECT id, name, protocol_id, resource_group_id, ipv4, ipv6, domain, host, port, is_enabled, remark, created_at, updated_at \
             FROM resource WHERE name = $1"
        ),
        args![name],
    )
    .await
}

/// Finds the resource at an address.
pub async fn find_by_host(q: &mut impl Query, host: &str, port: i64) -> Result<Option<ResourceId>> {
    let row: Option<(ResourceId,)> =
        q.one(sql!("SELECT id FROM resource WHERE host = $1 AND port = $2"), args![host, port]).await?;
    Ok(row.map(|(id,)| id))
}

/// Lists the resources of one group.
pub async fn list_ids_of_group(q: &mut impl Query, group: ResourceGroupId) -> Result<Vec<ResourceId>> {
    let rows: Vec<(ResourceId,)> =
        q.all(sql!("SELECT id FROM resource WHERE resource_group_id = $1 ORDER BY id"), args![group]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Which resources are listed.
#[derive(Debug, Clone, Copy)]
pub struct ResourceFilter<'a> {
    /// Only those that this account may see now, by `code` on their group or by an approved request; none: all.
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

/// Counts resources.
pub async fn count(q: &mut impl Query, filter: ResourceFilter<'_>) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT COUNT(*) AS n FROM resource x \
                 WHERE (CAST($3 AS TEXT) IS NULL OR x.name_folded LIKE $3 ESCAPE '\\') \
                 AND (CAST($4 AS BIGINT) IS NULL OR x.resource_group_id IN ( \
                 SELECT a.resource_group_id FROM resource_group_above a WHERE a.above_id = $4)) \
                 AND (CAST($1 AS BIGINT) IS NULL OR x.resource_group_id IN ( \
                 SELECT h.resource_group_id FROM held_grant h WHERE h.account_id = $1 AND h.code = $2 \
                 AND (h.member_until IS NULL OR h.member_until > $5) \
                 AND (h.valid_from IS NULL OR h.valid_from <= $5) AND (h.valid_until IS NULL OR h.valid_until > $5) \
                 AND (NOT EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id) \
                 OR EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id \
                 AND w.from_minute <= $6 AND w.until_minute > $6))) \
                 OR x.id IN (SELECT r.resource_id FROM access_request r \
                 WHERE r.account_id = $1 AND r.state = 'approved' AND r.valid_until > $5))"
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

/// Lists resources by id, downwards or upwards.
pub async fn list(
    q: &mut impl Query,
    filter: ResourceFilter<'_>,
    is_descending: bool,
    (limit, offset): (i64, i64),
) -> Result<Vec<ResourceRow>> {
    let direction = if is_descending { -1_i64 } else { 1 };
    q.all(
        sql!(
            "SELECT x.id, x.name, x.protocol_id, x.resource_group_id, x.ipv4, x.ipv6, x.domain, x.host, x.port, x.is_enabled, x.remark, \
             x.created_at, x.updated_at FROM resource x \
             WHERE (CAST($3 AS TEXT) IS NULL OR x.name_folded LIKE $3 ESCAPE '\\') \
             AND (CAST($4 AS BIGINT) IS NULL OR x.resource_group_id IN ( \
             SELECT a.resource_group_id FROM resource_group_above a WHERE a.above_id = $4)) \
             AND (CAST($1 AS BIGINT) IS NULL OR x.resource_group_id IN ( \
             SELECT h.resource_group_id FROM held_grant h WHERE h.account_id = $1 AND h.code = $2 \
             AND (h.member_until IS NULL OR h.member_until > $5) \
             AND (h.valid_from IS NULL OR h.valid_from <= $5) AND (h.valid_until IS NULL OR h.valid_until > $5) \
             AND (NOT EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id) \
             OR EXISTS (SELECT 1 FROM role_grant_window w WHERE w.role_grant_id = h.role_grant_id \
             AND w.from_minute <= $6 AND w.until_minute > $6))) \
             OR x.id IN (SELECT r.resource_id FROM access_request r \
             WHERE r.account_id = $1 AND r.state = 'approved' AND r.valid_until > $5)) \
             ORDER BY x.id * $7 LIMIT $8 OFFSET $9"
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

/// Deletes a resource; its bindings go with it.
pub async fn delete(tx: &mut Tx, id: ResourceId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM resource WHERE id = $1"), args![id]).await
}

/// Lists what is bound to a resource.
pub async fn list_voucher_ids(q: &mut impl Query, id: ResourceId) -> Result<Vec<VoucherId>> {
    let rows: Vec<(VoucherId,)> = q
        .all(sql!("SELECT voucher_id FROM resource_voucher WHERE resource_id = $1 ORDER BY voucher_id"), args![id])
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Whether a voucher is bound to any resource.
pub async fn is_voucher_bound(q: &mut impl Query, id: VoucherId) -> Result<bool> {
    let row: Option<(ResourceId,)> = q
        .one(
            sql!("SELECT resource_id FROM resource_voucher WHERE voucher_id = $1 ORDER BY resource_id LIMIT 1"),
            args![id],
        )
        .await?;
    Ok(row.is_some())
}

/// Whether a voucher is bound to a resource.
pub async fn is_bound(q: &mut impl Query, id: ResourceId, voucher: VoucherId) -> Result<bool> {
    let row: Option<(ResourceId,)> = q
        .one(
            sql!("SELECT resource_id FROM resource_voucher WHERE resource_id = $1 AND voucher_id = $2"),
            args![id, voucher],
        )
        .await?;
    Ok(row.is_some())
}

/// Binds a voucher; one that is bound stays so.
pub async fn insert_voucher(tx: &mut Tx, id: ResourceId, voucher: VoucherId) -> Result<u64> {
    tx.exec(
        sql!("INSERT INTO resource_voucher (resource_id, voucher_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"),
        args![id, voucher],
    )
    .await
}

/// Unbinds a voucher.
pub async fn delete_voucher(tx: &mut Tx, id: ResourceId, voucher: VoucherId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM resource_voucher WHERE resource_id = $1 AND voucher_id = $2"), args![id, voucher]).await
}
