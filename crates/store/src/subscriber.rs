//! Subscriber passes: ISP customers as billing and the radius door know them (specs/billing.md §6.1).

use gatehouse_model::{AccountId, BillingGroupId, Millis, Money};

use crate::{Query, Result, Tx, args, sql};

/// What decides about a subscriber's money.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub struct TermsRow {
    /// The account.
    pub account_id: AccountId,
    /// His number.
    pub uid: i64,
    /// His group.
    pub billing_group_id: BillingGroupId,
    /// Below it he is blocked; negative: allowed debt.
    pub limit_balance: Money,
    /// Whether he is blocked below it.
    pub block_if_limit: bool,
    /// Percent.
    pub discount: i64,
    /// Blocked by staff.
    pub admin_block: bool,
    /// Blocked by debt.
    pub debt_block: bool,
}

/// Finds the terms of a subscriber and locks them. Taken after his wallet.
pub async fn lock_terms(tx: &mut Tx, account: AccountId) -> Result<Option<TermsRow>> {
    tx.one(
        sql! {
            sqlite: "SELECT account_id, uid, billing_group_id, limit_balance, block_if_limit, discount, admin_block, debt_block \
                     FROM subscriber_pass WHERE account_id = $1",
            postgres: "SELECT account_id, uid, billing_group_id, limit_balance, block_if_limit, discount, admin_block, debt_block \
                       FROM subscriber_pass WHERE account_id = $1 FOR UPDATE"
        },
        args![account],
    )
    .await
}

/// Writes whether debt blocks a subscriber.
pub async fn update_debt_block(tx: &mut Tx, account: AccountId, is_blocked: bool, at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE subscriber_pass SET debt_block = $2, updated_at = $3 WHERE account_id = $1"),
        args![account, is_blocked, at],
    )
    .await
}

/// Finds the account of a subscriber number.
pub async fn find_by_uid(q: &mut impl Query, uid: i64) -> Result<Option<AccountId>> {
    let found: Option<(AccountId,)> =
        q.one(sql!("SELECT account_id FROM subscriber_pass WHERE uid = $1"), args![uid]).await?;
    Ok(found.map(|(id,)| id))
}

/// Finds number and group of a subscriber.
pub async fn find_group(q: &mut impl Query, account: AccountId) -> Result<Option<(i64, BillingGroupId)>> {
    q.one(sql!("SELECT uid, billing_group_id FROM subscriber_pass WHERE account_id = $1"), args![account]).await
}

/// A row of `subscriber_pass`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SubscriberRow {
    /// The account.
    pub account_id: AccountId,
    /// His number.
    pub uid: i64,
    /// His group.
    pub billing_group_id: BillingGroupId,
    /// Number of his contract.
    pub contract: String,
    /// Date of his contract.
    pub contract_at: Option<Millis>,
    /// Full name.
    pub full_name: String,
    /// What staff wrote about him.
    pub comment: String,
    /// Below it he is blocked; negative: allowed debt.
    pub limit_balance: Money,
    /// Whether he is blocked below it.
    pub block_if_limit: bool,
    /// Percent.
    pub discount: i64,
    /// Technical state, 0 to 13 (specs/billing.md §5.2).
    pub cstate: i64,
    /// Since when.
    pub cstate_at: Millis,
    /// Whether he needs no authorisation.
    pub is_always_on: bool,
    /// Blocked by staff.
    pub admin_block: bool,
    /// Why.
    pub admin_block_why: String,
    /// Blocked by debt.
    pub debt_block: bool,
    /// Row part of the associated data.
    pub seal_ref: String,
    /// When the pass was made.
    pub created_at: Millis,
    /// When it was changed last.
    pub updated_at: Millis,
}

/// Finds the pass of an account.
pub async fn find(q: &mut impl Query, account: AccountId) -> Result<Option<SubscriberRow>> {
    q.one(sql!("SELECT * FROM subscriber_pass WHERE account_id = $1"), args![account]).await
}

/// Lists passes after a number by number, one page; of one group or of all.
pub async fn list(
    q: &mut impl Query,
    group: Option<BillingGroupId>,
    after_uid: i64,
    limit: i64,
) -> Result<Vec<SubscriberRow>> {
    match group {
        Some(group) => {
            q.all(
                sql!(
                    "SELECT * FROM subscriber_pass WHERE billing_group_id = $1 AND uid > $2 ORDER BY billing_group_id, uid LIMIT $3"
                ),
                args![group, after_uid, limit],
            )
            .await
        }
        None => {
            q.all(
                sql!("SELECT * FROM subscriber_pass WHERE uid > $1 ORDER BY uid LIMIT $2"),
                args![after_uid, limit],
            )
            .await
        }
    }
}

/// Gives the next subscriber number, above every one that was ever given.
pub async fn next_uid(tx: &mut Tx) -> Result<i64> {
    let last: Option<(i64,)> = tx
        .one(
            sql!(
                "INSERT INTO number_given (name, last) VALUES ('uid', 1) \
                 ON CONFLICT (name) DO UPDATE SET last = number_given.last + 1 RETURNING last"
            ),
            args![],
        )
        .await?;
    last.map(|(last,)| last).ok_or_else(crate::Error::missing_row)
}

/// Takes note of a number that was chosen: later ones are above it.
pub async fn raise_uid(tx: &mut Tx, uid: i64) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO number_given (name, last) VALUES ('uid', $1) \
             ON CONFLICT (name) DO UPDATE SET last = excluded.last WHERE number_given.last < excluded.last"
        ),
        args![uid],
    )
    .await
}

/// Inserts a pass. `Conflict subscriber_pass_pkey`: the account has one; `subscriber_pass_uid_key`: the number is taken.
pub async fn insert(tx: &mut Tx, row: &SubscriberRow) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO subscriber_pass (account_id, uid, billing_group_id, contract, contract_at, full_name, comment, limit_balance, \
             block_if_limit, discount, cstate, cstate_at, is_always_on, admin_block, admin_block_why, debt_block, seal_ref, \
             created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $18)"
        ),
        args![
            row.account_id,
            row.uid,
            row.billing_group_id,
            &row.contract,
            row.contract_at,
            &row.full_name,
            &row.comment,
            row.limit_balance,
            row.block_if_limit,
            row.discount,
            row.cstate,
            row.cstate_at,
            row.is_always_on,
            row.admin_block,
            &row.admin_block_why,
            row.debt_block,
            &row.seal_ref,
            row.created_at
        ],
    )
    .await
}

/// Writes what staff change of a pass; the debt block is the ledger's.
pub async fn update(tx: &mut Tx, row: &SubscriberRow, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE subscriber_pass SET billing_group_id = $2, contract = $3, contract_at = $4, full_name = $5, comment = $6, \
             limit_balance = $7, block_if_limit = $8, discount = $9, cstate = $10, cstate_at = $11, is_always_on = $12, \
             admin_block = $13, admin_block_why = $14, uid = $15, updated_at = $16 WHERE account_id = $1"
        ),
        args![
            row.account_id,
            row.billing_group_id,
            &row.contract,
            row.contract_at,
            &row.full_name,
            &row.comment,
            row.limit_balance,
            row.block_if_limit,
            row.discount,
            row.cstate,
            row.cstate_at,
            row.is_always_on,
            row.admin_block,
            &row.admin_block_why,
            row.uid,
            at
        ],
    )
    .await
}

/// Deletes the pass of an account with what hangs on it: extra data, push tokens, devices, traffic; its addresses are free and
/// its subscriptions over. Ledger and statement stay.
pub async fn delete(tx: &mut Tx, account: AccountId, at: Millis) -> Result<u64> {
    tx.exec(sql!("DELETE FROM billing_field_value WHERE account_id = $1"), args![account]).await?;
    tx.exec(sql!("DELETE FROM push_token WHERE account_id = $1"), args![account]).await?;
    tx.exec(sql!("DELETE FROM device WHERE account_id = $1"), args![account]).await?;
    tx.exec(sql!("DELETE FROM subscriber_activity WHERE account_id = $1"), args![account]).await?;
    tx.exec(
        sql!("UPDATE address SET account_id = $2, bound_at = $2 WHERE account_id = $1"),
        args![account, Option::<i64>::None],
    )
    .await?;
    tx.exec(
        sql!(
            "UPDATE billing_subscription SET state = 'ended', updated_at = $2 WHERE account_id = $1 AND state <> 'ended'"
        ),
        args![account, at],
    )
    .await?;
    tx.exec(sql!("DELETE FROM subscriber_pass WHERE account_id = $1"), args![account]).await
}

/// Finds where a slice of subscribers ends that begins after a number; none: nobody is left.
pub async fn find_slice_end(q: &mut impl Query, after: i64, size: i64) -> Result<Option<i64>> {
    let end: Option<(Option<i64>,)> = q
        .one(
            sql!(
                "SELECT MAX(uid) AS uid FROM (SELECT uid FROM subscriber_pass WHERE uid > $1 ORDER BY uid LIMIT $2) slice"
            ),
            args![after, size],
        )
        .await?;
    Ok(end.and_then(|(uid,)| uid))
}

/// Lists subscribers of a slice `(after, end]` whose debt block is not what their wallet says.
pub async fn list_misjudged(q: &mut impl Query, currency: &str, (after, end): (i64, i64)) -> Result<Vec<AccountId>> {
    let found: Vec<(AccountId,)> = q
        .all(
            sql!(
                "SELECT s.account_id FROM subscriber_pass s LEFT JOIN ledger_account a ON a.kind = 'wallet' AND a.currency = $1 \
                 AND a.owner_id = s.account_id AND a.ref = '' WHERE s.uid > $2 AND s.uid <= $3 \
                 AND s.debt_block <> (s.block_if_limit AND COALESCE(a.balance, 0) < s.limit_balance) ORDER BY s.uid"
            ),
            args![currency, after, end],
        )
        .await?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}
