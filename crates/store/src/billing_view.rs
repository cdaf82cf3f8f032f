//! What the billing surface shows of subscribers, read in as few statements as possible (specs/billing.md §5.2, §5.4, §5.9).

use gatehouse_model::{AccountId, BillingGroupId, LedgerAccountId, Millis, Money, StatementId, VisitId};

use serde::Deserialize;

use crate::{Query, Result, args, billing_field::FieldValueRow, json, sql};

/// A subscriber with his account, group, wallet and counters.
#[derive(Debug, Clone, sqlx::FromRow, Deserialize)]
pub struct UsrRow {
    /// The account.
    pub account_id: AccountId,
    /// His number.
    pub uid: i64,
    /// His login.
    pub login: String,
    /// Status of the account.
    #[serde(deserialize_with = "json::flag")]
    pub is_enabled: bool,
    /// His name.
    pub full_name: String,
    /// Number of his contract.
    pub contract: String,
    /// Date of his contract.
    pub contract_at: Option<Millis>,
    /// What staff wrote about him.
    pub comment: String,
    /// His group.
    pub billing_group_id: BillingGroupId,
    /// Its name.
    pub group_name: String,
    /// Below it he is blocked; negative: allowed debt.
    pub limit_balance: Money,
    /// Whether he is blocked below it.
    #[serde(deserialize_with = "json::flag")]
    pub block_if_limit: bool,
    /// Percent.
    pub discount: i64,
    /// Technical state.
    pub cstate: i64,
    /// Since when.
    pub cstate_at: Millis,
    /// Whether he needs no authorisation.
    #[serde(deserialize_with = "json::flag")]
    pub is_always_on: bool,
    /// Blocked by staff.
    #[serde(deserialize_with = "json::flag")]
    pub admin_block: bool,
    /// Blocked by debt.
    #[serde(deserialize_with = "json::flag")]
    pub debt_block: bool,
    /// When account or pass changed last.
    pub changed_at: Millis,
    /// His wallet, if he has one.
    pub wallet_id: Option<LedgerAccountId>,
    /// What it holds.
    pub balance: Money,
    /// Last confirmed authorisation.
    pub last_auth_at: Option<Millis>,
    /// When octets last moved.
    pub last_traffic_at: Option<Millis>,
    /// The calendar month that the octets are of: year * 12 + month (1 to 12).
    pub month: Option<i64>,
    /// Octets from him.
    pub up: Option<i64>,
    /// Octets to him.
    pub down: Option<i64>,
}

/// Finds a subscriber.
pub async fn find_usr(q: &mut impl Query, account: AccountId, currency: &str) -> Result<Option<UsrRow>> {
    q.one(
        sql!(
            "SELECT p.account_id, p.uid, a.login, a.is_enabled, p.full_name, p.contract, p.contract_at, p.comment, p.billing_group_id, \
             g.name AS group_name, p.limit_balance, p.block_if_limit, p.discount, p.cstate, p.cstate_at, p.is_always_on, p.admin_block, \
             p.debt_block, CASE WHEN a.updated_at > p.updated_at THEN a.updated_at ELSE p.updated_at END AS changed_at, \
             w.id AS wallet_id, COALESCE(w.balance, 0) AS balance, y.last_auth_at, y.last_traffic_at, y.month, y.up, y.down \
             FROM subscriber_pass p JOIN account a ON a.id = p.account_id JOIN billing_group g ON g.id = p.billing_group_id \
             LEFT JOIN ledger_account w ON w.kind = 'wallet' AND w.currency = $2 AND w.owner_id = p.account_id AND w.ref = '' \
             LEFT JOIN subscriber_activity y ON y.account_id = p.account_id WHERE p.account_id = $1"
        ),
        args![account, currency],
    )
    .await
}

/// Which subscribers are listed: those of staff whose codes reach them.
#[derive(Debug, Clone, Copy)]
pub struct UsrFilter {
    /// Staff whose codes `billing.access` and `billing.subscriber.read` must both reach a subscriber's group; none: all are listed.
    pub scoped_to: Option<AccountId>,
    /// Only this one.
    pub uid: Option<i64>,
    /// Only of this group.
    pub group: Option<BillingGroupId>,
    /// When roles must count.
    pub at: Millis,
}

/// Lists subscribers above a number, in the order of their numbers, `(limit, offset)` of them.
pub async fn list_usr(
    q: &mut impl Query,
    filter: &UsrFilter,
    above: i64,
    currency: &str,
    (limit, offset): (i64, i64),
) -> Result<Vec<UsrRow>> {
    q.all(
        sql!(
            "SELECT p.account_id, p.uid, a.login, a.is_enabled, p.full_name, p.contract, p.contract_at, p.comment, p.billing_group_id, \
             g.name AS group_name, p.limit_balance, p.block_if_limit, p.discount, p.cstate, p.cstate_at, p.is_always_on, p.admin_block, \
             p.debt_block, CASE WHEN a.updated_at > p.updated_at THEN a.updated_at ELSE p.updated_at END AS changed_at, \
             w.id AS wallet_id, COALESCE(w.balance, 0) AS balance, y.last_auth_at, y.last_traffic_at, y.month, y.up, y.down \
             FROM subscriber_pass p JOIN account a ON a.id = p.account_id JOIN billing_group g ON g.id = p.billing_group_id \
             LEFT JOIN ledger_account w ON w.kind = 'wallet' AND w.currency = $2 AND w.owner_id = p.account_id AND w.ref = '' \
             LEFT JOIN subscriber_activity y ON y.account_id = p.account_id \
             WHERE p.uid > $1 AND (CAST($3 AS BIGINT) IS NULL OR p.uid = $3) \
             AND (CAST($4 AS BIGINT) IS NULL OR p.billing_group_id = $4) \
             AND (CAST($5 AS BIGINT) IS NULL OR (EXISTS (SELECT 1 FROM account_role m JOIN role r ON r.id = m.role_id \
             JOIN role_code c ON c.role_id = r.id AND c.code = 'billing.access' \
             LEFT JOIN role_billing_group b ON b.role_id = r.id AND b.billing_group_id = p.billing_group_id \
             WHERE m.account_id = $5 AND r.is_enabled = $6 AND (m.valid_until IS NULL OR m.valid_until > $7) \
             AND (r.on_all_billing_groups = $6 OR b.role_id IS NOT NULL)) \
             AND EXISTS (SELECT 1 FROM account_role m JOIN role r ON r.id = m.role_id \
             JOIN role_code c ON c.role_id = r.id AND c.code = 'billing.subscriber.read' \
             LEFT JOIN role_billing_group b ON b.role_id = r.id AND b.billing_group_id = p.billing_group_id \
             WHERE m.account_id = $5 AND r.is_enabled = $6 AND (m.valid_until IS NULL OR m.valid_until > $7) \
             AND (r.on_all_billing_groups = $6 OR b.role_id IS NOT NULL)))) \
             ORDER BY p.uid LIMIT $8 OFFSET $9"
        ),
        args![
            above,
            currency,
            filter.uid,
            filter.group.map(|group| group.0),
            filter.scoped_to.map(|account| account.0),
            true,
            filter.at,
            limit,
            offset
        ],
    )
    .await
}

/// Lists what stands in the extra fields of the subscribers with numbers above one up to another.
pub async fn list_values(q: &mut impl Query, above: i64, to: i64) -> Result<Vec<FieldValueRow>> {
    q.all(
        sql!(
            "SELECT v.account_id, v.billing_field_id, v.value, v.value_sealed, v.seal_ref FROM subscriber_pass p \
             JOIN billing_field_value v ON v.account_id = p.account_id WHERE p.uid > $1 AND p.uid <= $2 \
             ORDER BY v.account_id, v.billing_field_id"
        ),
        args![above, to],
    )
    .await
}

/// Lists the temporary payments of the subscribers with numbers above one up to another: whose, end and sum.
pub async fn list_credits_between(q: &mut impl Query, above: i64, to: i64) -> Result<Vec<(AccountId, Millis, Money)>> {
    q.all(
        sql!(
            "SELECT c.account_id, c.due_at, c.amount FROM subscriber_pass p JOIN billing_credit c ON c.account_id = p.account_id \
             WHERE p.uid > $1 AND p.uid <= $2 AND c.ended_at IS NULL ORDER BY c.account_id, c.due_at, c.statement_id"
        ),
        args![above, to],
    )
    .await
}

/// A row of the statement, as it is shown.
#[derive(Debug, Clone, sqlx::FromRow, Deserialize)]
pub struct PayRow {
    /// Its number.
    pub id: StatementId,
    /// Time of the row; of a temporary payment its end.
    pub at: Millis,
    /// The number of specs/billing.md §6.3.
    pub kind: i64,
    /// What it moves.
    pub amount: Money,
    /// What the wallet holds afterwards.
    pub balance_after: Option<Money>,
    /// For programs; of messages their text.
    pub reason: String,
    /// For people.
    pub comment: String,
    /// `admin`, `user`, `kernel`, `other`.
    pub actor: String,
    /// `staff_no`, `uid` or 0.
    pub actor_no: i64,
    /// Where from.
    pub actor_address: Option<String>,
}

/// Lists rows that move money or say something, events (400 and above) among them, newest first.
pub async fn list_pays_and_events(
    q: &mut impl Query,
    account: AccountId,
    wallet: Option<LedgerAccountId>,
    limit: i64,
) -> Result<Vec<PayRow>> {
    q.all(
        sql!(
            "SELECT id, at, kind, amount, balance_after, reason, comment, actor, actor_no, actor_address FROM statement \
             WHERE account_id = $1 AND folded_into IS NULL AND (amount <> 0 OR comment <> '') \
             AND (ledger_account_id IS NULL OR ledger_account_id = $2) ORDER BY at DESC, id DESC LIMIT $3"
        ),
        args![account, wallet.map(|wallet| wallet.0), limit],
    )
    .await
}

/// Lists every row with what the wallet held after it, newest first; events (400 and above) only with `with_events`.
///
/// `+e.id`: in the order of the numbers, but not along them: the rows of the account are few, those of everybody many.
pub async fn list_rows(
    q: &mut impl Query,
    account: AccountId,
    wallet: Option<LedgerAccountId>,
    with_events: bool,
    (limit, offset): (i64, i64),
) -> Result<Vec<PayRow>> {
    q.all(
        sql!(
            "SELECT s.id, s.at, s.kind, s.amount, COALESCE(s.balance_after, (SELECT e.balance_after \
             FROM statement e WHERE e.account_id = s.account_id AND e.folded_into IS NULL AND e.ledger_account_id = $2 AND e.id < s.id \
             ORDER BY +e.id DESC LIMIT 1)) AS balance_after, s.reason, s.comment, s.actor, s.actor_no, s.actor_address \
             FROM statement s WHERE s.account_id = $1 AND s.folded_into IS NULL \
             AND (s.ledger_account_id IS NULL OR s.ledger_account_id = $2) \
             AND (s.kind < 400 OR s.amount <> 0 OR $3) ORDER BY s.at DESC, s.id DESC LIMIT $4 OFFSET $5"
        ),
        args![account, wallet.map(|wallet| wallet.0), with_events, limit, offset],
    )
    .await
}

/// A stay of a subscriber at the radius door.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct StayRow {
    /// Identity.
    pub id: VisitId,
    /// Beginning.
    pub since_at: Millis,
    /// End; none: he is in.
    pub until_at: Option<Millis>,
    /// The address he was given.
    pub framed_ip: Option<String>,
    /// Where from.
    pub nas_address: String,
    /// Calling-Station-Id.
    pub calling_station: Option<String>,
    /// User-Name.
    pub user_name: Vec<u8>,
}

/// Lists the stays of a subscriber, newest first.
pub async fn list_stays(q: &mut impl Query, account: AccountId, (limit, offset): (i64, i64)) -> Result<Vec<StayRow>> {
    q.all(
        sql!(
            "SELECT v.id, v.since_at, v.until_at, r.framed_ip, r.nas_address, r.calling_station, r.user_name \
             FROM visit v JOIN visit_radius r ON r.visit_id = v.id \
             WHERE v.account_id = $1 AND v.door = 'radius' AND r.pass = 'subscriber' \
             ORDER BY v.since_at DESC, v.id DESC LIMIT $2 OFFSET $3"
        ),
        args![account, limit, offset],
    )
    .await
}
