//! The ledger: double entry, append-only (DESIGN §10.1). Only `domain::ledger` writes it.

use gatehouse_model::{AccountId, LedgerAccountId, LedgerEntryId, Millis, Money, StatementId};

use crate::{Query, Result, Tx, args, sql};

/// What names an account of the ledger.
#[derive(Debug, Clone, Copy)]
pub struct AccountKey<'a> {
    /// `wallet`, `revenue`, `clearing` …
    pub kind: &'a str,
    /// ISO 4217.
    pub currency: &'a str,
    /// Whose it is; 0: the house's.
    pub owner: i64,
    /// Which of several of this kind.
    pub reference: &'a str,
}

/// Finds an account without locking it: its number and what it holds.
pub async fn find_account(q: &mut impl Query, key: AccountKey<'_>) -> Result<Option<(LedgerAccountId, Money)>> {
    q.one(
        sql!("SELECT id, balance FROM ledger_account WHERE kind = $1 AND currency = $2 AND owner_id = $3 AND ref = $4"),
        args![key.kind, key.currency, key.owner, key.reference],
    )
    .await
}

/// Finds an account, made if there is none, and locks its row: whoever decides about its money waits for whoever does.
pub async fn lock_account(tx: &mut Tx, key: AccountKey<'_>, at: Millis) -> Result<(LedgerAccountId, Money)> {
    let lock = sql! {
        sqlite: "SELECT id, balance FROM ledger_account WHERE kind = $1 AND currency = $2 AND owner_id = $3 AND ref = $4",
        postgres: "SELECT id, balance FROM ledger_account WHERE kind = $1 AND currency = $2 AND owner_id = $3 AND ref = $4 FOR UPDATE"
    };
    if let Some(found) = tx.one(lock, args![key.kind, key.currency, key.owner, key.reference]).await? {
        return Ok(found);
    }
    insert_account(tx, key, at).await?;
    let found = tx.one(lock, args![key.kind, key.currency, key.owner, key.reference]).await?;
    found.ok_or_else(crate::Error::missing_row)
}

/// Inserts an account unless it is there.
pub async fn insert_account(tx: &mut Tx, key: AccountKey<'_>, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO ledger_account (kind, currency, owner_id, ref, balance, created_at) VALUES ($1, $2, $3, $4, 0, $5) \
             ON CONFLICT DO NOTHING"
        ),
        args![key.kind, key.currency, key.owner, key.reference, at],
    )
    .await
}

/// Inserts an entry; none: its event has been entered already.
pub async fn insert_entry(
    tx: &mut Tx,
    key: &str,
    at: Millis,
    reason: &str,
    actor: &str,
) -> Result<Option<LedgerEntryId>> {
    let id: Option<(LedgerEntryId,)> = tx
        .one(
            sql!(
                "INSERT INTO ledger_entry (key, at, reason, actor) VALUES ($1, $2, $3, $4) ON CONFLICT (key) DO NOTHING RETURNING id"
            ),
            args![key, at, reason, actor],
        )
        .await?;
    Ok(id.map(|(id,)| id))
}

/// Whether an event has been entered.
pub async fn has_entry(q: &mut impl Query, key: &str) -> Result<bool> {
    let found: Option<(i64,)> = q.one(sql!("SELECT id FROM ledger_entry WHERE key = $1"), args![key]).await?;
    Ok(found.is_some())
}

/// Finds the row of the statement that an event wrote for an account.
pub async fn find_row(q: &mut impl Query, key: &str, account: AccountId) -> Result<Option<StatementId>> {
    let row: Option<(StatementId,)> = q
        .one(
            sql!(
                "SELECT s.id FROM ledger_entry e JOIN statement s ON s.entry_id = e.id WHERE e.key = $1 AND s.account_id = $2 \
                 ORDER BY s.id LIMIT 1"
            ),
            args![key, account],
        )
        .await?;
    Ok(row.map(|(id,)| id))
}

/// Inserts a posting.
pub async fn insert_posting(tx: &mut Tx, entry: LedgerEntryId, account: LedgerAccountId, amount: Money) -> Result<u64> {
    tx.exec(
        sql!("INSERT INTO ledger_posting (entry_id, ledger_account_id, amount) VALUES ($1, $2, $3)"),
        args![entry, account, amount],
    )
    .await
}

/// Adds to what an owned account holds; gives what it holds then.
pub async fn add_balance(tx: &mut Tx, account: LedgerAccountId, amount: Money) -> Result<Money> {
    let balance: Option<(Money,)> = tx
        .one(
            sql!("UPDATE ledger_account SET balance = balance + $2 WHERE id = $1 RETURNING balance"),
            args![account, amount],
        )
        .await?;
    balance.map(|(balance,)| balance).ok_or_else(crate::Error::missing_row)
}

/// Lists entries whose postings do not add up to nothing in some currency, at most `limit`: key, currency, sum.
pub async fn list_unbalanced(q: &mut impl Query, limit: i64) -> Result<Vec<(String, String, i64)>> {
    q.all(
        sql!(
            "SELECT e.key, a.currency, CAST(SUM(p.amount) AS BIGINT) AS total FROM ledger_posting p \
             JOIN ledger_account a ON a.id = p.ledger_account_id JOIN ledger_entry e ON e.id = p.entry_id \
             GROUP BY e.id, e.key, a.currency HAVING SUM(p.amount) <> 0 ORDER BY e.key, a.currency LIMIT $1"
        ),
        args![limit],
    )
    .await
}

/// Lists owned accounts that hold something else than their postings add up to, at most `limit`: kind, currency, owner, held,
/// posted.
pub async fn list_astray(q: &mut impl Query, limit: i64) -> Result<Vec<(String, String, i64, i64, i64)>> {
    q.all(
        sql!(
            "SELECT a.kind, a.currency, a.owner_id, a.balance, CAST(COALESCE(p.total, 0) AS BIGINT) AS posted FROM ledger_account a \
             LEFT JOIN (SELECT ledger_account_id, SUM(amount) AS total FROM ledger_posting GROUP BY ledger_account_id) p \
             ON p.ledger_account_id = a.id WHERE a.owner_id <> 0 AND a.balance <> COALESCE(p.total, 0) ORDER BY a.id LIMIT $1"
        ),
        args![limit],
    )
    .await
}

/// Lists wallets whose statement does not add up to what they hold, at most `limit`: currency, owner, held, stated.
pub async fn list_misstated(q: &mut impl Query, limit: i64) -> Result<Vec<(String, i64, i64, i64)>> {
    q.all(
        sql!(
            "SELECT a.currency, a.owner_id, a.balance, CAST(COALESCE(s.total, 0) AS BIGINT) AS stated FROM ledger_account a \
             LEFT JOIN (SELECT ledger_account_id, SUM(amount) AS total FROM statement WHERE ledger_account_id IS NOT NULL \
             GROUP BY ledger_account_id) s ON s.ledger_account_id = a.id \
             WHERE a.kind = 'wallet' AND a.balance <> COALESCE(s.total, 0) ORDER BY a.id LIMIT $1"
        ),
        args![limit],
    )
    .await
}

/// Lists what the house's accounts hold: kind, currency, ref, sum of postings.
pub async fn list_house(q: &mut impl Query) -> Result<Vec<(String, String, String, i64)>> {
    q.all(
        sql!(
            "SELECT a.kind, a.currency, a.ref, CAST(COALESCE(SUM(p.amount), 0) AS BIGINT) AS total FROM ledger_account a \
             LEFT JOIN ledger_posting p ON p.ledger_account_id = a.id WHERE a.owner_id = 0 GROUP BY a.id, a.kind, a.currency, a.ref \
             ORDER BY a.kind, a.currency, a.ref"
        ),
        args![],
    )
    .await
}
