//! Push tokens of subscribers' apps, and the outbox of what is pushed to them (specs/billing.md §5.8, §12).

use gatehouse_model::{AccountId, BillingGroupId, Millis};

use crate::{Query, Result, Tx, args, sql};

/// A token.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct PushTokenRow {
    /// Identity.
    pub id: i64,
    /// Whose app it is.
    pub account_id: AccountId,
    /// The token itself.
    pub token: String,
}

/// Finds a token by its text.
pub async fn find_by_token(q: &mut impl Query, token: &str) -> Result<Option<PushTokenRow>> {
    q.one(sql!("SELECT id, account_id, token FROM push_token WHERE token = $1"), args![token]).await
}

/// Finds a token by its number.
pub async fn find(q: &mut impl Query, id: i64) -> Result<Option<PushTokenRow>> {
    q.one(sql!("SELECT id, account_id, token FROM push_token WHERE id = $1"), args![id]).await
}

/// Inserts a token, or moves it to this account.
pub async fn upsert(tx: &mut Tx, account: AccountId, token: &str, platform: &str, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO push_token (account_id, token, platform, created_at, last_used_at) VALUES ($1, $2, $3, $4, $4) \
             ON CONFLICT (token) DO UPDATE SET account_id = $1, last_used_at = $4"
        ),
        args![account, token, platform, at],
    )
    .await
}

/// Deletes the tokens of an account beyond the `keep` that were used last.
pub async fn delete_beyond(tx: &mut Tx, account: AccountId, keep: i64) -> Result<u64> {
    tx.exec(
        sql!(
            "DELETE FROM push_token WHERE account_id = $1 AND id NOT IN \
             (SELECT id FROM push_token WHERE account_id = $1 ORDER BY last_used_at DESC, id DESC LIMIT $2)"
        ),
        args![account, keep],
    )
    .await
}

/// Deletes a token, if it still has that text.
pub async fn delete(tx: &mut Tx, id: i64, token: &str) -> Result<u64> {
    tx.exec(sql!("DELETE FROM push_token WHERE id = $1 AND token = $2"), args![id, token]).await
}

/// Lists the tokens of an account, the last used first.
pub async fn list(q: &mut impl Query, account: AccountId) -> Result<Vec<PushTokenRow>> {
    q.all(
        sql!("SELECT id, account_id, token FROM push_token WHERE account_id = $1 ORDER BY last_used_at DESC, id DESC"),
        args![account],
    )
    .await
}

/// Queues one message for each token of an account, under the key `EVENT#TOKEN`: once each; gives how many are new.
pub async fn queue(tx: &mut Tx, account: AccountId, event: &str, payload: &str, at: Millis) -> Result<u64> {
    tx.wake_jobs();
    tx.exec(
        sql!(
            "INSERT INTO job (kind, key, payload, run_at, attempts, created_at) \
             SELECT 'push.send', CAST($2 AS TEXT) || '#' || CAST(id AS TEXT), $3, $4, 0, $4 FROM push_token \
             WHERE account_id = $1 ORDER BY id ON CONFLICT DO NOTHING"
        ),
        args![account, event, payload, at],
    )
    .await
}

/// As [`queue`], for every subscriber of a group.
pub async fn queue_group(tx: &mut Tx, group: BillingGroupId, event: &str, payload: &str, at: Millis) -> Result<u64> {
    tx.wake_jobs();
    tx.exec(
        sql!(
            "INSERT INTO job (kind, key, payload, run_at, attempts, created_at) \
             SELECT 'push.send', CAST($2 AS TEXT) || '#' || CAST(t.id AS TEXT), $3, $4, 0, $4 FROM push_token t \
             JOIN subscriber_pass s ON s.account_id = t.account_id \
             WHERE s.billing_group_id = $1 ORDER BY t.id ON CONFLICT DO NOTHING"
        ),
        args![group, event, payload, at],
    )
    .await
}
