//! What decides whether a subscriber gets in, and what he gets (specs/billing.md §7, §14).

use gatehouse_model::{AccountId, BillingGroupId, BillingServiceId, Millis, VisitId};

use crate::{Query, Result, Tx, args, sql};

/// A subscriber as the radius door looks at him.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct EntrantRow {
    /// The account.
    pub id: AccountId,
    /// Its login.
    pub login: String,
    /// Its display name.
    pub name: Option<String>,
    /// Its switch.
    pub is_enabled: bool,
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
    /// His number.
    pub uid: i64,
    /// His group.
    pub billing_group_id: BillingGroupId,
    /// Needs no authorisation.
    pub is_always_on: bool,
    /// Blocked by staff.
    pub admin_block: bool,
    /// Blocked by debt.
    pub debt_block: bool,
    /// Whether a message that blocks access waits to be read.
    pub has_unread: bool,
}

/// Finds a subscriber by the folded login; whoever wants it exact compares.
pub async fn find_by_key(q: &mut impl Query, login_key: &str) -> Result<Option<EntrantRow>> {
    q.one(
        sql!(
            "SELECT a.id, a.login, a.name, a.is_enabled, a.password_scheme, a.password_hash, a.password_clear_sealed, a.seal_ref, \
             a.language, s.uid, s.billing_group_id, s.is_always_on, s.admin_block, s.debt_block, \
             EXISTS (SELECT 1 FROM statement m WHERE m.account_id = a.id AND m.kind = 482) AS has_unread \
             FROM login_name n JOIN account a ON a.id = n.account_id JOIN subscriber_pass s ON s.account_id = a.id \
             WHERE n.login_key = $1 AND n.is_staged = $2"
        ),
        args![login_key, false],
    )
    .await
}

/// Finds a subscriber by his account.
pub async fn find(q: &mut impl Query, account: AccountId) -> Result<Option<EntrantRow>> {
    q.one(
        sql!(
            "SELECT a.id, a.login, a.name, a.is_enabled, a.password_scheme, a.password_hash, a.password_clear_sealed, a.seal_ref, \
             a.language, s.uid, s.billing_group_id, s.is_always_on, s.admin_block, s.debt_block, \
             EXISTS (SELECT 1 FROM statement m WHERE m.account_id = a.id AND m.kind = 482) AS has_unread \
             FROM account a JOIN subscriber_pass s ON s.account_id = a.id WHERE a.id = $1"
        ),
        args![account],
    )
    .await
}

/// Finds whose device has this address: twelve lower-case hex digits.
pub async fn find_device(q: &mut impl Query, mac: &str) -> Result<Option<AccountId>> {
    let found: Option<(AccountId,)> = q.one(sql!("SELECT account_id FROM device WHERE mac = $1"), args![mac]).await?;
    Ok(found.map(|(id,)| id))
}

/// A service that is active now.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ActiveServiceRow {
    /// The service.
    pub billing_service_id: BillingServiceId,
    /// Between commas.
    pub tags: String,
    /// JSON object.
    pub param: String,
    /// End of the period; none: endless.
    pub end_at: Option<Millis>,
    /// Whether another period follows.
    pub is_followed: bool,
}

/// Lists the services of a subscriber that are active and not frozen.
pub async fn list_active(q: &mut impl Query, account: AccountId) -> Result<Vec<ActiveServiceRow>> {
    q.all(
        sql!(
            "SELECT s.billing_service_id, v.tags, v.param, s.end_at, \
             COALESCE(s.ordered_service_id, s.next_service_id) IS NOT NULL AS is_followed FROM billing_subscription s \
             JOIN billing_service v ON v.id = s.billing_service_id \
             WHERE s.account_id = $1 AND s.state = 'active' AND s.frozen_left IS NULL ORDER BY s.id"
        ),
        args![account],
    )
    .await
}

/// Finds the address that is bound to a subscriber for good.
pub async fn find_static(q: &mut impl Query, account: AccountId) -> Result<Option<String>> {
    let found: Option<(String,)> = q
        .one(
            sql!("SELECT ip FROM address WHERE account_id = $1 AND kind = 'static' ORDER BY id LIMIT 1"),
            args![account],
        )
        .await?;
    Ok(found.map(|(ip,)| ip))
}

/// Whether there are dynamic addresses at all.
pub async fn has_dynamic(q: &mut impl Query, is_public: bool) -> Result<bool> {
    let found: Option<(i64,)> = q
        .one(
            sql!("SELECT id FROM address WHERE kind = 'dynamic' AND is_public = $1 ORDER BY id LIMIT 1"),
            args![is_public],
        )
        .await?;
    Ok(found.is_some())
}

/// Finds a dynamic address that waits for its subscriber's session to start, and locks it.
pub async fn find_held(tx: &mut Tx, account: AccountId, is_public: bool) -> Result<Option<(i64, String)>> {
    let find = sql! {
        sqlite: "SELECT id, ip FROM address WHERE account_id = $1 AND kind = 'dynamic' AND is_public = $2 AND visit_id IS NULL ORDER BY id LIMIT 1",
        postgres: "SELECT id, ip FROM address WHERE account_id = $1 AND kind = 'dynamic' AND is_public = $2 AND visit_id IS NULL ORDER BY id LIMIT 1 FOR UPDATE"
    };
    tx.one(find, args![account, is_public]).await
}

/// Finds a dynamic address that is free, and locks it; the one that is free the longest.
pub async fn find_free(tx: &mut Tx, is_public: bool, now: Millis) -> Result<Option<(i64, String)>> {
    let find = sql! {
        sqlite: "SELECT id, ip FROM address WHERE kind = 'dynamic' AND visit_id IS NULL AND is_public = $1 AND release_at <= $2 \
                 ORDER BY release_at, id LIMIT 1",
        postgres: "SELECT id, ip FROM address WHERE kind = 'dynamic' AND visit_id IS NULL AND is_public = $1 AND release_at <= $2 \
                   ORDER BY release_at, id LIMIT 1 FOR UPDATE SKIP LOCKED"
    };
    tx.one(find, args![is_public, now]).await
}

/// Keeps an address for a subscriber until a moment.
pub async fn hold(tx: &mut Tx, id: i64, account: AccountId, now: Millis, until: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE address SET account_id = $2, bound_at = $3, release_at = $4 WHERE id = $1"),
        args![id, account, now, until],
    )
    .await
}

/// Binds the dynamic address of a session that has started; 0: it is none of ours, somebody else's, or a newer session's, whose it
/// stays: the end of the older one must not free it.
pub async fn occupy(tx: &mut Tx, ip: &str, account: AccountId, visit: VisitId, now: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE address SET visit_id = $3, bound_at = $4 WHERE ip = $1 AND account_id = $2 AND kind = 'dynamic' \
             AND (visit_id IS NULL OR visit_id < $3)"
        ),
        args![ip, account, visit, now],
    )
    .await
}

/// Adds what accounting tells of a subscriber to his month, and moves the times of his last traffic and his last authorisation.
pub async fn add_traffic(
    tx: &mut Tx,
    account: AccountId,
    month: i64,
    (up, down): (i64, i64),
    (last_auth, last_traffic): (Option<Millis>, Option<Millis>),
) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO subscriber_activity (account_id, month, up, down, last_auth_at, last_traffic_at) \
             SELECT id, $2, $3, $4, $5, $6 FROM account WHERE id = $1 \
             ON CONFLICT (account_id) DO UPDATE SET \
             up = CASE WHEN subscriber_activity.month = $2 THEN subscriber_activity.up + $3 ELSE $3 END, \
             down = CASE WHEN subscriber_activity.month = $2 THEN subscriber_activity.down + $4 ELSE $4 END, \
             month = $2, last_auth_at = COALESCE($5, subscriber_activity.last_auth_at), \
             last_traffic_at = COALESCE($6, subscriber_activity.last_traffic_at)"
        ),
        args![account, month, up, down, last_auth, last_traffic],
    )
    .await
}

/// Lists the other open stays of an account at an address, by their public names; only older ones.
pub async fn list_at_address(q: &mut impl Query, account: AccountId, ip: &str, newest: VisitId) -> Result<Vec<String>> {
    let found: Vec<(String,)> = q
        .all(
            sql!(
                "SELECT v.uuid FROM visit v JOIN visit_radius r ON r.visit_id = v.id WHERE v.account_id = $1 AND v.door = 'radius' \
                 AND v.until_at IS NULL AND v.end_asked_at IS NULL AND r.framed_ip = $2 AND v.id < $3 ORDER BY v.id"
            ),
            args![account, ip, newest],
        )
        .await?;
    Ok(found.into_iter().map(|(uuid,)| uuid).collect())
}

/// What accounting left behind of a subscriber.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub struct ActivityRow {
    /// Last authorisation, confirmed.
    pub last_auth_at: Option<Millis>,
    /// When his octets last grew.
    pub last_traffic_at: Option<Millis>,
    /// The calendar month: year * 12 + month (1 to 12).
    pub month: i64,
    /// Octets of it from him.
    pub up: i64,
    /// Octets of it to him.
    pub down: i64,
}

/// Finds what accounting left behind of a subscriber.
pub async fn find_activity(q: &mut impl Query, account: AccountId) -> Result<Option<ActivityRow>> {
    q.one(
        sql!("SELECT last_auth_at, last_traffic_at, month, up, down FROM subscriber_activity WHERE account_id = $1"),
        args![account],
    )
    .await
}
