//! Whom to tell that a service ends for want of money (specs/billing.md §12).

use gatehouse_model::{AccountId, BillingSubscriptionId, Millis};

use crate::{Query, Result, Tx, args, sql};

/// A subscription that something follows, a day or less before its end.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct EndingRow {
    /// The subscription.
    pub id: BillingSubscriptionId,
    /// Whose it is.
    pub account_id: AccountId,
    /// When its period ends.
    pub end_at: Millis,
    /// The title of its service.
    pub title: String,
}

/// Lists subscriptions that something follows, that end in `(after, until]`, whose periods are longer than `longer` milliseconds, and
/// whose end nobody has looked at; by their end, at most `limit`.
pub async fn list(
    q: &mut impl Query,
    (after, until): (Millis, Millis),
    longer: i64,
    limit: i64,
) -> Result<Vec<EndingRow>> {
    q.all(
        sql!(
            "SELECT s.id, s.account_id, s.end_at, v.title FROM billing_subscription s \
             JOIN billing_service v ON v.id = s.billing_service_id \
             WHERE s.state = 'active' AND s.frozen_left IS NULL AND s.end_at IS NOT NULL AND s.end_at > $1 AND s.end_at <= $2 \
             AND s.end_at - s.start_at > $3 AND s.next_service_id IS NOT NULL \
             AND (s.reminded_end_at IS NULL OR s.reminded_end_at <> s.end_at) ORDER BY s.end_at, s.id LIMIT $4"
        ),
        args![after, until, longer, limit],
    )
    .await
}

/// Notes that somebody looked at an end; 0: it was done before, or the subscription ends at another time now.
pub async fn update(tx: &mut Tx, id: BillingSubscriptionId, end_at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE billing_subscription SET reminded_end_at = end_at WHERE id = $1 AND end_at = $2 AND state = 'active' \
             AND (reminded_end_at IS NULL OR reminded_end_at <> end_at)"
        ),
        args![id, end_at],
    )
    .await
}
