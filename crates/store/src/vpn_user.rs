//! VPN users as they are staged: passes, the names they are found by, their roles.

use gatehouse_model::{AccountId, AuthServerId, Millis, VpnGroupId, VpnPolicySetId, VpnRoleId};

use crate::{Query, Result, Tx, args, sql};

/// A row of `vpn_pass`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct VpnPassRow {
    /// The account.
    pub account_id: AccountId,
    /// The group it lies in.
    pub vpn_group_id: VpnGroupId,
    /// Note, at most 48 bytes.
    pub note: String,
    /// Phone numbers as they were given, separated by `;`.
    pub phone: String,
    /// The pass's own switch, beside the account's.
    pub is_enabled: bool,
    /// Whether several people use it.
    pub is_public: bool,
    /// End; none: never.
    pub expires_at: Option<Millis>,
    /// Whether the group decides on the methods.
    pub inherits_auth: bool,
    /// Whether the group decides on the policy set.
    pub inherits_policy: bool,
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
    /// Fixed tunnel address; none: automatic.
    pub fixed_ip: Option<String>,
    /// The staged login, if it differs from the account's.
    pub login: Option<String>,
    /// Whether the four columns below replace the account's password at the apply.
    pub is_password_staged: bool,
    /// Scheme; none: no password.
    pub password_scheme: Option<i64>,
    /// Hash.
    pub password_hash: Option<String>,
    /// Clear copy, sealed.
    pub password_clear_sealed: Option<String>,
    /// When it was staged.
    pub password_changed_at: Option<Millis>,
    /// Row part of the associated data.
    pub seal_ref: String,
    /// When the pass was made.
    pub created_at: Millis,
    /// When it was changed last.
    pub updated_at: Millis,
}

/// A user as queries show it: the staged pass with what its account says.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct VpnUserRow {
    /// Identity of the account.
    pub id: AccountId,
    /// The staged login.
    pub login: String,
    /// The account's switch.
    pub is_account_enabled: bool,
    /// The group it lies in.
    pub vpn_group_id: VpnGroupId,
    /// Path of the group.
    pub group_path: String,
    /// Note.
    pub note: String,
    /// Phone numbers.
    pub phone: String,
    /// The pass's switch.
    pub is_enabled: bool,
    /// End; none: never.
    pub expires_at: Option<Millis>,
    /// Whether the group decides on the methods.
    pub inherits_auth: bool,
    /// Whether the group decides on the policy set.
    pub inherits_policy: bool,
    /// Own methods, as in [`VpnPassRow`].
    pub methods: i64,
    /// Whether one method is enough.
    pub is_any_of: bool,
    /// The external server.
    pub auth_server_id: Option<AuthServerId>,
    /// The token server's number, 0: none.
    pub token_server_id: i64,
    /// Own policy set.
    pub policy_set_id: VpnPolicySetId,
    /// Fixed tunnel address.
    pub fixed_ip: Option<String>,
    /// When the password was changed, staged or not.
    pub password_changed_at: Option<Millis>,
    /// Last accepted login.
    pub last_login_at: Option<Millis>,
    /// Last sign of life.
    pub last_active_at: Option<Millis>,
    /// When the pass was made.
    pub created_at: Millis,
}

/// A user as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct VpnUserEntry {
    /// Identity of the account.
    pub id: AccountId,
    /// The staged login.
    pub login: String,
    /// Note.
    pub note: String,
    /// The group it lies in.
    pub vpn_group_id: VpnGroupId,
    /// Path of the group.
    pub group_path: String,
    /// The account's switch.
    pub is_account_enabled: bool,
    /// The pass's switch.
    pub is_enabled: bool,
}

/// A role that a user holds by itself.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct VpnUserRole {
    /// The account.
    pub account_id: AccountId,
    /// The role.
    pub id: VpnRoleId,
    /// Its name.
    pub name: String,
}

/// Who owns a folded login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct NameOwner {
    /// The account.
    pub account_id: AccountId,
    /// Whether it gets the login at the apply only.
    pub is_staged: bool,
    /// Whether the account's VPN pass was deleted, and the deletion waits for the apply.
    pub is_deletion_staged: bool,
}

/// Finds the owner of a folded login, live or staged.
pub async fn find_owner(q: &mut impl Query, login_key: &str) -> Result<Option<NameOwner>> {
    q.one(
        sql!(
            "SELECT n.account_id, n.is_staged, CASE WHEN w.id IS NULL OR p.account_id IS NOT NULL THEN $2 ELSE $3 END AS \
             is_deletion_staged FROM login_name n LEFT JOIN vpn_pass p ON p.account_id = n.account_id \
             LEFT JOIN vpn_pending w ON w.kind = 'user' AND w.object_id = n.account_id WHERE n.login_key = $1"
        ),
        args![login_key, false, true],
    )
    .await
}

/// Finds a user by its folded login as it is staged: who is about to be renamed is found by the new one only.
pub async fn find_id(q: &mut impl Query, login_key: &str) -> Result<Option<AccountId>> {
    let row: Option<(AccountId,)> = q
        .one(
            sql!(
                "SELECT n.account_id FROM login_name n JOIN vpn_pass p ON p.account_id = n.account_id WHERE n.login_key = $1 \
                 AND (n.is_staged OR NOT EXISTS (SELECT s.account_id FROM login_name s WHERE s.account_id = n.account_id \
                 AND s.is_staged = $2))"
            ),
            args![login_key, true],
        )
        .await?;
    Ok(row.map(|(id,)| id))
}

/// Finds a user for a query.
pub async fn find_view(q: &mut impl Query, id: AccountId) -> Result<Option<VpnUserRow>> {
    q.one(
        sql!(
            "SELECT a.id, COALESCE(p.login, a.login) AS login, a.is_enabled AS is_account_enabled, p.vpn_group_id, \
             g.path AS group_path, p.note, p.phone, p.is_enabled, p.expires_at, p.inherits_auth, p.inherits_policy, p.methods, \
             p.is_any_of, p.auth_server_id, p.token_server_id, p.policy_set_id, p.fixed_ip, \
             CASE WHEN p.is_password_staged THEN p.password_changed_at ELSE a.password_changed_at END AS password_changed_at, \
             v.last_login_at, v.last_active_at, p.created_at FROM vpn_pass p JOIN account a ON a.id = p.account_id \
             JOIN vpn_group g ON g.id = p.vpn_group_id LEFT JOIN vpn_activity v ON v.account_id = p.account_id \
             WHERE p.account_id = $1"
        ),
        args![id],
    )
    .await
}

/// Finds a staged pass.
pub async fn find(q: &mut impl Query, id: AccountId) -> Result<Option<VpnPassRow>> {
    q.one(sql!("SELECT * FROM vpn_pass WHERE account_id = $1"), args![id]).await
}

/// Counts users.
pub async fn count(q: &mut impl Query) -> Result<i64> {
    let row: Option<(i64,)> = q.one(sql!("SELECT CAST(COUNT(*) AS BIGINT) AS n FROM vpn_pass"), args![]).await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Lists users by id.
pub async fn list(q: &mut impl Query, (limit, offset): (i64, i64)) -> Result<Vec<VpnUserEntry>> {
    q.all(
        sql!(
            "SELECT a.id, COALESCE(p.login, a.login) AS login, p.note, p.vpn_group_id, g.path AS group_path, \
             a.is_enabled AS is_account_enabled, p.is_enabled FROM (SELECT account_id FROM vpn_pass ORDER BY account_id \
             LIMIT $1 OFFSET $2) k JOIN vpn_pass p ON p.account_id = k.account_id JOIN account a ON a.id = p.account_id \
             JOIN vpn_group g ON g.id = p.vpn_group_id ORDER BY a.id"
        ),
        args![limit, offset],
    )
    .await
}

/// Lists the roles that users from one id to another hold by themselves, by user and role.
pub async fn list_roles(q: &mut impl Query, from: AccountId, to: AccountId) -> Result<Vec<VpnUserRole>> {
    q.all(
        sql!(
            "SELECT u.account_id, r.id, r.name FROM vpn_role_user u JOIN vpn_role r ON r.id = u.vpn_role_id \
             WHERE u.account_id >= $1 AND u.account_id <= $2 ORDER BY u.account_id, r.id"
        ),
        args![from, to],
    )
    .await
}

/// Inserts a staged pass. `Conflict vpn_pass_pkey`: the account has one.
pub async fn insert(tx: &mut Tx, row: &VpnPassRow) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO vpn_pass (account_id, vpn_group_id, note, phone, is_enabled, is_public, expires_at, inherits_auth, \
             inherits_policy, methods, is_any_of, auth_server_id, token_server_id, policy_set_id, fixed_ip, login, \
             is_password_staged, password_scheme, password_hash, password_clear_sealed, password_changed_at, updated_at, seal_ref, \
             created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, \
             $21, $22, $23, $24)"
        ),
        values(row, Some((&row.seal_ref, row.created_at))),
    )
    .await
}

/// Writes a staged pass as a whole, but for when and under which reference it was made.
pub async fn update(tx: &mut Tx, row: &VpnPassRow) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE vpn_pass SET vpn_group_id = $2, note = $3, phone = $4, is_enabled = $5, is_public = $6, expires_at = $7, \
             inherits_auth = $8, inherits_policy = $9, methods = $10, is_any_of = $11, auth_server_id = $12, token_server_id = $13, \
             policy_set_id = $14, fixed_ip = $15, login = $16, is_password_staged = $17, password_scheme = $18, \
             password_hash = $19, password_clear_sealed = $20, password_changed_at = $21, updated_at = $22 WHERE account_id = $1"
        ),
        values(row, None),
    )
    .await
}

fn values(row: &VpnPassRow, made: Option<(&str, Millis)>) -> crate::Args {
    let mut args = args![
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
        row.token_server_id,
        row.policy_set_id,
        row.fixed_ip.as_deref(),
        row.login.as_deref(),
        row.is_password_staged,
        row.password_scheme,
        row.password_hash.as_deref(),
        row.password_clear_sealed.as_deref(),
        row.password_changed_at,
        row.updated_at,
    ];
    if let Some((seal_ref, at)) = made {
        args.extend(args![seal_ref, at]);
    }
    args
}

/// Marks a staged pass as changed, which keeps other writers off until the transaction ends. 0: there is none.
pub async fn update_touched(tx: &mut Tx, id: AccountId, at: Millis) -> Result<u64> {
    tx.exec(sql!("UPDATE vpn_pass SET updated_at = $2 WHERE account_id = $1"), args![id, at]).await
}

/// Moves a user into a group.
pub async fn update_group(tx: &mut Tx, id: AccountId, group: VpnGroupId, at: Millis) -> Result<u64> {
    tx.exec(sql!("UPDATE vpn_pass SET vpn_group_id = $2, updated_at = $3 WHERE account_id = $1"), args![id, group, at])
        .await
}

/// Switches the staged and the live pass; tells how many live ones.
pub async fn update_enabled(tx: &mut Tx, id: AccountId, is_enabled: bool, at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE vpn_pass SET is_enabled = $2, updated_at = $3 WHERE account_id = $1"),
        args![id, is_enabled, at],
    )
    .await?;
    tx.exec(
        sql!("UPDATE vpn_pass_live SET is_enabled = $2, updated_at = $3 WHERE account_id = $1"),
        args![id, is_enabled, at],
    )
    .await
}

/// Deletes a staged pass with the staged login and the roles; 0: there is none. The account stays until the apply.
pub async fn delete(tx: &mut Tx, id: AccountId) -> Result<u64> {
    // First, because others who would delete it wait here and then find nothing.
    let deleted = tx.exec(sql!("DELETE FROM vpn_pass WHERE account_id = $1"), args![id]).await?;
    if deleted > 0 {
        delete_staged_login(tx, id).await?;
        delete_roles(tx, id).await?;
    }
    Ok(deleted)
}

/// Takes the staged login back.
pub async fn delete_staged_login(tx: &mut Tx, id: AccountId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM login_name WHERE account_id = $1 AND is_staged = $2"), args![id, true]).await
}

/// Holds a folded login for the apply. `Conflict login_name_login_key_key`: somebody has it.
pub async fn insert_staged_login(tx: &mut Tx, id: AccountId, login_key: &str) -> Result<u64> {
    tx.exec(
        sql!("INSERT INTO login_name (login_key, account_id, is_staged) VALUES ($1, $2, $3)"),
        args![login_key, id, true],
    )
    .await
}

/// Takes every role of a user.
pub async fn delete_roles(tx: &mut Tx, id: AccountId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM vpn_role_user WHERE account_id = $1"), args![id]).await
}

/// Gives a user the role of this name. 0: there is none, or he has it.
pub async fn insert_role(tx: &mut Tx, id: AccountId, name: &str) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO vpn_role_user (vpn_role_id, account_id) SELECT id, $1 FROM vpn_role WHERE name = $2 \
             ON CONFLICT DO NOTHING"
        ),
        args![id, name],
    )
    .await
}

/// Forgets when a user logged in.
pub async fn delete_activity(tx: &mut Tx, id: AccountId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM vpn_activity WHERE account_id = $1"), args![id]).await
}

/// Makes the vpn surface the origin of an account, without the roles it held as staff: somebody else is meant now.
pub async fn update_replaced(tx: &mut Tx, id: AccountId, origin: &str, at: Millis) -> Result<u64> {
    tx.exec(sql!("DELETE FROM account_role WHERE account_id = $1"), args![id]).await?;
    tx.exec(sql!("UPDATE account SET origin = $2, updated_at = $3 WHERE id = $1"), args![id, origin, at]).await
}

/// Deletes the staged passes of a group and all below it, by the path, with their staged logins and roles, and lists them as
/// pending. Tells how many.
pub async fn delete_below(tx: &mut Tx, path: &str) -> Result<u64> {
    let (from, to) = crate::vpn_group::below(path);
    tx.exec(
        sql!(
            "INSERT INTO vpn_pending (kind, object_id) SELECT 'user', p.account_id FROM vpn_pass p \
             JOIN vpn_group g ON g.id = p.vpn_group_id WHERE g.path = $1 OR (g.path >= $2 AND g.path < $3) \
             ORDER BY p.account_id ON CONFLICT DO NOTHING"
        ),
        args![path, &from, &to],
    )
    .await?;
    tx.exec(
        sql!(
            "DELETE FROM login_name WHERE is_staged = $4 AND account_id IN (SELECT p.account_id FROM vpn_pass p \
             JOIN vpn_group g ON g.id = p.vpn_group_id WHERE g.path = $1 OR (g.path >= $2 AND g.path < $3))"
        ),
        args![path, &from, &to, true],
    )
    .await?;
    tx.exec(
        sql!(
            "DELETE FROM vpn_role_user WHERE account_id IN (SELECT p.account_id FROM vpn_pass p \
             JOIN vpn_group g ON g.id = p.vpn_group_id WHERE g.path = $1 OR (g.path >= $2 AND g.path < $3))"
        ),
        args![path, &from, &to],
    )
    .await?;
    tx.exec(
        sql!(
            "DELETE FROM vpn_pass WHERE vpn_group_id IN (SELECT g.id FROM vpn_group g \
             WHERE g.path = $1 OR (g.path >= $2 AND g.path < $3))"
        ),
        args![path, &from, &to],
    )
    .await
}
