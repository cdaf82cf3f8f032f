//! Messages between subscribers and staff: rows of the statement, and who has read those to many (specs/billing.md §5.3).

use gatehouse_model::{AccountId, BillingGroupId, Millis, StatementId};

use crate::{Query, Result, Tx, args, sql};

/// A message as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct MessageRow {
    /// Its number.
    pub id: StatementId,
    /// When it was sent.
    pub at: Millis,
    /// 480, 481, 482, 488, 491 or 492.
    pub kind: i64,
    /// Its text.
    pub text: String,
    /// What staff wrote beside it.
    pub comment: String,
    /// `admin`, `user`, `kernel`, `other`.
    pub actor: String,
    /// When this subscriber read it, of those to many.
    pub read_at: Option<Millis>,
}

/// Lists the messages of a subscriber with those to his group, newest first.
pub async fn list(
    q: &mut impl Query,
    account: AccountId,
    group: BillingGroupId,
    (limit, offset): (i64, i64),
) -> Result<Vec<MessageRow>> {
    q.all(
        sql!(
            "SELECT s.id AS id, s.at AS at, s.kind AS kind, s.reason AS text, s.comment AS comment, s.actor AS actor, \
             CAST(NULL AS BIGINT) AS read_at FROM statement s \
             WHERE s.account_id = $1 AND s.kind >= 480 AND s.kind <= 499 AND s.kind IN (480, 481, 482, 491, 492) \
             UNION ALL SELECT s.id, s.at, s.kind, s.reason, s.comment, s.actor, r.read_at FROM billing_broadcast b \
             JOIN statement s ON s.id = b.statement_id \
             LEFT JOIN billing_broadcast_read r ON r.statement_id = s.id AND r.account_id = $1 WHERE b.billing_group_id = $2 \
             ORDER BY at DESC, id DESC LIMIT $3 OFFSET $4"
        ),
        args![account, group, limit, offset],
    )
    .await
}

/// Counts messages of a subscriber since a moment that nobody has answered.
pub async fn count_unanswered(q: &mut impl Query, account: AccountId, since: Millis) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM statement WHERE account_id = $1 AND at > $2 AND kind >= 480 AND kind <= 499 \
                 AND kind = 491"
            ),
            args![account, since],
        )
        .await?;
    Ok(row.map_or(0, |(n,)| n))
}

/// Finds the message to a subscriber, none: to many, that an author (his word and number) sent under a name since a moment.
pub async fn find_by_key(
    q: &mut impl Query,
    account: Option<AccountId>,
    (actor, actor_no): (&str, i64),
    key: &str,
    since: Millis,
) -> Result<Option<StatementId>> {
    // Whose it is stands there for the index.
    let row: Option<(StatementId,)> = if let Some(account) = account {
        let find = sql!(
            "SELECT id FROM statement WHERE account_id = $1 AND at > $2 AND kind >= 480 AND kind <= 499 AND ref = $3 \
                 AND actor = $4 AND actor_no = $5 ORDER BY id LIMIT 1"
        );
        q.one(find, args![account, since, key, actor, actor_no]).await?
    } else {
        let find = sql!(
            "SELECT id FROM statement WHERE account_id IS NULL AND at > $1 AND kind >= 480 AND kind <= 499 AND ref = $2 \
                 AND actor = $3 AND actor_no = $4 ORDER BY id LIMIT 1"
        );
        q.one(find, args![since, key, actor, actor_no]).await?
    };
    Ok(row.map(|(id,)| id))
}

/// Takes the messages of a subscriber for answered; gives how many.
pub async fn answer_all(tx: &mut Tx, account: AccountId) -> Result<u64> {
    tx.exec(
        sql!("UPDATE statement SET kind = 492 WHERE account_id = $1 AND kind >= 480 AND kind <= 499 AND kind = 491"),
        args![account],
    )
    .await
}

/// Whether a message that blocks access waits to be read.
pub async fn has_unread_blocking(q: &mut impl Query, account: AccountId) -> Result<bool> {
    let row: Option<(i64,)> = q
        .one(sql!("SELECT id FROM statement WHERE account_id = $1 AND kind = 482 ORDER BY id LIMIT 1"), args![account])
        .await?;
    Ok(row.is_some())
}

/// Names a group that a message to many is for.
pub async fn insert_group(tx: &mut Tx, id: StatementId, group: BillingGroupId) -> Result<u64> {
    tx.exec(
        sql!("INSERT INTO billing_broadcast (statement_id, billing_group_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"),
        args![id, group],
    )
    .await
}

/// Whether a message to many is for a group.
pub async fn is_for_group(q: &mut impl Query, id: StatementId, group: BillingGroupId) -> Result<bool> {
    let row: Option<(i64,)> = q
        .one(
            sql!("SELECT statement_id FROM billing_broadcast WHERE statement_id = $1 AND billing_group_id = $2"),
            args![id, group],
        )
        .await?;
    Ok(row.is_some())
}

/// Takes note that a subscriber has read a message to many; gives 0 if he had before.
pub async fn insert_read(tx: &mut Tx, id: StatementId, account: AccountId, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO billing_broadcast_read (statement_id, account_id, read_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
        ),
        args![id, account, at],
    )
    .await
}
