//! Resources of the vpn surface, staged.

use gatehouse_model::{Millis, VpnResourceGroupId, VpnResourceId};

use crate::{Query, Result, Tx, args, sql};

/// A row of `vpn_resource` with the name of its group.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct VpnResourceRow {
    /// Identity.
    pub id: VpnResourceId,
    /// Unique name.
    pub name: String,
    /// Note.
    pub note: String,
    /// 0 web, 1 TCP, 2 L3VPN; immutable.
    pub kind: i64,
    /// Name of the service, `HTTP`.
    pub service: String,
    /// Host of a web resource.
    pub main_host: String,
    /// Addresses as they were given, separated by commas.
    pub addresses: String,
    /// What is taken out of them, likewise.
    pub black_list: String,
    /// Whether it is shown as a web application.
    pub is_web_app: bool,
    /// Whether it counts.
    pub is_enabled: bool,
    /// Whether it is listed to users.
    pub is_shown: bool,
    /// The group it lies in.
    pub vpn_resource_group_id: VpnResourceGroupId,
    /// That group's name.
    pub group_name: String,
}

/// Finds a resource by name.
pub async fn find(q: &mut impl Query, name: &str) -> Result<Option<VpnResourceRow>> {
    q.one(
        sql!(
            "SELECT r.id, r.name, r.note, r.kind, r.service, r.main_host, r.addresses, r.black_list, r.is_web_app, r.is_enabled, r.is_shown, \
             r.vpn_resource_group_id, g.name AS group_name FROM vpn_resource r JOIN vpn_resource_group g ON g.id = r.vpn_resource_group_id \
             WHERE r.name = $1"
        ),
        args![name],
    )
    .await
}

/// Keeps others from changing a resource until the transaction ends; 0: there is none.
pub async fn own(tx: &mut Tx, name: &str, at: Millis) -> Result<u64> {
    tx.exec(sql!("UPDATE vpn_resource SET updated_at = $2 WHERE name = $1"), args![name, at]).await
}

/// Inserts a resource; `row.id` and `row.group_name` do not count. `Conflict` for a taken name.
pub async fn insert(tx: &mut Tx, row: &VpnResourceRow, at: Millis) -> Result<VpnResourceId> {
    let id: Option<(VpnResourceId,)> = tx
        .one(
            sql!(
                "INSERT INTO vpn_resource (name, note, kind, service, main_host, addresses, black_list, is_web_app, is_enabled, is_shown, \
                 vpn_resource_group_id, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12) RETURNING id"
            ),
            args![
                &row.name,
                &row.note,
                row.kind,
                &row.service,
                &row.main_host,
                &row.addresses,
                &row.black_list,
                row.is_web_app,
                row.is_enabled,
                row.is_shown,
                row.vpn_resource_group_id,
                at
            ],
        )
        .await?;
    id.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Writes a resource but for its kind. `Conflict` for a taken name.
pub async fn update(tx: &mut Tx, row: &VpnResourceRow, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE vpn_resource SET name = $2, note = $3, service = $4, main_host = $5, addresses = $6, black_list = $7, is_web_app = $8, \
             is_enabled = $9, is_shown = $10, vpn_resource_group_id = $11, updated_at = $12 WHERE id = $1"
        ),
        args![
            row.id,
            &row.name,
            &row.note,
            &row.service,
            &row.main_host,
            &row.addresses,
            &row.black_list,
            row.is_web_app,
            row.is_enabled,
            row.is_shown,
            row.vpn_resource_group_id,
            at
        ],
    )
    .await
}

/// Deletes a resource with what refers to it.
pub async fn delete(tx: &mut Tx, id: VpnResourceId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM vpn_resource WHERE id = $1"), args![id]).await
}

/// Moves the resources of a group to the default group; gives their ids.
pub async fn empty_group(tx: &mut Tx, group: VpnResourceGroupId, at: Millis) -> Result<Vec<VpnResourceId>> {
    let rows: Vec<(VpnResourceId,)> = tx
        .all(
            sql!(
                "UPDATE vpn_resource SET vpn_resource_group_id = 0, updated_at = $2 WHERE vpn_resource_group_id = $1 RETURNING id"
            ),
            args![group, at],
        )
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// A line of the list of resources and resource groups.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ListedRow {
    /// Identity of the resource or group.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Note.
    pub note: String,
    /// Kind of the resource, −1 for a group.
    pub kind: i64,
    /// Service; empty for a group.
    pub service: String,
    /// Host; empty for a group.
    pub main_host: String,
    /// The group it lies in, or the group itself.
    pub group_id: i64,
    /// That group's name.
    pub group_name: String,
    /// Whether it counts.
    pub is_enabled: bool,
    /// Addresses; empty for a group.
    pub addresses: String,
}

/// Lists a page of groups but the default one (kind −1), of resources of one kind, or of all (no kind): groups first, then by id.
pub async fn list(q: &mut impl Query, kind: Option<i64>, offset: i64, limit: i64) -> Result<Vec<ListedRow>> {
    q.all(
        sql!(
            "SELECT id, name, note, CAST(-1 AS BIGINT) AS kind, '' AS service, '' AS main_host, id AS group_id, name AS group_name, is_enabled, \
             '' AS addresses FROM vpn_resource_group WHERE id > 0 AND (CAST($1 AS BIGINT) IS NULL OR $1 = -1) \
             UNION ALL \
             SELECT r.id, r.name, r.note, r.kind, r.service, r.main_host, r.vpn_resource_group_id AS group_id, g.name AS group_name, r.is_enabled, \
             r.addresses FROM vpn_resource r JOIN vpn_resource_group g ON g.id = r.vpn_resource_group_id \
             WHERE CAST($1 AS BIGINT) IS NULL OR r.kind = $1 ORDER BY kind, id LIMIT $3 OFFSET $2"
        ),
        args![kind, offset, limit],
    )
    .await
}

/// How many groups but the default one, and how many resources, [`list`] would give in all.
pub async fn count(q: &mut impl Query, kind: Option<i64>) -> Result<(i64, i64)> {
    let row: Option<(i64, i64)> = q
        .one(
            sql!(
                "SELECT (SELECT COUNT(*) FROM vpn_resource_group WHERE id > 0 AND (CAST($1 AS BIGINT) IS NULL OR $1 = -1)) AS groups_found, \
                 (SELECT COUNT(*) FROM vpn_resource WHERE CAST($1 AS BIGINT) IS NULL OR kind = $1) AS resources_found"
            ),
            args![kind],
        )
        .await?;
    row.ok_or_else(crate::Error::missing_row)
}
