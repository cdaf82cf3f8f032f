//! Live rows of the vpn surface, read and written one by one: for what staff change in both twins at once. A publication copies
//! sets instead, see [`crate::vpn_publish`].

use gatehouse_model::{
    AccountId, AuthServerId, Millis, VpnGroupId, VpnPolicySetId, VpnResourceGroupId, VpnResourceId, VpnRoleId,
};

use crate::{
    Query, Result, Statement, Tx, args, sql, vpn_group::VpnGroupRow, vpn_resource::VpnResourceRow,
    vpn_resource_group::VpnResourceGroupRow, vpn_role::Linked, vpn_role::VpnRoleRow,
};

/// What both twins of a user say.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct PassRow {
    /// The account.
    pub account_id: AccountId,
    /// The group.
    pub vpn_group_id: VpnGroupId,
    /// Note.
    pub note: String,
    /// Phone numbers.
    pub phone: String,
    /// The pass's switch.
    pub is_enabled: bool,
    /// Whether several people use it.
    pub is_public: bool,
    /// End.
    pub expires_at: Option<Millis>,
    /// Whether the group decides on methods.
    pub inherits_auth: bool,
    /// Whether the group decides on the policy set.
    pub inherits_policy: bool,
    /// Methods as a bit set.
    pub methods: i64,
    /// Whether one method is enough.
    pub is_any_of: bool,
    /// The external server.
    pub auth_server_id: Option<AuthServerId>,
    /// Own policy set.
    pub policy_set_id: VpnPolicySetId,
    /// Fixed tunnel address.
    pub fixed_ip: Option<String>,
}

/// Finds a staged pass.
pub async fn find_pass(q: &mut impl Query, id: AccountId) -> Result<Option<PassRow>> {
    q.one(
        sql!(
            "SELECT account_id, vpn_group_id, note, phone, is_enabled, is_public, expires_at, inherits_auth, inherits_policy, methods, \
             is_any_of, auth_server_id, policy_set_id, fixed_ip FROM vpn_pass WHERE account_id = $1"
        ),
        args![id],
    )
    .await
}

/// Finds a live pass.
pub async fn find_live_pass(q: &mut impl Query, id: AccountId) -> Result<Option<PassRow>> {
    q.one(
        sql!(
            "SELECT account_id, vpn_group_id, note, phone, is_enabled, is_public, expires_at, inherits_auth, inherits_policy, methods, \
             is_any_of, auth_server_id, policy_set_id, fixed_ip FROM vpn_pass_live WHERE account_id = $1"
        ),
        args![id],
    )
    .await
}

/// Writes a staged pass.
pub async fn update_pass(tx: &mut Tx, row: &PassRow, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE vpn_pass SET vpn_group_id = $2, note = $3, phone = $4, is_enabled = $5, is_public = $6, expires_at = $7, \
             inherits_auth = $8, inherits_policy = $9, methods = $10, is_any_of = $11, auth_server_id = $12, policy_set_id = $13, \
             fixed_ip = $14, updated_at = $15 WHERE account_id = $1"
        ),
        pass_values(row, at),
    )
    .await
}

/// Writes a live pass.
pub async fn update_live_pass(tx: &mut Tx, row: &PassRow, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE vpn_pass_live SET vpn_group_id = $2, note = $3, phone = $4, is_enabled = $5, is_public = $6, expires_at = $7, \
             inherits_auth = $8, inherits_policy = $9, methods = $10, is_any_of = $11, auth_server_id = $12, policy_set_id = $13, \
             fixed_ip = $14, updated_at = $15 WHERE account_id = $1"
        ),
        pass_values(row, at),
    )
    .await
}

fn pass_values(row: &PassRow, at: Millis) -> crate::Args {
    args![
        row.account_id,
        row.vpn_group_id,
        &row.note,
        &row.phone,
        row.is_enabled,
        row.is_public,
        row.expires_at,
        row.inherits_auth,
        row.inherits_policy,
        row.methods,
        row.is_any_of,
        row.auth_server_id,
        row.policy_set_id,
        row.fixed_ip.as_deref(),
        at
    ]
}

/// Finds a live group.
pub async fn find_group(q: &mut impl Query, id: VpnGroupId) -> Result<Option<VpnGroupRow>> {
    q.one(sql!("SELECT * FROM vpn_group_live WHERE id = $1"), args![id]).await
}

/// Writes a live group, made if need be; its path stays once it has one.
pub async fn put_group(tx: &mut Tx, row: &VpnGroupRow) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO vpn_group_live (id, name, path, parent_id, note, is_enabled, inherits_auth, inherits_policy, inherits_roles, \
             forces_auth, forces_policy, methods, is_any_of, auth_server_id, token_server_id, policy_set_id, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) \
             ON CONFLICT (id) DO UPDATE SET note = $5, is_enabled = $6, inherits_auth = $7, inherits_policy = $8, \
             inherits_roles = $9, forces_auth = $10, forces_policy = $11, methods = $12, is_any_of = $13, auth_server_id = $14, \
             policy_set_id = $16, updated_at = $18"
        ),
        args![
            row.id,
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
            row.created_at,
            row.updated_at
        ],
    )
    .await
}

/// Deletes a group that nobody is in and nothing lies below, staged and live, with its roles; 0: somebody or something is.
pub async fn delete_group(tx: &mut Tx, id: VpnGroupId) -> Result<u64> {
    let deleted = tx
        .exec(
            sql!(
                "DELETE FROM vpn_group_live WHERE id = $1 \
                 AND NOT EXISTS (SELECT 1 FROM vpn_pass p WHERE p.vpn_group_id = $1) \
                 AND NOT EXISTS (SELECT 1 FROM vpn_pass_live p WHERE p.vpn_group_id = $1) \
                 AND NOT EXISTS (SELECT 1 FROM vpn_group g WHERE g.parent_id = $1) \
                 AND NOT EXISTS (SELECT 1 FROM vpn_group_live g WHERE g.parent_id = $1)"
            ),
            args![id],
        )
        .await?;
    if deleted > 0 {
        tx.exec(sql!("DELETE FROM vpn_role_group_live WHERE vpn_group_id = $1"), args![id]).await?;
        tx.exec(sql!("DELETE FROM vpn_group WHERE id = $1"), args![id]).await?;
        tx.exec(sql!("DELETE FROM vpn_pending WHERE kind = 'group' AND object_id = $1"), args![id]).await?;
    }
    Ok(deleted)
}

/// Finds a live role.
pub async fn find_role(q: &mut impl Query, id: VpnRoleId) -> Result<Option<VpnRoleRow>> {
    q.one(sql!("SELECT id, name, note, is_enabled FROM vpn_role_live WHERE id = $1"), args![id]).await
}

/// Writes a live role, made if need be.
pub async fn put_role(tx: &mut Tx, row: &VpnRoleRow, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO vpn_role_live (id, name, note, is_enabled, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5) \
             ON CONFLICT (id) DO UPDATE SET name = $2, note = $3, is_enabled = $4, updated_at = $5"
        ),
        args![row.id, &row.name, &row.note, row.is_enabled, at],
    )
    .await
}

/// Deletes a role with all its links, staged and live.
pub async fn delete_role(tx: &mut Tx, id: VpnRoleId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM vpn_role_user_live WHERE vpn_role_id = $1"), args![id]).await?;
    tx.exec(sql!("DELETE FROM vpn_role_group_live WHERE vpn_role_id = $1"), args![id]).await?;
    tx.exec(sql!("DELETE FROM vpn_role_resource_live WHERE vpn_role_id = $1"), args![id]).await?;
    tx.exec(sql!("DELETE FROM vpn_role_resource_group_live WHERE vpn_role_id = $1"), args![id]).await?;
    tx.exec(sql!("DELETE FROM vpn_pending WHERE kind = 'role' AND object_id = $1"), args![id]).await?;
    let live = tx.exec(sql!("DELETE FROM vpn_role_live WHERE id = $1"), args![id]).await?;
    Ok(live + tx.exec(sql!("DELETE FROM vpn_role WHERE id = $1"), args![id]).await?)
}

/// Finds a live resource.
pub async fn find_resource(q: &mut impl Query, id: VpnResourceId) -> Result<Option<VpnResourceRow>> {
    q.one(
        sql!(
            "SELECT r.id, r.name, r.note, r.kind, r.service, r.main_host, r.addresses, r.black_list, r.is_web_app, r.is_enabled, r.is_shown, \
             r.vpn_resource_group_id, COALESCE(g.name, '') AS group_name FROM vpn_resource_live r \
             LEFT JOIN vpn_resource_group_live g ON g.id = r.vpn_resource_group_id WHERE r.id = $1"
        ),
        args![id],
    )
    .await
}

/// Writes a live resource, made if need be.
pub async fn put_resource(tx: &mut Tx, row: &VpnResourceRow, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO vpn_resource_live (id, name, note, kind, service, main_host, addresses, black_list, is_web_app, is_enabled, \
             is_shown, vpn_resource_group_id, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13) \
             ON CONFLICT (id) DO UPDATE SET name = $2, note = $3, kind = $4, service = $5, main_host = $6, addresses = $7, \
             black_list = $8, is_web_app = $9, is_enabled = $10, is_shown = $11, vpn_resource_group_id = $12, updated_at = $13"
        ),
        args![
            row.id,
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
    .await
}

/// Deletes a resource with the roles' links to it, staged and live.
pub async fn delete_resource(tx: &mut Tx, id: VpnResourceId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM vpn_role_resource_live WHERE vpn_resource_id = $1"), args![id]).await?;
    tx.exec(sql!("DELETE FROM vpn_pending WHERE kind = 'resource' AND object_id = $1"), args![id]).await?;
    let live = tx.exec(sql!("DELETE FROM vpn_resource_live WHERE id = $1"), args![id]).await?;
    Ok(live + tx.exec(sql!("DELETE FROM vpn_resource WHERE id = $1"), args![id]).await?)
}

/// Finds a live resource group.
pub async fn find_resource_group(q: &mut impl Query, id: VpnResourceGroupId) -> Result<Option<VpnResourceGroupRow>> {
    q.one(sql!("SELECT id, name, note, is_enabled FROM vpn_resource_group_live WHERE id = $1"), args![id]).await
}

/// Writes a live resource group, made if need be.
pub async fn put_resource_group(tx: &mut Tx, row: &VpnResourceGroupRow, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO vpn_resource_group_live (id, name, note, is_enabled, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5) \
             ON CONFLICT (id) DO UPDATE SET name = $2, note = $3, is_enabled = $4, updated_at = $5"
        ),
        args![row.id, &row.name, &row.note, row.is_enabled, at],
    )
    .await
}

/// Deletes a resource group that nothing lies in, staged and live, with the roles' links to it; 0: something does.
pub async fn delete_resource_group(tx: &mut Tx, id: VpnResourceGroupId) -> Result<u64> {
    let deleted = tx
        .exec(
            sql!(
                "DELETE FROM vpn_resource_group_live WHERE id = $1 \
                 AND NOT EXISTS (SELECT 1 FROM vpn_resource r WHERE r.vpn_resource_group_id = $1) \
                 AND NOT EXISTS (SELECT 1 FROM vpn_resource_live r WHERE r.vpn_resource_group_id = $1)"
            ),
            args![id],
        )
        .await?;
    if deleted > 0 {
        tx.exec(sql!("DELETE FROM vpn_role_resource_group_live WHERE vpn_resource_group_id = $1"), args![id]).await?;
        tx.exec(sql!("DELETE FROM vpn_resource_group WHERE id = $1"), args![id]).await?;
        tx.exec(sql!("DELETE FROM vpn_pending WHERE kind = 'resource_group' AND object_id = $1"), args![id]).await?;
    }
    Ok(deleted)
}

/// Hangs something on a live role. Repeating is a no-op.
pub async fn link(tx: &mut Tx, role: VpnRoleId, linked: Linked, id: i64) -> Result<u64> {
    let statement: Statement = match linked {
        Linked::Users => {
            sql!("INSERT INTO vpn_role_user_live (vpn_role_id, account_id) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        }
        Linked::Groups => {
            sql!("INSERT INTO vpn_role_group_live (vpn_role_id, vpn_group_id) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        }
        Linked::Resources => {
            sql!(
                "INSERT INTO vpn_role_resource_live (vpn_role_id, vpn_resource_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"
            )
        }
        Linked::ResourceGroups => {
            sql!(
                "INSERT INTO vpn_role_resource_group_live (vpn_role_id, vpn_resource_group_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"
            )
        }
    };
    tx.exec(statement, args![role, id]).await
}

/// Takes something off a live role.
pub async fn unlink(tx: &mut Tx, role: VpnRoleId, linked: Linked, id: i64) -> Result<u64> {
    let statement: Statement = match linked {
        Linked::Users => sql!("DELETE FROM vpn_role_user_live WHERE vpn_role_id = $1 AND account_id = $2"),
        Linked::Groups => sql!("DELETE FROM vpn_role_group_live WHERE vpn_role_id = $1 AND vpn_group_id = $2"),
        Linked::Resources => sql!("DELETE FROM vpn_role_resource_live WHERE vpn_role_id = $1 AND vpn_resource_id = $2"),
        Linked::ResourceGroups => {
            sql!("DELETE FROM vpn_role_resource_group_live WHERE vpn_role_id = $1 AND vpn_resource_group_id = $2")
        }
    };
    tx.exec(statement, args![role, id]).await
}

/// Lists what of a kind hangs on a live role, by id.
pub async fn list_linked(q: &mut impl Query, role: VpnRoleId, linked: Linked) -> Result<Vec<i64>> {
    let statement: Statement = match linked {
        Linked::Users => {
            sql!("SELECT account_id AS id FROM vpn_role_user_live WHERE vpn_role_id = $1 ORDER BY account_id")
        }
        Linked::Groups => {
            sql!("SELECT vpn_group_id AS id FROM vpn_role_group_live WHERE vpn_role_id = $1 ORDER BY vpn_group_id")
        }
        Linked::Resources => {
            sql!(
                "SELECT vpn_resource_id AS id FROM vpn_role_resource_live WHERE vpn_role_id = $1 ORDER BY vpn_resource_id"
            )
        }
        Linked::ResourceGroups => {
            sql!(
                "SELECT vpn_resource_group_id AS id FROM vpn_role_resource_group_live WHERE vpn_role_id = $1 \
                 ORDER BY vpn_resource_group_id"
            )
        }
    };
    let rows: Vec<(i64,)> = q.all(statement, args![role]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Lists the live roles that a user or a group has directly, by id. Other kinds have none.
pub async fn list_held(q: &mut impl Query, linked: Linked, id: i64) -> Result<Vec<VpnRoleId>> {
    let statement: Statement = match linked {
        Linked::Users => {
            sql!("SELECT vpn_role_id FROM vpn_role_user_live WHERE account_id = $1 ORDER BY vpn_role_id")
        }
        Linked::Groups => {
            sql!("SELECT vpn_role_id FROM vpn_role_group_live WHERE vpn_group_id = $1 ORDER BY vpn_role_id")
        }
        Linked::Resources | Linked::ResourceGroups => return Ok(Vec::new()),
    };
    let rows: Vec<(VpnRoleId,)> = q.all(statement, args![id]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
