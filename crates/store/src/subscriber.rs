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
