//! Login sessions: the row decides, whatever a token claims.

use gatehouse_model::{AccountId, LoginSessionId, Millis, Paged, Paging};
use serde::Deserialize;

use crate::{Error, Query, Result, Tx, args, json, list::texts, sql};

/// A row of `login_session`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct LoginSessionRow {
    /// Identity.
    pub id: LoginSessionId,
    /// Public name.
    pub uuid: String,
    /// Whose it is.
    pub account_id: AccountId,
    /// `bastion`, `panel`, `billing_user`, `billing_admin`, `console`.
    pub kind: String,
    /// The account's epoch when it was opened.
    pub epoch: i64,
    /// Number of the refresh token that counts.
    pub refresh_no: i64,
    /// Whether a second factor or a new password is still owed.
    pub is_limited: bool,
    /// When the present pair of tokens was issued.
    pub rotated_at: Option<Millis>,
    /// When the second factor was proved last.
    pub factor_at: Option<Millis>,
    /// Client address at the login.
    pub address: Option<String>,
    /// Client program at the login.
    pub user_agent: Option<String>,
    /// When it was opened.
    pub created_at: Millis,
    /// When it was used last.
    pub last_used_at: Millis,
    /// When it ends unless used.
    pub expires_at: Millis,
    /// When it was ended.
    pub revoked_at: Option<Millis>,
}

/// A session with the account's side of the decision.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SessionCheckRow {
    /// The session.
    #[sqlx(flatten)]
    pub session: LoginSessionRow,
    /// The account's epoch now.
    pub account_epoch: i64,
    /// The account's status now.
    pub account_enabled: bool,
}

/// What an insert needs.
#[derive(Debug)]
pub struct NewLoginSession<'a> {
    /// Public name.
    pub uuid: &'a str,
    /// Whose it is.
    pub account_id: AccountId,
    /// Kind.
    pub kind: &'a str,
    /// The account's epoch now.
    pub epoch: i64,
    /// Keyed hash of an opaque credential.
    pub secret_hash: Option<&'a str>,
    /// Whether a second factor is still owed.
    pub is_limited: bool,
    /// When the second factor was proved.
    pub factor_at: Option<Millis>,
    /// Client address.
    pub address: Option<&'a str>,
    /// Client program.
    pub user_agent: Option<&'a str>,
    /// Now.
    pub at: Millis,
    /// End unless used.
    pub expires_at: Millis,
}

/// Inserts a session.
pub async fn insert(tx: &mut Tx, new: &NewLoginSession<'_>) -> Result<LoginSessionId> {
    let row: Option<(LoginSessionId,)> = tx
        .one(
            sql!(
                "INSERT INTO login_session (uuid, account_id, kind, epoch, secret_hash, refresh_no, is_limited, address, user_agent, \
                 created_at, last_used_at, expires_at, rotated_at, factor_at) \
                 VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $8, $9, $9, $10, $9, $11) RETURNING id"
            ),
            args![
                new.uuid,
                new.account_id,
                new.kind,
                new.epoch,
                new.secret_hash,
                new.is_limited,
                new.address,
                new.user_agent,
                new.at,
                new.expires_at,
                new.factor_at
            ],
        )
        .await?;
    row.map(|(id,)| id).ok_or_else(Error::missing_row)
}

/// Finds a session by its public name, with the account's side.
pub async fn find(q: &mut impl Query, uuid: &str) -> Result<Option<SessionCheckRow>> {
    q.one(
        sql!(
            "SELECT s.*, a.epoch AS account_epoch, a.is_enabled AS account_enabled \
             FROM login_session s JOIN account a ON a.id = s.account_id WHERE s.uuid = $1"
        ),
        args![uuid],
    )
    .await
}

/// Finds a session by the keyed hash of its opaque credential, with the account's side.
pub async fn find_by_secret(q: &mut impl Query, secret_hash: &str) -> Result<Option<SessionCheckRow>> {
    q.one(
        sql!(
            "SELECT s.*, a.epoch AS account_epoch, a.is_enabled AS account_enabled \
             FROM login_session s JOIN account a ON a.id = s.account_id WHERE s.secret_hash = $1"
        ),
        args![secret_hash],
    )
    .await
}

/// A session of staff with what decides on it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct StaffSessionRow {
    /// The session.
    #[sqlx(flatten)]
    pub session: LoginSessionRow,
    /// The account's login.
    pub login: String,
    /// Its display name.
    pub name: Option<String>,
    /// Its epoch now.
    pub account_epoch: i64,
    /// Its status now.
    pub account_enabled: bool,
    /// Whether a new password is due.
    pub must_change_password: bool,
    /// Set: it has a staff pass.
    pub staff_id: Option<AccountId>,
    /// Set: it has a second factor.
    pub factor_confirmed_at: Option<Millis>,
}

/// Finds a session by its public name, with what decides on one of staff.
pub async fn find_staff(q: &mut impl Query, uuid: &str) -> Result<Option<StaffSessionRow>> {
    q.one(
        sql!(
            "SELECT s.*, a.login, a.name, a.epoch AS account_epoch, a.is_enabled AS account_enabled, a.must_change_password, \
             p.account_id AS staff_id, f.confirmed_at AS factor_confirmed_at \
             FROM login_session s JOIN account a ON a.id = s.account_id LEFT JOIN staff_pass p ON p.account_id = a.id \
             LEFT JOIN second_factor f ON f.account_id = a.id WHERE s.uuid = $1"
        ),
        args![uuid],
    )
    .await
}

/// A session of the billing surface with what decides on it.
#[derive(Debug, Clone, Deserialize)]
pub struct BillingSessionRow {
    /// Keyed hash of its opaque credential.
    pub secret_hash: String,
    /// The session.
    pub id: LoginSessionId,
    /// Whose it is.
    pub account_id: AccountId,
    /// `billing_user`, `billing_admin`, or one of another surface.
    pub kind: String,
    /// The account's epoch when it was opened.
    pub epoch: i64,
    /// Whether it may only read.
    #[serde(deserialize_with = "json::flag")]
    pub is_limited: bool,
    /// When the second factor was proved last.
    pub factor_at: Option<Millis>,
    /// When it was used last.
    pub last_used_at: Millis,
    /// When it was ended.
    pub revoked_at: Option<Millis>,
    /// The account's login.
    pub login: String,
    /// Its display name.
    pub name: Option<String>,
    /// Its epoch now.
    pub account_epoch: i64,
    /// Its status now.
    #[serde(deserialize_with = "json::flag")]
    pub account_enabled: bool,
    /// Whether a new password is due.
    #[serde(deserialize_with = "json::flag")]
    pub must_change_password: bool,
    /// Number of its subscriber pass, if it has one.
    pub uid: Option<i64>,
    /// Number of its staff pass, if it has one.
    pub staff_no: Option<i64>,
    /// Set: it has a second factor.
    pub factor_confirmed_at: Option<Millis>,
}

/// Lists sessions by the keyed hashes of their opaque credentials, with what decides on those of the billing surface, in no order.
pub async fn list_billing(q: &mut impl Query, hashes: &[&str]) -> Result<Vec<BillingSessionRow>> {
    let list = sql! {
        sqlite:
            "SELECT json_group_array(json_array(s.secret_hash, s.id, s.account_id, s.kind, s.epoch, s.is_limited, s.factor_at, \
             s.last_used_at, s.revoked_at, a.login, a.name, a.epoch, a.is_enabled, a.must_change_password, p.uid, t.staff_no, \
             f.confirmed_at)) AS sessions FROM json_each($1) AS asked CROSS JOIN login_session s ON s.secret_hash = asked.value \
             JOIN account a ON a.id = s.account_id LEFT JOIN subscriber_pass p ON p.account_id = a.id \
             LEFT JOIN staff_pass t ON t.account_id = a.id LEFT JOIN second_factor f ON f.account_id = a.id",
        postgres:
            "SELECT COALESCE(CAST(json_agg(json_build_array(s.secret_hash, s.id, s.account_id, s.kind, s.epoch, s.is_limited, s.factor_at, \
             s.last_used_at, s.revoked_at, a.login, a.name, a.epoch, a.is_enabled, a.must_change_password, p.uid, t.staff_no, \
             f.confirmed_at)) AS TEXT), '[]') AS sessions \
             FROM json_array_elements_text(CAST(CAST($1 AS TEXT) AS JSON)) AS asked (value) \
             JOIN login_session s ON s.secret_hash = asked.value \
             JOIN account a ON a.id = s.account_id LEFT JOIN subscriber_pass p ON p.account_id = a.id \
             LEFT JOIN staff_pass t ON t.account_id = a.id LEFT JOIN second_factor f ON f.account_id = a.id",
    };
    let found: Option<(String,)> = q.one(list, args![texts(hashes)]).await?;
    let (sessions,) = found.ok_or_else(Error::missing_row)?;
    json::read(&sessions)
}

/// A session of the panel with what decides on it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct PanelSessionRow {
    /// The session.
    #[sqlx(flatten)]
    pub session: LoginSessionRow,
    /// The account's login.
    pub login: String,
    /// Its display name.
    pub name: Option<String>,
    /// Its epoch now.
    pub account_epoch: i64,
    /// Its status now; of a shadow also that of its main account.
    pub account_enabled: bool,
    /// Whether a new password is due.
    pub must_change_password: bool,
    /// Set: it has a proxy pass.
    pub proxy_id: Option<AccountId>,
    /// Set: whose IPv6 shadow it is.
    pub main_account_id: Option<AccountId>,
    /// Set: it has a staff pass.
    pub staff_id: Option<AccountId>,
    /// Set: it has a second factor.
    pub factor_confirmed_at: Option<Millis>,
}

/// Finds a session by its public name, with what decides on one of the panel.
pub async fn find_panel(q: &mut impl Query, uuid: &str) -> Result<Option<PanelSessionRow>> {
    q.one(
        sql!(
            "SELECT s.*, a.login, a.name, a.epoch AS account_epoch, (a.is_enabled AND COALESCE(m.is_enabled, a.is_enabled)) AS account_enabled, \
             a.must_change_password, p.account_id AS proxy_id, p.main_account_id, t.account_id AS staff_id, \
             f.confirmed_at AS factor_confirmed_at FROM login_session s JOIN account a ON a.id = s.account_id \
             LEFT JOIN proxy_pass p ON p.account_id = a.id LEFT JOIN account m ON m.id = p.main_account_id \
             LEFT JOIN staff_pass t ON t.account_id = a.id LEFT JOIN second_factor f ON f.account_id = a.id WHERE s.uuid = $1"
        ),
        args![uuid],
    )
    .await
}

/// Lists the sessions of a kind that an account has and that still count, the last one used first.
pub async fn list_open(q: &mut impl Query, account: AccountId, kind: &str, at: Millis) -> Result<Vec<LoginSessionRow>> {
    q.all(
        sql!(
            "SELECT * FROM login_session WHERE account_id = $1 AND kind = $2 AND revoked_at IS NULL AND expires_at > $3 \
             ORDER BY last_used_at DESC, id DESC LIMIT 200"
        ),
        args![account, kind, at],
    )
    .await
}

/// Writes whether something is still owed by a session, or it may only read.
pub async fn update_limited(tx: &mut Tx, id: LoginSessionId, is_limited: bool) -> Result<u64> {
    tx.exec(sql!("UPDATE login_session SET is_limited = $2 WHERE id = $1"), args![id, is_limited]).await
}

/// Takes the next number for a session's pair of tokens, unless somebody else did; 0: somebody did.
pub async fn rotate(tx: &mut Tx, id: LoginSessionId, no: i64, at: Millis, expires_at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE login_session SET refresh_no = refresh_no + 1, rotated_at = $3, last_used_at = $3, expires_at = $4 \
             WHERE id = $1 AND refresh_no = $2 AND revoked_at IS NULL"
        ),
        args![id, no, at, expires_at],
    )
    .await
}

/// Notes that a session proved the second factor.
pub async fn update_factor(tx: &mut Tx, id: LoginSessionId, at: Millis) -> Result<u64> {
    tx.exec(sql!("UPDATE login_session SET factor_at = $2 WHERE id = $1"), args![id, at]).await
}

/// Lists the sessions of a kind that an account could use now.
pub async fn list_alive(
    q: &mut impl Query,
    account: AccountId,
    kind: &str,
    at: Millis,
    paging: Paging,
) -> Result<Paged<LoginSessionRow>> {
    let total: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT CAST(COUNT(*) AS BIGINT) AS sessions FROM login_session s JOIN account a ON a.id = s.account_id \
                 WHERE s.account_id = $1 AND s.kind = $2 AND s.revoked_at IS NULL AND s.expires_at > $3 AND s.epoch = a.epoch"
            ),
            args![account, kind, at],
        )
        .await?;
    let rows = q
        .all(
            sql!(
                "SELECT s.* FROM login_session s JOIN account a ON a.id = s.account_id WHERE s.account_id = $1 AND s.kind = $2 \
                 AND s.revoked_at IS NULL AND s.expires_at > $3 AND s.epoch = a.epoch \
                 ORDER BY CASE WHEN $4 THEN -s.id ELSE s.id END LIMIT $5 OFFSET $6"
            ),
            args![account, kind, at, paging.is_descending, paging.limit, paging.offset],
        )
        .await?;
    Ok(Paged { total: total.map_or(0, |(n,)| n), rows })
}

/// Ends the sessions of a kind that an account has, but one.
pub async fn revoke_kind(
    tx: &mut Tx,
    account: AccountId,
    kind: &str,
    keep: LoginSessionId,
    why: &str,
    at: Millis,
) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE login_session SET revoked_at = $5, revoked_why = $4 \
             WHERE account_id = $1 AND kind = $2 AND id <> $3 AND revoked_at IS NULL AND expires_at > $5"
        ),
        args![account, kind, keep, why, at],
    )
    .await
}

/// Ends all sessions of a kind that an account has, those too whose stored end has passed: a use may be about to be written.
pub async fn revoke_all(tx: &mut Tx, account: AccountId, kind: &str, why: &str, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE login_session SET revoked_at = $4, revoked_why = $3 WHERE account_id = $1 AND kind = $2 AND revoked_at IS NULL"
        ),
        args![account, kind, why, at],
    )
    .await
}

/// Finds a session by id.
pub async fn find_by_id(q: &mut impl Query, id: LoginSessionId) -> Result<Option<LoginSessionRow>> {
    q.one(sql!("SELECT * FROM login_session WHERE id = $1"), args![id]).await
}

/// Whether a session still counts, by the row and its account.
pub async fn is_alive(q: &mut impl Query, id: LoginSessionId, at: Millis) -> Result<bool> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT s.id FROM login_session s JOIN account a ON a.id = s.account_id WHERE s.id = $1                  AND s.revoked_at IS NULL AND s.expires_at > $2 AND s.epoch = a.epoch AND a.is_enabled = $3"
            ),
            args![id, at, true],
        )
        .await?;
    Ok(row.is_some())
}

/// When a session last proved a second factor.
pub async fn find_factor_at(q: &mut impl Query, id: LoginSessionId) -> Result<Option<Millis>> {
    let row: Option<(Option<Millis>,)> =
        q.one(sql!("SELECT factor_at FROM login_session WHERE id = $1"), args![id]).await?;
    Ok(row.and_then(|(at,)| at))
}

/// Why a logout ended a session whose terminals go on.
pub const KEEP_TERMINALS: &str = "logout_keep_terminals";

/// Whether terminals opened with a session may go on: it was not revoked, or its logout left them. Its mere expiry does not
/// end them, and neither does its deletion long after.
pub async fn keeps_terminals(q: &mut impl Query, id: LoginSessionId) -> Result<bool> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT s.id FROM login_session s JOIN account a ON a.id = s.account_id WHERE s.id = $1 \
                 AND ((s.revoked_at IS NULL AND s.epoch = a.epoch) OR s.revoked_why = $2)"
            ),
            args![id, KEEP_TERMINALS],
        )
        .await?;
    Ok(row.is_some())
}

/// Ends one session.
pub async fn revoke(tx: &mut Tx, id: LoginSessionId, why: &str, at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE login_session SET revoked_at = $2, revoked_why = $3 WHERE id = $1 AND revoked_at IS NULL"),
        args![id, at, why],
    )
    .await
}

/// Ends every session of an account but one, and what was left of those whose logout kept their terminals.
pub async fn revoke_others(
    tx: &mut Tx,
    account: AccountId,
    keep: Option<LoginSessionId>,
    why: &str,
    at: Millis,
) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE login_session SET revoked_at = $3, revoked_why = $4 \
             WHERE account_id = $1 AND (revoked_at IS NULL OR revoked_why = $5) AND (CAST($2 AS BIGINT) IS NULL OR id <> $2)"
        ),
        args![account, keep.map(|id| id.0), at, why, KEEP_TERMINALS],
    )
    .await
}

/// Lifts a session to the account's present epoch, so that changing one's own password keeps it.
pub async fn update_epoch(tx: &mut Tx, id: LoginSessionId) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE login_session SET epoch = (SELECT epoch FROM account WHERE account.id = login_session.account_id) WHERE id = $1"
        ),
        args![id],
    )
    .await
}

/// Marks a session as used and moves its end.
pub async fn update_used(tx: &mut Tx, id: LoginSessionId, at: Millis, expires_at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE login_session SET last_used_at = $2, expires_at = $3 WHERE id = $1 AND revoked_at IS NULL"),
        args![id, at, expires_at],
    )
    .await
}

/// Deletes sessions that ended before a moment.
pub async fn delete_ended(tx: &mut Tx, before: Millis) -> Result<u64> {
    tx.exec(sql!("DELETE FROM login_session WHERE expires_at < $1 OR revoked_at < $1"), args![before]).await
}
