//! Publication of the vpn surface: what was staged becomes live, for exactly the rows that `vpn_pending` names. Everything here
//! runs under [`crate::lock::own_staged`].
//!
//! Order: who is in and affected ([`crate::vpn_visitor`], before anything moves), the copies, the deletions, who may not stay,
//! [`crate::vpn_pending::clear`].

use gatehouse_model::{AccountId, Millis};

use crate::{Query, Result, Tx, args, sql};

/// Has PostgreSQL plan each statement of the transaction by the sizes that tables have now. By the plan that a connection made when
/// the tables were small it would walk through all users once for each that changed. Only statements with parameters are planned
/// anew, which is why kinds are parameters here.
pub async fn plan_afresh(tx: &mut Tx) -> Result<()> {
    let plan = sql! {
        sqlite: "SELECT 'each time' AS mode",
        postgres: "SELECT set_config('plan_cache_mode', 'force_custom_plan', TRUE) AS mode"
    };
    tx.one::<(String,)>(plan, args![]).await.map(drop)
}

/// How many rows wait, by kind.
pub async fn count_pending(q: &mut impl Query) -> Result<Vec<(String, i64)>> {
    q.all(
        sql!("SELECT kind, CAST(COUNT(*) AS BIGINT) AS waiting FROM vpn_pending GROUP BY kind ORDER BY kind"),
        args![],
    )
    .await
}

/// Copies groups, with who has which role through them.
pub async fn copy_groups(tx: &mut Tx) -> Result<()> {
    tx.exec(
        sql!(
            "INSERT INTO vpn_group_live (id, name, path, parent_id, note, is_enabled, inherits_auth, inherits_policy, inherits_roles, \
             forces_auth, forces_policy, methods, is_any_of, auth_server_id, token_server_id, policy_set_id, created_at, updated_at) \
             SELECT g.id, g.name, g.path, g.parent_id, g.note, g.is_enabled, g.inherits_auth, g.inherits_policy, g.inherits_roles, \
             g.forces_auth, g.forces_policy, g.methods, g.is_any_of, g.auth_server_id, g.token_server_id, g.policy_set_id, \
             g.created_at, g.updated_at FROM vpn_pending q JOIN vpn_group g ON g.id = q.object_id WHERE q.kind = $1 \
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, path = excluded.path, parent_id = excluded.parent_id, \
             note = excluded.note, is_enabled = excluded.is_enabled, inherits_auth = excluded.inherits_auth, \
             inherits_policy = excluded.inherits_policy, inherits_roles = excluded.inherits_roles, \
             forces_auth = excluded.forces_auth, forces_policy = excluded.forces_policy, methods = excluded.methods, \
             is_any_of = excluded.is_any_of, auth_server_id = excluded.auth_server_id, \
             token_server_id = excluded.token_server_id, policy_set_id = excluded.policy_set_id, \
             updated_at = excluded.updated_at"
        ),
        args!["group"],
    )
    .await?;
    tx.exec(
        sql!(
            "DELETE FROM vpn_role_group_live WHERE vpn_group_id IN (SELECT object_id FROM vpn_pending WHERE kind = $1)"
        ),
        args!["group"],
    )
    .await?;
    tx.exec(
        sql!(
            "INSERT INTO vpn_role_group_live (vpn_role_id, vpn_group_id) SELECT k.vpn_role_id, k.vpn_group_id \
             FROM vpn_pending q JOIN vpn_role_group k ON k.vpn_group_id = q.object_id WHERE q.kind = $1"
        ),
        args!["group"],
    )
    .await?;
    Ok(())
}

/// Copies resource groups.
pub async fn copy_resource_groups(tx: &mut Tx) -> Result<()> {
    tx.exec(
        sql!(
            "INSERT INTO vpn_resource_group_live (id, name, note, is_enabled, created_at, updated_at) \
             SELECT g.id, g.name, g.note, g.is_enabled, g.created_at, g.updated_at \
             FROM vpn_pending q JOIN vpn_resource_group g ON g.id = q.object_id WHERE q.kind = $1 \
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, note = excluded.note, is_enabled = excluded.is_enabled, \
             updated_at = excluded.updated_at"
        ),
        args!["resource_group"],
    )
    .await?;
    Ok(())
}

/// Copies resources.
pub async fn copy_resources(tx: &mut Tx) -> Result<()> {
    tx.exec(
        sql!(
            "INSERT INTO vpn_resource_live (id, name, note, kind, service, main_host, addresses, black_list, is_web_app, is_enabled, \
             is_shown, vpn_resource_group_id, created_at, updated_at) \
             SELECT s.id, s.name, s.note, s.kind, s.service, s.main_host, s.addresses, s.black_list, s.is_web_app, s.is_enabled, \
             s.is_shown, s.vpn_resource_group_id, s.created_at, s.updated_at \
             FROM vpn_pending q JOIN vpn_resource s ON s.id = q.object_id WHERE q.kind = $1 \
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, note = excluded.note, kind = excluded.kind, \
             service = excluded.service, main_host = excluded.main_host, addresses = excluded.addresses, \
             black_list = excluded.black_list, is_web_app = excluded.is_web_app, is_enabled = excluded.is_enabled, \
             is_shown = excluded.is_shown, vpn_resource_group_id = excluded.vpn_resource_group_id, \
             updated_at = excluded.updated_at"
        ),
        args!["resource"],
    )
    .await?;
    Ok(())
}

/// Copies roles, with what they open.
pub async fn copy_roles(tx: &mut Tx) -> Result<()> {
    tx.exec(
        sql!(
            "INSERT INTO vpn_role_live (id, name, note, is_enabled, created_at, updated_at) \
             SELECT s.id, s.name, s.note, s.is_enabled, s.created_at, s.updated_at \
             FROM vpn_pending q JOIN vpn_role s ON s.id = q.object_id WHERE q.kind = $1 \
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, note = excluded.note, is_enabled = excluded.is_enabled, \
             updated_at = excluded.updated_at"
        ),
        args!["role"],
    )
    .await?;
    tx.exec(
        sql!(
            "DELETE FROM vpn_role_resource_live WHERE vpn_role_id IN (SELECT object_id FROM vpn_pending WHERE kind = $1)"
        ),
        args!["role"],
    )
    .await?;
    tx.exec(
        sql!(
            "DELETE FROM vpn_role_resource_group_live \
             WHERE vpn_role_id IN (SELECT object_id FROM vpn_pending WHERE kind = $1)"
        ),
        args!["role"],
    )
    .await?;
    tx.exec(
        sql!(
            "INSERT INTO vpn_role_resource_live (vpn_role_id, vpn_resource_id) SELECT k.vpn_role_id, k.vpn_resource_id \
             FROM vpn_pending q JOIN vpn_role_resource k ON k.vpn_role_id = q.object_id WHERE q.kind = $1"
        ),
        args!["role"],
    )
    .await?;
    tx.exec(
        sql!(
            "INSERT INTO vpn_role_resource_group_live (vpn_role_id, vpn_resource_group_id) \
             SELECT k.vpn_role_id, k.vpn_resource_group_id \
             FROM vpn_pending q JOIN vpn_role_resource_group k ON k.vpn_role_id = q.object_id WHERE q.kind = $1"
        ),
        args!["role"],
    )
    .await?;
    Ok(())
}

/// Copies users, with their own roles; without login and password.
pub async fn copy_users(tx: &mut Tx) -> Result<()> {
    tx.exec(
        sql!(
            "INSERT INTO vpn_pass_live (account_id, vpn_group_id, note, phone, is_enabled, is_public, expires_at, inherits_auth, \
             inherits_policy, methods, is_any_of, auth_server_id, token_server_id, policy_set_id, fixed_ip, created_at, updated_at) \
             SELECT s.account_id, s.vpn_group_id, s.note, s.phone, s.is_enabled, s.is_public, s.expires_at, s.inherits_auth, \
             s.inherits_policy, s.methods, s.is_any_of, s.auth_server_id, s.token_server_id, s.policy_set_id, s.fixed_ip, \
             s.created_at, s.updated_at FROM vpn_pending q JOIN vpn_pass s ON s.account_id = q.object_id WHERE q.kind = $1 \
             ON CONFLICT (account_id) DO UPDATE SET vpn_group_id = excluded.vpn_group_id, note = excluded.note, \
             phone = excluded.phone, is_enabled = excluded.is_enabled, is_public = excluded.is_public, \
             expires_at = excluded.expires_at, inherits_auth = excluded.inherits_auth, \
             inherits_policy = excluded.inherits_policy, methods = excluded.methods, is_any_of = excluded.is_any_of, \
             auth_server_id = excluded.auth_server_id, token_server_id = excluded.token_server_id, \
             policy_set_id = excluded.policy_set_id, fixed_ip = excluded.fixed_ip, created_at = excluded.created_at, \
             updated_at = excluded.updated_at"
        ),
        args!["user"],
    )
    .await?;
    tx.exec(
        sql!("DELETE FROM vpn_role_user_live WHERE account_id IN (SELECT object_id FROM vpn_pending WHERE kind = $1)"),
        args!["user"],
    )
    .await?;
    tx.exec(
        sql!(
            "INSERT INTO vpn_role_user_live (vpn_role_id, account_id) SELECT k.vpn_role_id, k.account_id \
             FROM vpn_pending q JOIN vpn_role_user k ON k.account_id = q.object_id WHERE q.kind = $1"
        ),
        args!["user"],
    )
    .await?;
    Ok(())
}

/// Makes staged passwords those of their accounts, and raises the epochs. Accounts that another surface made or that hold a
/// further pass by now are left alone.
pub async fn copy_passwords(tx: &mut Tx, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE account SET password_scheme = p.password_scheme, password_hash = p.password_hash, \
             password_clear_sealed = p.password_clear_sealed, password_changed_at = p.password_changed_at, \
             must_change_password = FALSE, epoch = account.epoch + 1, updated_at = $1 \
             FROM vpn_pass p JOIN vpn_pending q ON q.kind = 'user' AND q.object_id = p.account_id \
             WHERE account.id = p.account_id AND p.is_password_staged AND account.origin = 'vpn' \
             AND NOT EXISTS (SELECT 1 FROM staff_pass f WHERE f.account_id = account.id) \
             AND NOT EXISTS (SELECT 1 FROM proxy_pass f WHERE f.account_id = account.id)"
        ),
        args![at],
    )
    .await
}

/// Makes staged logins those of their accounts, under the same condition, and forgets everything that was staged of logins and
/// passwords, what the condition held back included.
pub async fn copy_logins(tx: &mut Tx, at: Millis) -> Result<()> {
    tx.exec(
        sql!(
            "UPDATE account SET login = p.login, updated_at = $1 \
             FROM vpn_pass p JOIN vpn_pending q ON q.kind = 'user' AND q.object_id = p.account_id \
             WHERE account.id = p.account_id AND p.login IS NOT NULL AND account.origin = 'vpn' \
             AND NOT EXISTS (SELECT 1 FROM staff_pass f WHERE f.account_id = account.id) \
             AND NOT EXISTS (SELECT 1 FROM proxy_pass f WHERE f.account_id = account.id)"
        ),
        args![at],
    )
    .await?;
    // A rename that only changes the case has the same key, hence no name of its own.
    tx.exec(
        sql!(
            "DELETE FROM login_name WHERE is_staged = $1 AND account_id IN (SELECT a.id FROM vpn_pending q \
             JOIN vpn_pass p ON p.account_id = q.object_id JOIN account a ON a.id = p.account_id \
             JOIN login_name n ON n.account_id = a.id AND n.is_staged = $2 \
             WHERE q.kind = 'user' AND p.login IS NOT NULL AND a.login = p.login)"
        ),
        args![false, true],
    )
    .await?;
    tx.exec(
        sql!(
            "UPDATE login_name SET is_staged = $1 WHERE is_staged = $2 AND account_id IN (SELECT a.id FROM vpn_pending q \
             JOIN vpn_pass p ON p.account_id = q.object_id JOIN account a ON a.id = p.account_id \
             WHERE q.kind = 'user' AND p.login IS NOT NULL AND a.login = p.login)"
        ),
        args![false, true],
    )
    .await?;
    tx.exec(
        sql!(
            "DELETE FROM login_name WHERE is_staged = $1 AND account_id IN (SELECT object_id FROM vpn_pending WHERE kind = 'user')"
        ),
        args![true],
    )
    .await?;
    tx.exec(
        sql!(
            "UPDATE vpn_pass SET login = NULL, is_password_staged = $1, password_scheme = NULL, password_hash = NULL, \
             password_clear_sealed = NULL, password_changed_at = NULL \
             WHERE account_id IN (SELECT object_id FROM vpn_pending WHERE kind = 'user') \
             AND (login IS NOT NULL OR is_password_staged)"
        ),
        args![false],
    )
    .await?;
    Ok(())
}

/// Accounts whose last pass is the one that is removed, with their logins.
pub async fn list_leaving(q: &mut impl Query) -> Result<Vec<(AccountId, String)>> {
    q.all(
        sql!(
            "SELECT a.id, a.login FROM vpn_pending q JOIN account a ON a.id = q.object_id \
             WHERE q.kind = $1 AND NOT a.is_protected \
             AND NOT EXISTS (SELECT 1 FROM vpn_pass f WHERE f.account_id = a.id) \
             AND NOT EXISTS (SELECT 1 FROM staff_pass f WHERE f.account_id = a.id) \
             AND NOT EXISTS (SELECT 1 FROM proxy_pass f WHERE f.account_id = a.id) ORDER BY a.id"
        ),
        args!["user"],
    )
    .await
}

/// Removes the live rows of users who are staged no more, and the accounts of [`list_leaving`].
pub async fn delete_users(tx: &mut Tx) -> Result<()> {
    tx.exec(
        sql!(
            "DELETE FROM vpn_pass_live WHERE account_id IN (SELECT object_id FROM vpn_pending WHERE kind = $1) \
             AND NOT EXISTS (SELECT 1 FROM vpn_pass s WHERE s.account_id = vpn_pass_live.account_id)"
        ),
        args!["user"],
    )
    .await?;
    tx.exec(
        sql!(
            "DELETE FROM vpn_activity WHERE account_id IN (SELECT object_id FROM vpn_pending WHERE kind = $1) \
             AND NOT EXISTS (SELECT 1 FROM vpn_pass s WHERE s.account_id = vpn_activity.account_id)"
        ),
        args!["user"],
    )
    .await?;
    tx.exec(
        sql!(
            "DELETE FROM account WHERE id IN (SELECT object_id FROM vpn_pending WHERE kind = $1) AND NOT is_protected \
             AND NOT EXISTS (SELECT 1 FROM vpn_pass f WHERE f.account_id = account.id) \
             AND NOT EXISTS (SELECT 1 FROM staff_pass f WHERE f.account_id = account.id) \
             AND NOT EXISTS (SELECT 1 FROM proxy_pass f WHERE f.account_id = account.id)"
        ),
        args!["user"],
    )
    .await?;
    Ok(())
}

/// Removes the live rows of roles that are staged no more, with all their links.
pub async fn delete_roles(tx: &mut Tx) -> Result<()> {
    tx.exec(
        sql!(
            "DELETE FROM vpn_role_live WHERE id IN (SELECT object_id FROM vpn_pending WHERE kind = $1) \
             AND NOT EXISTS (SELECT 1 FROM vpn_role s WHERE s.id = vpn_role_live.id)"
        ),
        args!["role"],
    )
    .await?;
    tx.exec(
        sql!(
            "DELETE FROM vpn_role_user_live WHERE vpn_role_id IN (SELECT object_id FROM vpn_pending WHERE kind = $1) \
             AND NOT EXISTS (SELECT 1 FROM vpn_role s WHERE s.id = vpn_role_user_live.vpn_role_id)"
        ),
        args!["role"],
    )
    .await?;
    tx.exec(
        sql!(
            "DELETE FROM vpn_role_group_live WHERE vpn_role_id IN (SELECT object_id FROM vpn_pending WHERE kind = $1) \
             AND NOT EXISTS (SELECT 1 FROM vpn_role s WHERE s.id = vpn_role_group_live.vpn_role_id)"
        ),
        args!["role"],
    )
    .await?;
    Ok(())
}

/// Removes the live rows of resources and resource groups that are staged no more, with the roles' links to them.
pub async fn delete_resources(tx: &mut Tx) -> Result<()> {
    tx.exec(
        sql!(
            "DELETE FROM vpn_resource_live WHERE id IN (SELECT object_id FROM vpn_pending WHERE kind = $1) \
             AND NOT EXISTS (SELECT 1 FROM vpn_resource s WHERE s.id = vpn_resource_live.id)"
        ),
        args!["resource"],
    )
    .await?;
    tx.exec(
        sql!(
            "DELETE FROM vpn_role_resource_live \
             WHERE vpn_resource_id IN (SELECT object_id FROM vpn_pending WHERE kind = $1) \
             AND NOT EXISTS (SELECT 1 FROM vpn_resource s WHERE s.id = vpn_role_resource_live.vpn_resource_id)"
        ),
        args!["resource"],
    )
    .await?;
    tx.exec(
        sql!(
            "DELETE FROM vpn_resource_group_live WHERE id IN (SELECT object_id FROM vpn_pending WHERE kind = $1) \
             AND NOT EXISTS (SELECT 1 FROM vpn_resource_group s WHERE s.id = vpn_resource_group_live.id)"
        ),
        args!["resource_group"],
    )
    .await?;
    tx.exec(
        sql!(
            "DELETE FROM vpn_role_resource_group_live \
             WHERE vpn_resource_group_id IN (SELECT object_id FROM vpn_pending WHERE kind = $1) \
             AND NOT EXISTS (SELECT 1 FROM vpn_resource_group s WHERE s.id = vpn_role_resource_group_live.vpn_resource_group_id)"
        ),
        args!["resource_group"],
    )
    .await?;
    Ok(())
}

/// Removes the live rows of groups that are staged no more.
pub async fn delete_groups(tx: &mut Tx) -> Result<()> {
    tx.exec(
        sql!(
            "DELETE FROM vpn_group_live WHERE id IN (SELECT object_id FROM vpn_pending WHERE kind = $1) \
             AND NOT EXISTS (SELECT 1 FROM vpn_group s WHERE s.id = vpn_group_live.id)"
        ),
        args!["group"],
    )
    .await?;
    Ok(())
}

/// Inserts a publication; its number. Duration in milliseconds.
pub async fn insert(tx: &mut Tx, at: Millis, changes: i64, duration: i64, actor_name: &str) -> Result<i64> {
    let row: Option<(i64,)> = tx
        .one(
            sql!(
                "INSERT INTO vpn_publication (at, changes, duration, actor_name) VALUES ($1, $2, $3, $4) RETURNING id"
            ),
            args![at, changes, duration, actor_name],
        )
        .await?;
    row.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// The number of the last publication; 0 before the first.
pub async fn find_last(q: &mut impl Query) -> Result<i64> {
    let row: Option<(Option<i64>,)> = q.one(sql!("SELECT MAX(id) AS id FROM vpn_publication"), args![]).await?;
    Ok(row.and_then(|(id,)| id).unwrap_or(0))
}
