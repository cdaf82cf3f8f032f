//! Scratch cards: their codes are known by keyed hashes only (specs/billing.md §5.10).

use gatehouse_model::{AccountId, Millis, Money};

use crate::{Query, Result, Tx, args, sql};

/// A row of `scratch_card`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ScratchCardRow {
    /// Identity.
    pub id: i64,
    /// What it was printed with.
    pub series: String,
    /// What it is worth.
    pub amount: Money,
    /// ISO 4217.
    pub currency: String,
    /// When it was used.
    pub used_at: Option<Millis>,
    /// By whom.
    pub used_by: Option<AccountId>,
}

/// Finds a card by the keyed hash of its code.
pub async fn find(q: &mut impl Query, code_hash: &str) -> Result<Option<ScratchCardRow>> {
    q.one(
        sql!("SELECT id, series, amount, currency, used_at, used_by FROM scratch_card WHERE code_hash = $1"),
        args![code_hash],
    )
    .await
}

/// Inserts a card. `Conflict scratch_card_code_hash_key`: the code is another's.
pub async fn insert(
    tx: &mut Tx,
    code_hash: &str,
    series: &str,
    (amount, currency): (Money, &str),
    at: Millis,
) -> Result<u64> {
    tx.exec(
        sql!("INSERT INTO scratch_card (code_hash, series, amount, currency, created_at) VALUES ($1, $2, $3, $4, $5)"),
        args![code_hash, series, amount, currency, at],
    )
    .await
}

/// Writes series and worth of a card that was not used; 0: it was.
pub async fn update(tx: &mut Tx, id: i64, series: &str, (amount, currency): (Money, &str)) -> Result<u64> {
    tx.exec(
        sql!("UPDATE scratch_card SET series = $2, amount = $3, currency = $4 WHERE id = $1 AND used_at IS NULL"),
        args![id, series, amount, currency],
    )
    .await
}

/// Deletes a card that was not used; 0: it was.
pub async fn delete(tx: &mut Tx, id: i64) -> Result<u64> {
    tx.exec(sql!("DELETE FROM scratch_card WHERE id = $1 AND used_at IS NULL"), args![id]).await
}

/// Notes that a card is used; 0: it was already.
pub async fn redeem(tx: &mut Tx, id: i64, account: AccountId, at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE scratch_card SET used_at = $3, used_by = $2 WHERE id = $1 AND used_at IS NULL"),
        args![id, account, at],
    )
    .await
}
