//! VPN users changed in both twins at once: what staff do is staged and live in one step, and never waits for a publication
//! (specs/vpn.md §9). Under [`crate::lock::share_staged`].

use gatehouse_model::{AccountId, Millis, VpnGroupId};

use crate::{Query, Result, Tx, args, sql};

/// Which twins an account has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Twins {
    /// A staged pass.
    pub is_staged: bool,
    /// A live pass.
    pub is_live: bool,
}

/// Which twins an account has; it holds a VPN pass while it has either.
pub async fn find(q: &mut impl Query, id: AccountId) -> Result<Twins> {
    let row: Option<(bool, bool)> = q
        .one(
            sql!(
                "SELECT EXISTS (SELECT 1 FROM vpn_pass WHERE account_id = $1) AS is_staged, \
                 EXISTS (SELECT 1 FROM vpn_pass_live WHERE account_id = $1) AS is_live"
            ),
            args![id],
        )
        .await?;
    let (is_staged, is_live) = row.unwrap_or_default();
    Ok(Twins { is_staged, is_live })
}

/// The group of a path, if it is staged under this path and live.
pub async fn find_group(q: &mut impl Query, path: &str) -> Result<Option<VpnGroupId>> {
    let row: Option<(VpnGroupId,)> = q
        .one(sql!("SELECT g.id FROM vpn_group g JOIN vpn_group_live l ON l.id = g.id WHERE g.path = $1"), args![path])
        .await?;
    Ok(row.map(|(id,)| id))
}

/// Inserts a pass with every default into both twins.
pub async fn insert(tx: &mut Tx, id: AccountId, group: VpnGroupId, seal_ref: &str, at: Millis) -> Result<()> {
    tx.exec(
        sql!(
            "INSERT INTO vpn_pass (account_id, vpn_group_id, note, phone, is_enabled, is_public, inherits_auth, inherits_policy, methods, \
             is_any_of, token_server_id, policy_set_id, is_password_staged, seal_ref, created_at, updated_at) \
             VALUES ($1, $2, '', '', $3, $4, $3, $3, 1, $4, 0, 0, $4, $5, $6, $6)"
        ),
        args![id, group, true, false, seal_ref, at],
    )
    .await?;
    tx.exec(
        sql!(
            "INSERT INTO vpn_pass_live (account_id, vpn_group_id, note, phone, is_enabled, is_public, inherits_auth, inherits_policy, \
             methods, is_any_of, token_server_id, policy_set_id, created_at, updated_at) \
             VALUES ($1, $2, '', '', $3, $4, $3, $3, 1, $4, 0, 0, $5, $5)"
        ),
        args![id, group, true, false, at],
    )
    .await?;
    Ok(())
}

/// Takes a staged deletion back: the staged pass and its roles become what is live.
pub async fn restore(tx: &mut Tx, id: AccountId, seal_ref: &str) -> Result<u64> {
    let restored = tx
        .exec(
            sql!(
                "INSERT INTO vpn_pass (account_id, vpn_group_id, note, phone, is_enabled, is_public, expires_at, inherits_auth, \
                 inherits_policy, methods, is_any_of, auth_server_id, token_server_id, policy_set_id, fixed_ip, is_password_staged, \
                 seal_ref, created_at, updated_at) \
                 SELECT l.account_id, COALESCE(g.id, -1), l.note, l.phone, l.is_enabled, l.is_public, l.expires_at, l.inherits_auth, \
                 l.inherits_policy, l.methods, l.is_any_of, l.auth_server_id, l.token_server_id, l.policy_set_id, l.fixed_ip, $3, \
                 $2, l.created_at, l.updated_at FROM vpn_pass_live l LEFT JOIN vpn_group g ON g.id = l.vpn_group_id \
                 WHERE l.account_id = $1 ON CONFLICT DO NOTHING"
            ),
            args![id, seal_ref, false],
        )
        .await?;
    tx.exec(
        sql!(
            "INSERT INTO vpn_role_user (vpn_role_id, account_id) SELECT r.id, k.account_id FROM vpn_role_user_live k \
             JOIN vpn_role r ON r.id = k.vpn_role_id WHERE k.account_id = $1 ON CONFLICT DO NOTHING"
        ),
        args![id],
    )
    .await?;
    Ok(restored)
}

/// Makes a pass that is staged only live as it stands, with its roles; what else waits of it goes on waiting.
pub async fn make_live(tx: &mut Tx, id: AccountId) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO vpn_role_user_live (vpn_role_id, account_id) SELECT vpn_role_id, account_id FROM vpn_role_user \
             WHERE account_id = $1 ON CONFLICT DO NOTHING"
        ),
        args![id],
    )
    .await?;
    tx.exec(
        sql!(
            "INSERT INTO vpn_pass_live (account_id, vpn_group_id, note, phone, is_enabled, is_public, expires_at, inherits_auth, \
             inherits_policy, methods, is_any_of, auth_server_id, token_server_id, policy_set_id, fixed_ip, created_at, updated_at) \
             SELECT account_id, vpn_group_id, note, phone, is_enabled, is_public, expires_at, inherits_auth, inherits_policy, methods, \
             is_any_of, auth_server_id, token_server_id, policy_set_id, fixed_ip, created_at, updated_at FROM vpn_pass \
             WHERE account_id = $1 ON CONFLICT DO NOTHING"
        ),
        args![id],
    )
    .await
}

/// Moves a user into a group, in both twins.
pub async fn update_group(tx: &mut Tx, id: AccountId, group: VpnGroupId, at: Millis) -> Result<()> {
    tx.exec(sql!("UPDATE vpn_pass SET vpn_group_id = $2, updated_at = $3 WHERE account_id = $1"), args![id, group, at])
        .await?;
    tx.exec(
        sql!("UPDATE vpn_pass_live SET vpn_group_id = $2, updated_at = $3 WHERE account_id = $1"),
        args![id, group, at],
    )
    .await?;
    Ok(())
}

/// Deletes both twins with roles, staged login, activity and what waits to be published of them; the number of passes.
pub async fn delete(tx: &mut Tx, id: AccountId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM login_name WHERE account_id = $1 AND is_staged = $2"), args![id, true]).await?;
    tx.exec(sql!("DELETE FROM vpn_role_user WHERE account_id = $1"), args![id]).await?;
    tx.exec(sql!("DELETE FROM vpn_role_user_live WHERE account_id = $1"), args![id]).await?;
    tx.exec(sql!("DELETE FROM vpn_activity WHERE account_id = $1"), args![id]).await?;
    tx.exec(sql!("DELETE FROM vpn_pending WHERE kind = 'user' AND object_id = $1"), args![id]).await?;
    let staged = tx.exec(sql!("DELETE FROM vpn_pass WHERE account_id = $1"), args![id]).await?;
    Ok(staged + tx.exec(sql!("DELETE FROM vpn_pass_live WHERE account_id = $1"), args![id]).await?)
}

/// What staff see of a VPN pass: the live one, or the staged one before its first publication.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ShownPass {
    /// Path of the group.
    pub group_path: String,
    /// The pass's switch.
    pub is_enabled: bool,
    /// Whether several people use it.
    pub is_public: bool,
    /// End.
    pub expires_at: Option<Millis>,
    /// Fixed tunnel address.
    pub fixed_ip: Option<String>,
    /// Note.
    pub note: String,
    /// Last accepted login.
    pub last_login_at: Option<Millis>,
    /// Whether logins know it.
    pub is_live: bool,
    /// Whether changes of it wait to be published.
    pub is_pending: bool,
}

/// Finds what staff see of a VPN pass.
pub async fn find_shown(q: &mut impl Query, id: AccountId) -> Result<Option<ShownPass>> {
    q.one(
        sql!(
            "SELECT COALESCE(g.path, h.path, '') AS group_path, COALESCE(l.is_enabled, s.is_enabled) AS is_enabled, \
             COALESCE(l.is_public, s.is_public) AS is_public, \
             CASE WHEN l.account_id IS NULL THEN s.expires_at ELSE l.expires_at END AS expires_at, \
             CASE WHEN l.account_id IS NULL THEN s.fixed_ip ELSE l.fixed_ip END AS fixed_ip, COALESCE(l.note, s.note) AS note, \
             t.last_login_at, l.account_id IS NOT NULL AS is_live, q.id IS NOT NULL AS is_pending FROM account a \
             LEFT JOIN vpn_pass_live l ON l.account_id = a.id LEFT JOIN vpn_pass s ON s.account_id = a.id \
             LEFT JOIN vpn_group_live g ON g.id = l.vpn_group_id LEFT JOIN vpn_group h ON h.id = s.vpn_group_id \
             LEFT JOIN vpn_activity t ON t.account_id = a.id \
             LEFT JOIN vpn_pending q ON q.kind = 'user' AND q.object_id = a.id \
             WHERE a.id = $1 AND (l.account_id IS NOT NULL OR s.account_id IS NOT NULL)"
        ),
        args![id],
    )
    .await
}
