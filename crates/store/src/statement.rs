//! The statement: what people see of money, orders, messages and events (DESIGN §10.1, specs/billing.md §6.3).

use gatehouse_model::{AccountId, LedgerAccountId, LedgerEntryId, Millis, Money, StatementId};

use crate::{Query, Result, Tx, args, sql};

/// A row to insert.
#[derive(Debug)]
pub struct NewStatement<'a> {
    /// Whose it is; none: about many or no subscriber.
    pub account_id: Option<AccountId>,
    /// The wallet it moves.
    pub ledger_account_id: Option<LedgerAccountId>,
    /// The entry that moves it.
    pub entry_id: Option<LedgerEntryId>,
    /// Time of the row; of a temporary payment its end.
    pub at: Millis,
    /// The number of specs/billing.md §6.3.
    pub kind: i64,
    /// What it moves.
    pub amount: Money,
    /// What the wallet holds afterwards.
    pub balance_after: Option<Money>,
    /// For programs; of messages their text.
    pub reason: &'a str,
    /// For people.
    pub comment: &'a str,
    /// What it is about, such as a subscription.
    pub reference: Option<&'a str>,
    /// `admin`, `user`, `kernel`, `other`.
    pub actor: &'a str,
    /// `staff_no`, `uid` or 0.
    pub actor_no: i64,
    /// Where from.
    pub actor_address: Option<&'a str>,
    /// When it was written.
    pub created_at: Millis,
}

/// A row.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct StatementRow {
    /// Its number, on the wire `pays` id.
    pub id: StatementId,
    /// Whose it is.
    pub account_id: Option<AccountId>,
    /// The entry that moves the wallet.
    pub entry_id: Option<LedgerEntryId>,
    /// Time of the row.
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
    /// What it is about.
    #[sqlx(rename = "ref")]
    pub reference: Option<String>,
    /// `admin`, `user`, `kernel`, `other`.
    pub actor: String,
    /// `staff_no`, `uid` or 0.
    pub actor_no: i64,
    /// Where from.
    pub actor_address: Option<String>,
    /// The row that stands for it.
    pub folded_into: Option<StatementId>,
    /// When it was written.
    pub created_at: Millis,
}

/// Inserts a row.
pub async fn insert(tx: &mut Tx, row: &NewStatement<'_>) -> Result<StatementId> {
    let id: Option<(StatementId,)> = tx
        .one(
            sql!(
                "INSERT INTO statement (account_id, ledger_account_id, entry_id, at, kind, amount, balance_after, reason, comment, ref, \
                 actor, actor_no, actor_address, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
                 RETURNING id"
            ),
            args![
                row.account_id,
                row.ledger_account_id,
                row.entry_id,
                row.at,
                row.kind,
                row.amount,
                row.balance_after,
                row.reason,
                row.comment,
                row.reference,
                row.actor,
                row.actor_no,
                row.actor_address,
                row.created_at
            ],
        )
        .await?;
    id.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// A row that moved nothing so far becomes the row of an entry: an order that was paid. Gives how many it was.
pub async fn settle(tx: &mut Tx, id: StatementId, row: &NewStatement<'_>) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE statement SET ledger_account_id = $2, entry_id = $3, at = $4, kind = $5, amount = $6, balance_after = $7, \
             reason = $8, comment = $9, actor = $10, actor_no = $11, actor_address = $12 WHERE id = $1 AND entry_id IS NULL"
        ),
        args![
            id,
            row.ledger_account_id,
            row.entry_id,
            row.at,
            row.kind,
            row.amount,
            row.balance_after,
            row.reason,
            row.comment,
            row.actor,
            row.actor_no,
            row.actor_address
        ],
    )
    .await
}

/// Moves a row along its states: a message that was read, an order that failed; gives how many it was.
pub async fn update_kind(tx: &mut Tx, id: StatementId, from: i64, to: i64) -> Result<u64> {
    tx.exec(sql!("UPDATE statement SET kind = $3 WHERE id = $1 AND kind = $2"), args![id, from, to]).await
}

/// Counts the rows of a kind that an account got after a moment.
pub async fn count_after(q: &mut impl Query, account: AccountId, kind: i64, after: Millis) -> Result<i64> {
    let count: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT CAST(COUNT(*) AS BIGINT) AS found FROM statement \
                 WHERE account_id = $1 AND at > $3 AND kind = $2 AND folded_into IS NULL"
            ),
            args![account, kind, after],
        )
        .await?;
    Ok(count.map_or(0, |(count,)| count))
}

/// Has another row stand for this one in what people see.
pub async fn fold(tx: &mut Tx, id: StatementId, into: StatementId) -> Result<u64> {
    tx.exec(sql!("UPDATE statement SET folded_into = $2 WHERE id = $1"), args![id, into]).await
}

/// Finds a row.
pub async fn find(q: &mut impl Query, id: StatementId) -> Result<Option<StatementRow>> {
    q.one(
        sql!(
            "SELECT id, account_id, entry_id, at, kind, amount, balance_after, reason, comment, ref, actor, actor_no, actor_address, \
             folded_into, created_at FROM statement WHERE id = $1"
        ),
        args![id],
    )
    .await
}

/// Lists every row of an account, oldest first: for checks and stories, as it knows no page.
pub async fn list_all(q: &mut impl Query, account: AccountId) -> Result<Vec<StatementRow>> {
    q.all(
        sql!(
            "SELECT id, account_id, entry_id, at, kind, amount, balance_after, reason, comment, ref, actor, actor_no, actor_address, \
             folded_into, created_at FROM statement WHERE account_id = $1 ORDER BY id"
        ),
        args![account],
    )
    .await
}

/// Adds up the rows of an account that are about one thing, and names the last of them.
pub async fn sum_of_reference(
    q: &mut impl Query,
    account: AccountId,
    reference: &str,
) -> Result<(Money, Option<StatementId>)> {
    let found: Option<(Money, Option<StatementId>)> = q
        .one(
            sql!(
                "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) AS total, MAX(id) AS last FROM statement \
                 WHERE account_id = $1 AND ref = $2 AND folded_into IS NULL"
            ),
            args![account, reference],
        )
        .await?;
    Ok(found.unwrap_or((Money::ZERO, None)))
}
