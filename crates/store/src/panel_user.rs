//! Users of the panel as staff list and change them.

use gatehouse_model::{AccountId, Millis, Money};

use crate::{
    Args, Query, Result, Tx, args,
    filter::{self, Condition, Field, Kind, Listing},
    proxy_pass::PanelUserRow,
    sql,
};

/// A user as staff see him.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct StaffUserRow {
    /// Account, pass, usage.
    #[sqlx(flatten)]
    pub user: PanelUserRow,
    /// When account or pass changed last.
    pub changed_at: Millis,
    /// The name of the plan.
    pub plan_name: Option<String>,
    /// The name of the node group.
    pub group_name: Option<String>,
    /// Who invited him.
    pub inviter_email: Option<String>,
    /// Hundredths.
    pub balance: Money,
    /// Hundredths.
    pub commission: Money,
    /// Whether he may do everything of staff.
    pub is_admin: bool,
    /// Whether he may do anything of staff.
    pub is_staff: bool,
    /// Addresses from which he is connected.
    pub online: i64,
    /// When he was last seen to be.
    pub online_at: Option<Millis>,
}

const MAY_ALL: &str = "EXISTS (SELECT 1 FROM account_role x JOIN role r ON r.id = x.role_id JOIN role_code c ON c.role_id = r.id \
                       JOIN staff_pass s ON s.account_id = x.account_id WHERE x.account_id = p.account_id AND r.is_enabled \
                       AND c.code = 'panel.admin' AND (x.valid_until IS NULL OR x.valid_until > $2))";
const MAY_SOME: &str = "EXISTS (SELECT 1 FROM account_role x JOIN role r ON r.id = x.role_id JOIN role_code c ON c.role_id = r.id \
                        JOIN staff_pass s ON s.account_id = x.account_id WHERE x.account_id = p.account_id AND r.is_enabled \
                        AND c.code LIKE 'panel.%' AND (x.valid_until IS NULL OR x.valid_until > $2))";
const ENABLED: &str = "(a.is_enabled AND COALESCE(m.is_enabled, a.is_enabled))";
/// `$1` currency, `$2` now.
const FROM: &str = "FROM proxy_pass p JOIN account a ON a.id = p.account_id LEFT JOIN account m ON m.id = p.main_account_id \
                    LEFT JOIN proxy_usage u ON u.account_id = p.account_id LEFT JOIN plan l ON l.id = p.plan_id \
                    LEFT JOIN node_group g ON g.id = p.node_group_id LEFT JOIN account i ON i.id = p.inviter_id \
                    LEFT JOIN ledger_account w ON w.kind = 'wallet' AND w.currency = $1 AND w.owner_id = p.account_id AND w.ref = '' \
                    LEFT JOIN ledger_account e ON e.kind = 'commission' AND e.currency = $1 AND e.owner_id = p.account_id AND e.ref = ''";

macro_rules! fields {
    ($($name:literal $kind:ident $expr:expr;)*) => {
        &[$(Field::new($name, Kind::$kind, $expr)),*]
    };
}

/// Fields of the list of users, in the units of the wire: seconds, bytes, Mbit/s, hundredths.
pub static FIELDS: &[Field] = fields! {
    "id" Number "p.account_id";
    "email" Text "a.email_key";
    "invite_user_id" Number "p.inviter_id";
    "invite_by_email" Text "i.email_key";
    "invite_user.email" Text "i.email_key";
    "telegram_id" Number "p.telegram_id";
    "plan_id" Number "p.plan_id";
    "plan" Text "LOWER(l.name)";
    "group_id" Number "p.node_group_id";
    "transfer_enable" Number "p.quota";
    "u" Number "COALESCE(u.up, 0) / 100";
    "d" Number "COALESCE(u.down, 0) / 100";
    "total_used" Number "(COALESCE(u.up, 0) + COALESCE(u.down, 0)) / 100";
    "t" Number "u.last_at / 1000";
    "expired_at" Number "p.expires_at / 1000";
    "next_reset_at" Number "p.next_reset_at / 1000";
    "device_limit" Number "p.device_limit";
    "speed_limit" Number "p.speed_limit";
    "discount" Number "p.discount";
    "commission_type" Number "p.commission_type";
    "commission_rate" Number "p.commission_rate";
    "balance" Number "COALESCE(w.balance, 0)";
    "commission_balance" Number "COALESCE(e.balance, 0)";
    "banned" Flag "NOT (a.is_enabled AND COALESCE(m.is_enabled, a.is_enabled))";
    "is_admin" Flag "EXISTS (SELECT 1 FROM account_role x JOIN role r ON r.id = x.role_id JOIN role_code c ON c.role_id = r.id \
                     JOIN staff_pass s ON s.account_id = x.account_id WHERE x.account_id = p.account_id AND r.is_enabled \
                     AND c.code = 'panel.admin' AND (x.valid_until IS NULL OR x.valid_until > $2))";
    "is_staff" Flag "EXISTS (SELECT 1 FROM account_role x JOIN role r ON r.id = x.role_id JOIN role_code c ON c.role_id = r.id \
                     JOIN staff_pass s ON s.account_id = x.account_id WHERE x.account_id = p.account_id AND r.is_enabled \
                     AND c.code LIKE 'panel.%' AND (x.valid_until IS NULL OR x.valid_until > $2))";
    "remind_expire" Flag "p.remind_expire";
    "remind_traffic" Flag "p.remind_traffic";
    "last_login_at" Number "p.last_login_at / 1000";
    "last_login_ip" Text "LOWER(p.last_login_ip)";
    "remarks" Text "LOWER(p.remark)";
    "created_at" Number "a.created_at / 1000";
    "updated_at" Number "a.updated_at / 1000";
};

/// A page of users.
pub async fn list(q: &mut impl Query, listing: &Listing, currency: &str, at: Millis) -> Result<Vec<StaffUserRow>> {
    let mut args: Args = args![currency, at];
    let filter = filter::conditions(&listing.conditions, &mut args);
    args.push(listing.limit.into());
    args.push(listing.offset.into());
    let (limit, offset) = (args.len() - 1, args.len());
    let order = filter::order(listing.order, "p.account_id");
    // Only the rows of the page are looked up in full.
    let text = format!(
        "SELECT p.*, a.login, a.email, a.created_at, {ENABLED} AS is_enabled, COALESCE(u.up, 0) AS up, COALESCE(u.down, 0) AS down, \
         u.last_at AS used_at, a.updated_at AS changed_at, l.name AS plan_name, g.name AS group_name, i.email AS inviter_email, \
         COALESCE(w.balance, 0) AS balance, COALESCE(e.balance, 0) AS commission, {MAY_ALL} AS is_admin, {MAY_SOME} AS is_staff, \
         (SELECT COUNT(DISTINCT v.from_address) FROM visit v WHERE v.account_id = p.account_id AND v.until_at IS NULL \
         AND v.door = 'proxy') AS online, \
         (SELECT MAX(v.seen_at) FROM visit v WHERE v.account_id = p.account_id AND v.until_at IS NULL AND v.door = 'proxy') AS online_at \
         {FROM} WHERE p.account_id IN (SELECT p.account_id {FROM} WHERE $2 = $2 AND $1 = $1{filter}{order} LIMIT ${limit} OFFSET ${offset}){order}"
    );
    q.all(filter::statement(text)?, args).await
}

/// How many users fulfil all conditions.
pub async fn count(q: &mut impl Query, conditions: &[Condition], currency: &str, at: Millis) -> Result<i64> {
    let row: Option<(i64,)> = if conditions.is_empty() {
        q.one(sql!("SELECT COUNT(*) AS count FROM proxy_pass"), args![]).await?
    } else {
        let mut args: Args = args![currency, at];
        let filter = filter::conditions(conditions, &mut args);
        let text = format!("SELECT COUNT(*) AS count {FROM} WHERE $2 = $2 AND $1 = $1{filter}");
        q.one(filter::statement(text)?, args).await?
    };
    Ok(row.map_or(0, |(count,)| count))
}

/// The accounts after one that fulfil all conditions, by id.
pub async fn list_ids(
    q: &mut impl Query,
    conditions: &[Condition],
    currency: &str,
    at: Millis,
    after: AccountId,
    limit: i64,
) -> Result<Vec<AccountId>> {
    let mut args: Args = args![currency, at, after, limit];
    let filter = filter::conditions(conditions, &mut args);
    let text = format!(
        "SELECT p.account_id {FROM} WHERE $2 = $2 AND $1 = $1 AND p.account_id > $3{filter} ORDER BY p.account_id LIMIT $4"
    );
    let rows: Vec<(AccountId,)> = q.all(filter::statement(text)?, args).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// What staff may write of a pass that is neither plan nor term nor limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// Percent off every order.
    pub discount: Option<i64>,
    /// 0 as the settings say, 1 every order, 2 the first.
    pub commission_type: i64,
    /// Percent of what invited people pay.
    pub commission_rate: Option<i64>,
    /// Who invited.
    pub inviter_id: Option<AccountId>,
    /// Staff's note.
    pub remark: Option<String>,
    /// Wants to be reminded of expiry.
    pub remind_expire: bool,
    /// Wants to be reminded of traffic.
    pub remind_traffic: bool,
}

/// Writes these.
pub async fn update_terms(tx: &mut Tx, id: AccountId, terms: &Terms, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE proxy_pass SET discount = $2, commission_type = $3, commission_rate = $4, inviter_id = $5, remark = $6, \
             remind_expire = $7, remind_traffic = $8, updated_at = $9 WHERE account_id = $1"
        ),
        args![
            id,
            terms.discount,
            terms.commission_type,
            terms.commission_rate,
            terms.inviter_id,
            terms.remark.as_deref(),
            terms.remind_expire,
            terms.remind_traffic,
            at
        ],
    )
    .await
}

/// Writes what a user has used, hundredths of a byte; none: as before.
pub async fn set_usage(tx: &mut Tx, id: AccountId, up: Option<i64>, down: Option<i64>, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO proxy_usage (account_id, up, down, last_at) VALUES ($1, COALESCE(CAST($2 AS BIGINT), 0), \
             COALESCE(CAST($3 AS BIGINT), 0), $4) ON CONFLICT (account_id) DO UPDATE SET \
             up = COALESCE(CAST($2 AS BIGINT), proxy_usage.up), down = COALESCE(CAST($3 AS BIGINT), proxy_usage.down)"
        ),
        args![id, up, down, at],
    )
    .await
}

/// How many enabled accounts with a staff pass and an e-mail, which can log in at the panel, hold `panel.admin` for good; one of them
/// left out.
pub async fn count_admins_beside(q: &mut impl Query, id: AccountId) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT COUNT(DISTINCT x.account_id) AS count FROM account_role x JOIN role r ON r.id = x.role_id \
                 JOIN role_code c ON c.role_id = r.id JOIN staff_pass s ON s.account_id = x.account_id \
                 JOIN account a ON a.id = x.account_id WHERE x.account_id <> $1 AND r.is_enabled AND a.is_enabled \
                 AND a.email IS NOT NULL AND c.code = 'panel.admin' AND x.valid_until IS NULL"
            ),
            args![id],
        )
        .await?;
    Ok(row.map_or(0, |(count,)| count))
}

/// Deletes what a user has at the panel beside his pass, for an account that stays.
pub async fn delete_belongings(tx: &mut Tx, id: AccountId) -> Result<()> {
    tx.exec(sql!("DELETE FROM panel_invite_code WHERE account_id = $1"), args![id]).await?;
    tx.exec(sql!("DELETE FROM panel_ticket WHERE account_id = $1"), args![id]).await?;
    tx.exec(sql!("DELETE FROM panel_identity WHERE account_id = $1"), args![id]).await?;
    tx.exec(sql!("DELETE FROM panel_usage_day WHERE account_id = $1"), args![id]).await?;
    Ok(())
}
