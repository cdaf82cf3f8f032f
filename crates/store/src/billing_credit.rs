//! Temporary payments (specs/billing.md §9).

use gatehouse_model::{AccountId, Millis, Money, StatementId};

use crate::{Query, Result, Tx, args, sql};

/// A temporary payment.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub struct CreditRow {
    /// Its row of the statement.
    pub statement_id: StatementId,
    /// Whose it is.
    pub account_id: AccountId,
    /// The whole sum.
    pub amount: Money,
    /// When it was given.
    pub granted_at: Millis,
    /// When it is taken back.
    pub due_at: Millis,
    /// When it was.
    pub ended_at: Option<Millis>,
}

/// Inserts one.
pub async fn insert(tx: &mut Tx, row: &CreditRow) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO billing_credit (statement_id, account_id, amount, granted_at, due_at) VALUES ($1, $2, $3, $4, $5)"
        ),
        args![row.statement_id, row.account_id, row.amount, row.granted_at, row.due_at],
    )
    .await
}

/// Lists those of an account that have not been taken back, by their end.
pub async fn list_open(q: &mut impl Query, account: AccountId) -> Result<Vec<CreditRow>> {
    q.all(
        sql!(
            "SELECT statement_id, account_id, amount, granted_at, due_at, ended_at FROM billing_credit \
             WHERE account_id = $1 AND ended_at IS NULL ORDER BY due_at, statement_id"
        ),
        args![account],
    )
    .await
}

/// Finds the last one of an account that was taken back.
pub async fn find_last_ended(q: &mut impl Query, account: AccountId) -> Result<Option<CreditRow>> {
    q.one(
        sql!(
            "SELECT statement_id, account_id, amount, granted_at, due_at, ended_at FROM billing_credit \
             WHERE account_id = $1 AND ended_at IS NOT NULL ORDER BY granted_at DESC, statement_id DESC LIMIT 1"
        ),
        args![account],
    )
    .await
}

/// Lists whose temporary payments are due, at most `limit`: account and row.
pub async fn list_due(q: &mut impl Query, now: Millis, limit: i64) -> Result<Vec<(AccountId, StatementId)>> {
    q.all(
        sql!(
            "SELECT account_id, statement_id FROM billing_credit WHERE ended_at IS NULL AND due_at <= $1 \
             ORDER BY due_at, statement_id LIMIT $2"
        ),
        args![now, limit],
    )
    .await
}

/// Notes that one was taken back; 0: it was already.
pub async fn end(tx: &mut Tx, id: StatementId, at: Millis) -> Result<u64> {
    tx.exec(sql!("UPDATE billing_credit SET ended_at = $2 WHERE statement_id = $1 AND ended_at IS NULL"), args![id, at])
        .await
}

/// Lists those that end before a moment and of which nobody was told, at most `limit`: account, row, end.
pub async fn list_to_warn(
    q: &mut impl Query,
    before: Millis,
    limit: i64,
) -> Result<Vec<(AccountId, StatementId, Millis)>> {
    q.all(
        sql!(
            "SELECT account_id, statement_id, due_at FROM billing_credit WHERE ended_at IS NULL AND due_at <= $1 \
             AND warned_at IS NULL ORDER BY due_at, statement_id LIMIT $2"
        ),
        args![before, limit],
    )
    .await
}

/// Notes that its owner was told; 0: he was already.
pub async fn warn(tx: &mut Tx, id: StatementId, at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE billing_credit SET warned_at = $2 WHERE statement_id = $1 AND warned_at IS NULL"),
        args![id, at],
    )
    .await
}

/// Adds up the rows of a kind that an account got after a moment: all, and the largest of them.
pub async fn sum_after(q: &mut impl Query, account: AccountId, kind: i64, after: Millis) -> Result<(Money, Money)> {
    let sums: Option<(Money, Money)> = q
        .one(
            sql!(
                "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) AS total, CAST(COALESCE(MAX(amount), 0) AS BIGINT) AS most \
                 FROM statement WHERE account_id = $1 AND kind = $2 AND at > $3 AND folded_into IS NULL"
            ),
            args![account, kind, after],
        )
        .await?;
    Ok(sums.unwrap_or((Money::ZERO, Money::ZERO)))
}
