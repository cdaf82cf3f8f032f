//! Invitation codes of the panel, and what came of them.

use gatehouse_model::{AccountId, Millis, Money};

use crate::{Query, Result, Tx, args, sql};

/// A row of `panel_invite_code`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct InviteCodeRow {
    /// Identity.
    pub id: i64,
    /// Whose it is.
    pub account_id: AccountId,
    /// The code.
    pub code: String,
    /// Whether somebody registered by it.
    pub is_used: bool,
    /// How often its page was seen.
    pub views: i64,
    /// When it was made.
    pub created_at: Millis,
    /// When it changed last.
    pub updated_at: Millis,
}

/// Inserts a code.
pub async fn insert(tx: &mut Tx, account: AccountId, code: &str, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO panel_invite_code (account_id, code, is_used, views, created_at, updated_at) \
             VALUES ($1, $2, $3, 0, $4, $4)"
        ),
        args![account, code, false, at],
    )
    .await
}

/// Finds a code whose owner may still invite: one that is unused, of an account that is enabled.
pub async fn find_open(q: &mut impl Query, code: &str) -> Result<Option<InviteCodeRow>> {
    q.one(
        sql!(
            "SELECT i.* FROM panel_invite_code i JOIN account a ON a.id = i.account_id WHERE i.code = $1 AND NOT i.is_used \
             AND a.is_enabled"
        ),
        args![code],
    )
    .await
}

/// Uses a code up; 0: somebody else did.
pub async fn use_up(tx: &mut Tx, id: i64, at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE panel_invite_code SET is_used = $2, updated_at = $3 WHERE id = $1 AND NOT is_used"),
        args![id, true, at],
    )
    .await
}

/// Counts a view of the page of a code.
pub async fn count_view(tx: &mut Tx, code: &str) -> Result<u64> {
    tx.exec(sql!("UPDATE panel_invite_code SET views = views + 1 WHERE code = $1"), args![code]).await
}

/// The unused codes of an account, the newest first.
pub async fn list_unused(q: &mut impl Query, account: AccountId) -> Result<Vec<InviteCodeRow>> {
    q.all(
        sql!("SELECT * FROM panel_invite_code WHERE account_id = $1 AND NOT is_used ORDER BY id DESC"),
        args![account],
    )
    .await
}

/// How many unused codes an account has.
pub async fn count_unused(q: &mut impl Query, account: AccountId) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!("SELECT COUNT(*) AS count FROM panel_invite_code WHERE account_id = $1 AND NOT is_used"),
            args![account],
        )
        .await?;
    Ok(row.map_or(0, |(count,)| count))
}

/// Takes the turn of an account's pass, so that two of its requests follow each other; 0: it has none.
pub async fn lock_pass(tx: &mut Tx, account: AccountId) -> Result<u64> {
    tx.exec(sql!("UPDATE proxy_pass SET updated_at = updated_at WHERE account_id = $1"), args![account]).await
}

/// Notes who invited a new user.
pub async fn set_inviter(tx: &mut Tx, account: AccountId, inviter: Option<AccountId>) -> Result<u64> {
    tx.exec(sql!("UPDATE proxy_pass SET inviter_id = $2 WHERE account_id = $1"), args![account, inviter]).await
}

/// How many users somebody invited; IPv6 shadows do not count.
pub async fn count_invited(q: &mut impl Query, inviter: AccountId) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!("SELECT COUNT(*) AS count FROM proxy_pass WHERE inviter_id = $1 AND main_account_id IS NULL"),
            args![inviter],
        )
        .await?;
    Ok(row.map_or(0, |(count,)| count))
}

/// What somebody earned by inviting: paid out, and awaiting its release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Earned {
    /// Hundredths that were paid out.
    pub paid: Money,
    /// Hundredths of completed orders that wait.
    pub waiting: Money,
}

/// Sums what somebody earned.
pub async fn sum_earned(q: &mut impl Query, inviter: AccountId) -> Result<Earned> {
    let row = q
        .one(
            sql!(
                "SELECT (SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM panel_commission WHERE inviter_id = $1) AS paid, \
                 (SELECT CAST(COALESCE(SUM(commission), 0) AS BIGINT) FROM panel_order WHERE inviter_id = $1 AND status = 3 \
                 AND commission_status = 0) AS waiting"
            ),
            args![inviter],
        )
        .await?;
    // It is one row, always.
    Ok(row.unwrap_or(Earned { paid: Money::ZERO, waiting: Money::ZERO }))
}

/// A commission that was paid out.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct CommissionRow {
    /// Identity.
    pub id: i64,
    /// The order.
    pub trade_no: String,
    /// What it came to.
    pub order_amount: Money,
    /// What the inviter got.
    pub amount: Money,
    /// When.
    pub created_at: Millis,
}

/// A page of what somebody was paid, the newest first, and how many there are.
pub async fn list_commissions(
    q: &mut impl Query,
    inviter: AccountId,
    limit: i64,
    offset: i64,
) -> Result<(Vec<CommissionRow>, i64)> {
    let rows = q
        .all(
            sql!(
                "SELECT id, trade_no, order_amount, amount, created_at FROM panel_commission WHERE inviter_id = $1 AND amount > 0 \
                 ORDER BY id DESC LIMIT $2 OFFSET $3"
            ),
            args![inviter, limit, offset],
        )
        .await?;
    let total: Option<(i64,)> = q
        .one(
            sql!("SELECT COUNT(*) AS count FROM panel_commission WHERE inviter_id = $1 AND amount > 0"),
            args![inviter],
        )
        .await?;
    Ok((rows, total.map_or(0, |(count,)| count)))
}

/// What a user sees first: orders to pay, tickets to answer, users invited.
pub async fn count_open(q: &mut impl Query, account: AccountId) -> Result<(i64, i64)> {
    let row: Option<(i64, i64)> = q
        .one(
            sql!(
                "SELECT (SELECT COUNT(*) FROM panel_order WHERE account_id = $1 AND status = 0) AS orders, \
                 (SELECT COUNT(*) FROM panel_ticket WHERE account_id = $1 AND NOT is_closed) AS tickets"
            ),
            args![account],
        )
        .await?;
    Ok(row.unwrap_or_default())
}
