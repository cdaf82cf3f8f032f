//! VPN groups as they are staged: a tree by paths.

use gatehouse_model::{AuthServerId, Millis, VpnGroupId, VpnPolicySetId, VpnRoleId};

use crate::{Query, Result, Tx, args, sql};

/// A row of `vpn_group`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct VpnGroupRow {
    /// Identity.
    pub id: VpnGroupId,
    /// Name, the last part of the path.
    pub name: String,
    /// Absolute path, unique; the root's is `/`.
    pub path: String,
    /// The group above; none: the root.
    pub parent_id: Option<VpnGroupId>,
    /// Note, at most 48 bytes.
    pub note: String,
    /// Off: nobody in it or below it logs in.
    pub is_enabled: bool,
    /// Whether the group above decides on the methods.
    pub inherits_auth: bool,
    /// Whether the group above decides on the policy set.
    pub inherits_policy: bool,
    /// Whether the roles of the groups above count here.
    pub inherits_roles: bool,
    /// Whether everything below inherits the methods, whatever it says itself.
    pub forces_auth: bool,
    /// Likewise the policy set.
    pub forces_policy: bool,
    /// Own methods as a bit set: 1 password, 2 external, 4 certificate, 8 SMS, 16 hardware id, 32 token.
    pub methods: i64,
    /// Whether one method is enough.
    pub is_any_of: bool,
    /// The external server.
    pub auth_server_id: Option<AuthServerId>,
    /// The token server's number, 0: none.
    pub token_server_id: i64,
    /// Own policy set.
    pub policy_set_id: VpnPolicySetId,
    /// When it was made.
    pub created_at: Millis,
    /// When it was changed last.
    pub updated_at: Millis,
}

/// Names that a query shows beside a group's row.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct VpnGroupNames {
    /// Path of the group above; none: the root.
    pub parent_path: Option<String>,
    /// Name of the own policy set.
    pub policy_set_name: String,
    /// Name of the external server.
    pub auth_server_name: Option<String>,
}

/// Bounds of the paths below one, both exclusive. `/` sorts right before `0`.
pub fn below(path: &str) -> (String, String) {
    let path = path.trim_end_matches('/');
    (format!("{path}/"), format!("{path}0"))
}

/// Finds a group.
pub async fn find(q: &mut impl Query, id: VpnGroupId) -> Result<Option<VpnGroupRow>> {
    q.one(sql!("SELECT * FROM vpn_group WHERE id = $1"), args![id]).await
}

/// Finds a group by its path.
pub async fn find_by_path(q: &mut impl Query, path: &str) -> Result<Option<VpnGroupRow>> {
    q.one(sql!("SELECT * FROM vpn_group WHERE path = $1"), args![path]).await
}

/// Finds the names beside a group.
pub async fn find_names(q: &mut impl Query, id: VpnGroupId) -> Result<Option<VpnGroupNames>> {
    q.one(
        sql!(
            "SELECT u.path AS parent_path, s.name AS policy_set_name, e.name AS auth_server_name FROM vpn_group g \
             JOIN vpn_policy_set s ON s.id = g.policy_set_id LEFT JOIN vpn_group u ON u.id = g.parent_id \
             LEFT JOIN auth_server e ON e.id = g.auth_server_id WHERE g.id = $1"
        ),
        args![id],
    )
    .await
}

/// Lists what lies below a path, but not itself, by path.
pub async fn list_below(q: &mut impl Query, path: &str) -> Result<Vec<VpnGroupRow>> {
    let (from, to) = below(path);
    q.all(sql!("SELECT * FROM vpn_group WHERE path > $1 AND path < $2 ORDER BY path"), args![&from, &to]).await
}

/// Lists the roles that a group carries by itself, by id.
pub async fn list_roles(q: &mut impl Query, id: VpnGroupId) -> Result<Vec<(VpnRoleId, String)>> {
    q.all(
        sql!(
            "SELECT r.id, r.name FROM vpn_role_group l JOIN vpn_role r ON r.id = l.vpn_role_id WHERE l.vpn_group_id = $1 \
             ORDER BY r.id"
        ),
        args![id],
    )
    .await
}

/// Finds the path of a live group.
pub async fn find_live_path(q: &mut impl Query, id: VpnGroupId) -> Result<Option<String>> {
    let row: Option<(String,)> = q.one(sql!("SELECT path FROM vpn_group_live WHERE id = $1"), args![id]).await?;
    Ok(row.map(|(path,)| path))
}

/// Inserts a group; its id is given by the database. `Conflict vpn_group_path_key`: there is one of that path.
pub async fn insert(tx: &mut Tx, row: &VpnGroupRow) -> Result<VpnGroupId> {
    let id: Option<(VpnGroupId,)> = tx
        .one(
            sql!(
                "INSERT INTO vpn_group (name, path, parent_id, note, is_enabled, inherits_auth, inherits_policy, inherits_roles, \
                 forces_auth, forces_policy, methods, is_any_of, auth_server_id, token_server_id, policy_set_id, updated_at, created_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $16) RETURNING id"
            ),
            values(row),
        )
        .await?;
    id.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Writes a group as a whole. Those below keep their paths: see [`update_path`].
pub async fn update(tx: &mut Tx, row: &VpnGroupRow) -> Result<u64> {
    let mut args = values(row);
    args.extend(args![row.id]);
    tx.exec(
        sql!(
            "UPDATE vpn_group SET name = $1, path = $2, parent_id = $3, note = $4, is_enabled = $5, inherits_auth = $6, \
             inherits_policy = $7, inherits_roles = $8, forces_auth = $9, forces_policy = $10, methods = $11, is_any_of = $12, \
             auth_server_id = $13, token_server_id = $14, policy_set_id = $15, updated_at = $16 WHERE id = $17"
        ),
        args,
    )
    .await
}

fn values(row: &VpnGroupRow) -> crate::Args {
    args![
        &row.name,
        &row.path,
        row.parent_id,
        &row.note,
        row.is_enabled,
        row.inherits_auth,
        row.inherits_policy,
        row.inherits_roles,
        row.forces_auth,
        row.forces_policy,
        row.methods,
        row.is_any_of,
        row.auth_server_id,
        row.token_server_id,
        row.policy_set_id,
        row.updated_at,
    ]
}

/// Sets the path of one group.
pub async fn update_path(tx: &mut Tx, id: VpnGroupId, path: &str, at: Millis) -> Result<u64> {
    tx.exec(sql!("UPDATE vpn_group SET path = $2, updated_at = $3 WHERE id = $1"), args![id, path, at]).await
}

/// Switches the staged and the live group.
pub async fn update_enabled(tx: &mut Tx, id: VpnGroupId, is_enabled: bool, at: Millis) -> Result<u64> {
    tx.exec(sql!("UPDATE vpn_group SET is_enabled = $2, updated_at = $3 WHERE id = $1"), args![id, is_enabled, at])
        .await?;
    tx.exec(sql!("UPDATE vpn_group_live SET is_enabled = $2, updated_at = $3 WHERE id = $1"), args![id, is_enabled, at])
        .await
}

/// Deletes a group and all below it, with their roles, and lists them as pending; tells how many. Nobody may be in them any
/// more: see [`crate::vpn_user::delete_below`].
pub async fn delete_below(tx: &mut Tx, path: &str) -> Result<u64> {
    let (from, to) = below(path);
    tx.exec(
        sql!(
            "INSERT INTO vpn_pending (kind, object_id) SELECT 'group', id FROM vpn_group \
             WHERE path = $1 OR (path >= $2 AND path < $3) ORDER BY id ON CONFLICT DO NOTHING"
        ),
        args![path, &from, &to],
    )
    .await?;
    tx.exec(sql!("DELETE FROM vpn_group WHERE path = $1 OR (path >= $2 AND path < $3)"), args![path, &from, &to]).await
}

/// Takes every role of a group.
pub async fn delete_roles(tx: &mut Tx, id: VpnGroupId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM vpn_role_group WHERE vpn_group_id = $1"), args![id]).await
}

/// Gives a group the role of this name. 0: there is none, or it has it.
pub async fn insert_role(tx: &mut Tx, id: VpnGroupId, name: &str) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO vpn_role_group (vpn_role_id, vpn_group_id) SELECT id, $1 FROM vpn_role WHERE name = $2 \
             ON CONFLICT DO NOTHING"
        ),
        args![id, name],
    )
    .await
}
