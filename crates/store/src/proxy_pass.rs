//! Proxy passes as the panel sees them: plan, quota, settings of a user.

use gatehouse_model::{AccountId, Millis, NodeGroupId, PlanId};

use crate::{Query, Result, Tx, args, sql};

/// A panel user: account, proxy pass and usage.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct PanelUserRow {
    /// The account.
    pub account_id: AccountId,
    /// Its login.
    pub login: String,
    /// Its e-mail.
    pub email: Option<String>,
    /// Status; of a shadow also that of its main account.
    pub is_enabled: bool,
    /// Since when.
    pub created_at: Millis,
    /// Sealed uuid.
    pub uuid_sealed: String,
    /// Sealed subscription token.
    pub token_sealed: String,
    /// Row part of the associated data.
    pub seal_ref: String,
    /// Plan.
    pub plan_id: Option<PlanId>,
    /// Node group.
    pub node_group_id: Option<NodeGroupId>,
    /// Bytes; none: no limit.
    pub quota: Option<i64>,
    /// None: never.
    pub expires_at: Option<Millis>,
    /// Day of the month that renewals keep.
    pub anchor_day: Option<i64>,
    /// Mbit/s, 0: none.
    pub speed_limit: i64,
    /// Devices, 0: none.
    pub device_limit: i64,
    /// Percent.
    pub discount: Option<i64>,
    /// 0 as the settings say, 1 every order, 2 the first.
    pub commission_type: i64,
    /// Percent.
    pub commission_rate: Option<i64>,
    /// Who invited.
    pub inviter_id: Option<AccountId>,
    /// Whose shadow it is.
    pub main_account_id: Option<AccountId>,
    /// Wants to be reminded of expiry.
    pub remind_expire: bool,
    /// Wants to be reminded of traffic.
    pub remind_traffic: bool,
    /// Telegram account.
    pub telegram_id: Option<i64>,
    /// When traffic is set to nothing.
    pub next_reset_at: Option<Millis>,
    /// When it was.
    pub last_reset_at: Option<Millis>,
    /// How often.
    pub reset_count: i64,
    /// Last login at the panel.
    pub last_login_at: Option<Millis>,
    /// From where.
    pub last_login_ip: Option<String>,
    /// Staff's note.
    pub remark: Option<String>,
    /// Charged upwards, hundredths of a byte.
    pub up: i64,
    /// Charged downwards, hundredths of a byte.
    pub down: i64,
    /// Last traffic.
    pub used_at: Option<Millis>,
}

/// Finds a panel user by account.
pub async fn find(q: &mut impl Query, id: AccountId) -> Result<Option<PanelUserRow>> {
    q.one(
        sql!(
            "SELECT p.*, a.login, a.email, a.created_at, (a.is_enabled AND COALESCE(m.is_enabled, a.is_enabled)) AS is_enabled, \
             COALESCE(u.up, 0) AS up, COALESCE(u.down, 0) AS down, u.last_at AS used_at \
             FROM proxy_pass p JOIN account a ON a.id = p.account_id LEFT JOIN account m ON m.id = p.main_account_id \
             LEFT JOIN proxy_usage u ON u.account_id = p.account_id WHERE p.account_id = $1"
        ),
        args![id],
    )
    .await
}

/// Finds a panel user by the keyed hash of the subscription token.
pub async fn find_by_token(q: &mut impl Query, token_hash: &str) -> Result<Option<PanelUserRow>> {
    q.one(
        sql!(
            "SELECT p.*, a.login, a.email, a.created_at, (a.is_enabled AND COALESCE(m.is_enabled, a.is_enabled)) AS is_enabled, \
             COALESCE(u.up, 0) AS up, COALESCE(u.down, 0) AS down, u.last_at AS used_at \
             FROM proxy_pass p JOIN account a ON a.id = p.account_id LEFT JOIN account m ON m.id = p.main_account_id \
             LEFT JOIN proxy_usage u ON u.account_id = p.account_id WHERE p.token_hash = $1"
        ),
        args![token_hash],
    )
    .await
}

/// Whether the account of a proxy pass counts: its own status and that of the account whose shadow it is; none without a pass.
pub async fn is_enabled(q: &mut impl Query, id: AccountId) -> Result<Option<bool>> {
    let row: Option<(bool,)> = q
        .one(
            sql!(
                "SELECT (a.is_enabled AND COALESCE(m.is_enabled, a.is_enabled)) AS is_enabled FROM proxy_pass p \
                 JOIN account a ON a.id = p.account_id LEFT JOIN account m ON m.id = p.main_account_id WHERE p.account_id = $1"
            ),
            args![id],
        )
        .await?;
    Ok(row.map(|(is_enabled,)| is_enabled))
}

/// Notes a login at the panel.
pub async fn update_login(tx: &mut Tx, id: AccountId, address: Option<&str>, at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE proxy_pass SET last_login_at = $3, last_login_ip = $2 WHERE account_id = $1"),
        args![id, address, at],
    )
    .await
}

/// Replaces both secrets: sealed text and keyed hash of uuid and token.
pub async fn update_secrets(
    tx: &mut Tx,
    id: AccountId,
    uuid: (&str, &str),
    token: (&str, &str),
    at: Millis,
) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE proxy_pass SET uuid_sealed = $2, uuid_hash = $3, token_sealed = $4, token_hash = $5, updated_at = $6 WHERE account_id = $1"
        ),
        args![id, uuid.0, uuid.1, token.0, token.1, at],
    )
    .await
}

/// Writes which reminders a user wants; none: as before.
pub async fn update_remind(tx: &mut Tx, id: AccountId, expire: Option<bool>, traffic: Option<bool>) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE proxy_pass SET remind_expire = COALESCE(CAST($2 AS BOOLEAN), remind_expire), \
             remind_traffic = COALESCE(CAST($3 AS BOOLEAN), remind_traffic) WHERE account_id = $1"
        ),
        args![id, expire, traffic],
    )
    .await
}
