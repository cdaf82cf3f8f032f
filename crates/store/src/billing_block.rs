//! Rows that keep a subscriber from ordering (450), writing (451) or taking credit (452) (specs/billing.md §6.3).

use gatehouse_model::{AccountId, StatementId};

use crate::{Query, Result, args, sql};

/// A block in force.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct BlockRow {
    /// Its row of the statement.
    pub id: StatementId,
    /// What it keeps him from.
    pub kind: i64,
    /// What he is told.
    pub comment: String,
}

/// Finds the newest block of a kind that is in force.
pub async fn find(q: &mut impl Query, account: AccountId, kind: i64) -> Result<Option<BlockRow>> {
    // The numbers stand there for the index; installations may block credit by a number of their own.
    let found = if (450..=459).contains(&kind) {
        sql!(
            "SELECT id, kind, comment FROM statement WHERE account_id = $1 AND kind >= 450 AND kind <= 459 AND kind = $2 \
             AND folded_into IS NULL ORDER BY id DESC LIMIT 1"
        )
    } else {
        sql!(
            "SELECT id, kind, comment FROM statement WHERE account_id = $1 AND kind = $2 AND folded_into IS NULL \
             ORDER BY id DESC LIMIT 1"
        )
    };
    q.one(found, args![account, kind]).await
}

/// Lists every block of a kind that is in force: an import may bring several.
pub async fn list(q: &mut impl Query, account: AccountId, kind: i64) -> Result<Vec<BlockRow>> {
    q.all(
        sql!(
            "SELECT id, kind, comment FROM statement WHERE account_id = $1 AND kind = $2 AND folded_into IS NULL ORDER BY id"
        ),
        args![account, kind],
    )
    .await
}
