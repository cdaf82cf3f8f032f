//! What logins of VPN users go by: live rows (specs/vpn.md §10).

use gatehouse_model::{AccountId, AuthServerId, Millis, VpnGroupId, VpnPolicySetId, VpnResourceId};

use crate::{Query, Result, Tx, args, sql};

/// A live VPN user with the account behind it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct LiveUser {
    /// The account.
    pub id: AccountId,
    /// Its login.
    pub login: String,
    /// Its switch.
    pub is_account_enabled: bool,
    /// Number of the password scheme.
    pub password_scheme: Option<i64>,
    /// Hash in the scheme's own text form.
    pub password_hash: Option<String>,
    /// Clear copy, sealed.
    pub password_clear_sealed: Option<String>,
    /// Row part of the associated data.
    pub seal_ref: String,
    /// Language of texts to the person.
    pub language: Option<String>,
    /// The group.
    pub vpn_group_id: VpnGroupId,
    /// The pass's switch.
    pub is_enabled: bool,
    /// Whether several people use it.
    pub is_public: bool,
    /// End of the pass.
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
    /// The own policy set.
    pub policy_set_id: VpnPolicySetId,
    /// Fixed tunnel address.
    pub fixed_ip: Option<String>,
}

/// A group on the way from a user to the root.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct LiveGroup {
    /// Identity.
    pub id: VpnGroupId,
    /// Absolute path.
    pub path: String,
    /// Its switch.
    pub is_enabled: bool,
    /// Whether the level above decides on methods.
    pub inherits_auth: bool,
    /// Whether the level above decides on the policy set.
    pub inherits_policy: bool,
    /// Whether roles of the level above count here.
    pub inherits_roles: bool,
    /// Whether everything below inherits methods.
    pub forces_auth: bool,
    /// Whether everything below inherits the policy set.
    pub forces_policy: bool,
    /// Methods as a bit set.
    pub methods: i64,
    /// Whether one method is enough.
    pub is_any_of: bool,
    /// The external server.
    pub auth_server_id: Option<AuthServerId>,
    /// The own policy set.
    pub policy_set_id: VpnPolicySetId,
}

/// A live resource whose addresses a concentrator may be told.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct LiveResource {
    /// Identity.
    pub id: VpnResourceId,
    /// Addresses as they were given, separated by commas.
    pub addresses: String,
}

/// Finds the live user who has a folded login.
pub async fn find_by_key(q: &mut impl Query, login_key: &str) -> Result<Option<LiveUser>> {
    q.one(
        sql!(
            "SELECT a.id, a.login, a.is_enabled AS is_account_enabled, a.password_scheme, a.password_hash, a.password_clear_sealed, \
             a.seal_ref, a.language, l.vpn_group_id, l.is_enabled, l.is_public, l.expires_at, l.inherits_auth, l.inherits_policy, \
             l.methods, l.is_any_of, l.auth_server_id, l.policy_set_id, l.fixed_ip FROM login_name n \
             JOIN account a ON a.id = n.account_id JOIN vpn_pass_live l ON l.account_id = a.id \
             WHERE n.login_key = $1 AND n.is_staged = $2"
        ),
        args![login_key, false],
    )
    .await
}

/// Finds a live user.
pub async fn find(q: &mut impl Query, id: AccountId) -> Result<Option<LiveUser>> {
    q.one(
        sql!(
            "SELECT a.id, a.login, a.is_enabled AS is_account_enabled, a.password_scheme, a.password_hash, a.password_clear_sealed, \
             a.seal_ref, a.language, l.vpn_group_id, l.is_enabled, l.is_public, l.expires_at, l.inherits_auth, l.inherits_policy, \
             l.methods, l.is_any_of, l.auth_server_id, l.policy_set_id, l.fixed_ip FROM account a \
             JOIN vpn_pass_live l ON l.account_id = a.id WHERE a.id = $1"
        ),
        args![id],
    )
    .await
}

/// Lists a live group and everything above it, the root last.
pub async fn list_chain(q: &mut impl Query, group: VpnGroupId) -> Result<Vec<LiveGroup>> {
    q.all(
        sql!(
            "WITH RECURSIVE chain (id, up, level) AS (SELECT id, parent_id, 0 FROM vpn_group_live WHERE id = $1 \
             UNION ALL SELECT g.id, g.parent_id, c.level + 1 FROM chain c JOIN vpn_group_live g ON g.id = c.up WHERE c.level < 64) \
             SELECT g.id, g.path, g.is_enabled, g.inherits_auth, g.inherits_policy, g.inherits_roles, g.forces_auth, g.forces_policy, \
             g.methods, g.is_any_of, g.auth_server_id, g.policy_set_id FROM chain c JOIN vpn_group_live g ON g.id = c.id \
             ORDER BY c.level"
        ),
        args![group],
    )
    .await
}

/// Lists the names of the enabled roles that a user has himself, through his group, and through the groups above as far as
/// they are inherited.
pub async fn list_roles(q: &mut impl Query, id: AccountId) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = q
        .all(
            sql!(
                "WITH RECURSIVE chain (id, up, inherits, level) AS (SELECT g.id, g.parent_id, g.inherits_roles, 0 \
                 FROM vpn_pass_live l JOIN vpn_group_live g ON g.id = l.vpn_group_id WHERE l.account_id = $1 \
                 UNION ALL SELECT g.id, g.parent_id, g.inherits_roles, c.level + 1 FROM chain c \
                 JOIN vpn_group_live g ON g.id = c.up WHERE c.inherits AND c.level < 64), \
                 held (id) AS (SELECT vpn_role_id FROM vpn_role_user_live WHERE account_id = $1 \
                 UNION SELECT k.vpn_role_id FROM chain c JOIN vpn_role_group_live k ON k.vpn_group_id = c.id) \
                 SELECT r.name FROM held h JOIN vpn_role_live r ON r.id = h.id WHERE r.is_enabled ORDER BY r.name"
            ),
            args![id],
        )
        .await?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

/// Whether there is an enabled live role of this name.
pub async fn is_role_enabled(q: &mut impl Query, name: &str) -> Result<bool> {
    let row: Option<(i64,)> =
        q.one(sql!("SELECT id FROM vpn_role_live WHERE name = $1 AND is_enabled ORDER BY id"), args![name]).await?;
    Ok(row.is_some())
}

/// Lists the enabled L3VPN resources that a user's enabled roles open, directly or by an enabled resource group.
pub async fn list_resources(q: &mut impl Query, id: AccountId) -> Result<Vec<LiveResource>> {
    q.all(
        sql!(
            "WITH RECURSIVE chain (id, up, inherits, level) AS (SELECT g.id, g.parent_id, g.inherits_roles, 0 \
             FROM vpn_pass_live l JOIN vpn_group_live g ON g.id = l.vpn_group_id WHERE l.account_id = $1 \
             UNION ALL SELECT g.id, g.parent_id, g.inherits_roles, c.level + 1 FROM chain c \
             JOIN vpn_group_live g ON g.id = c.up WHERE c.inherits AND c.level < 64), \
             held (id) AS (SELECT vpn_role_id FROM vpn_role_user_live WHERE account_id = $1 \
             UNION SELECT k.vpn_role_id FROM chain c JOIN vpn_role_group_live k ON k.vpn_group_id = c.id), \
             opened (id) AS (SELECT k.vpn_resource_id FROM held h JOIN vpn_role_live r ON r.id = h.id AND r.is_enabled \
             JOIN vpn_role_resource_live k ON k.vpn_role_id = r.id \
             UNION SELECT x.id FROM held h JOIN vpn_role_live r ON r.id = h.id AND r.is_enabled \
             JOIN vpn_role_resource_group_live k ON k.vpn_role_id = r.id \
             JOIN vpn_resource_live x ON x.vpn_resource_group_id = k.vpn_resource_group_id) \
             SELECT x.id, x.addresses FROM opened o JOIN vpn_resource_live x ON x.id = o.id \
             JOIN vpn_resource_group_live g ON g.id = x.vpn_resource_group_id \
             WHERE x.kind = 2 AND x.is_enabled AND g.is_enabled ORDER BY x.id"
        ),
        args![id],
    )
    .await
}

/// Counts the open stays of an account by the VPN pass that nobody asked to end.
pub async fn count_stays(q: &mut impl Query, id: AccountId) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT CAST(COUNT(*) AS BIGINT) AS stays FROM visit v JOIN visit_radius r ON r.visit_id = v.id \
                 WHERE v.account_id = $1 AND v.until_at IS NULL AND v.end_asked_at IS NULL AND r.is_open AND r.pass = 'vpn'"
            ),
            args![id],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Lists the public names of the same stays, oldest first.
pub async fn list_stays(q: &mut impl Query, id: AccountId) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = q
        .all(
            sql!(
                "SELECT v.uuid FROM visit v JOIN visit_radius r ON r.visit_id = v.id WHERE v.account_id = $1 \
                 AND v.until_at IS NULL AND v.end_asked_at IS NULL AND r.is_open AND r.pass = 'vpn' ORDER BY v.since_at, v.id"
            ),
            args![id],
        )
        .await?;
    Ok(rows.into_iter().map(|(uuid,)| uuid).collect())
}

/// Notes an accepted login, if it is the latest one and the account is still there.
pub async fn note_login(tx: &mut Tx, id: AccountId, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO vpn_activity (account_id, last_login_at, last_active_at) SELECT l.account_id, $2, $2 \
             FROM vpn_pass_live l WHERE l.account_id = $1 \
             ON CONFLICT (account_id) DO UPDATE SET last_login_at = excluded.last_login_at, last_active_at = excluded.last_active_at \
             WHERE vpn_activity.last_login_at IS NULL OR vpn_activity.last_login_at < excluded.last_login_at"
        ),
        args![id, at],
    )
    .await
}

/// Notes a sign of life, if it is the latest one and the account still has the pass.
pub async fn note_active(tx: &mut Tx, id: AccountId, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO vpn_activity (account_id, last_login_at, last_active_at) SELECT l.account_id, NULL, $2 \
             FROM vpn_pass_live l WHERE l.account_id = $1 \
             ON CONFLICT (account_id) DO UPDATE SET last_active_at = excluded.last_active_at \
             WHERE vpn_activity.last_active_at IS NULL OR vpn_activity.last_active_at < excluded.last_active_at"
        ),
        args![id, at],
    )
    .await
}

/// Keeps a sealed clear copy of a password that was verified in clear, if the password is still the one of this hash.
pub async fn update_clear(tx: &mut Tx, id: AccountId, hash: &str, sealed: &str) -> Result<u64> {
    tx.exec(
        sql!("UPDATE account SET password_clear_sealed = $3 WHERE id = $1 AND password_hash = $2"),
        args![id, hash, sealed],
    )
    .await
}
