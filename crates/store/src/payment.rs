//! Orders at payment channels and what providers told of them (DESIGN §10.1, specs/billing.md §11).

use gatehouse_model::{AccountId, Millis, Money, PaymentAttemptId, StatementId};

use crate::{Query, Result, Tx, args, sql};

/// An order to insert; its state is `new`.
#[derive(Debug)]
pub struct NewAttempt<'a> {
    /// `fondy`, `liqpay` …
    pub channel: &'a str,
    /// What is paid: `billing` for a subscriber's wallet.
    pub purpose: &'a str,
    /// What it is about; of `billing` the subscriber's number.
    pub reference: &'a str,
    /// Its row of the statement.
    pub statement_id: Option<StatementId>,
    /// Who gets the money.
    pub account_id: AccountId,
    /// ISO 4217.
    pub currency: &'a str,
    /// What he ordered.
    pub amount: Money,
    /// What the provider asks of him.
    pub payable: Money,
    /// Its name at the provider.
    pub order_ref: &'a str,
    /// Until when it can be paid.
    pub expires_at: Millis,
    /// Hash of the caller's idempotency key.
    pub request_key: Option<&'a str>,
    /// Now.
    pub at: Millis,
}

/// An order.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct AttemptRow {
    /// Identity.
    pub id: PaymentAttemptId,
    /// `fondy`, `liqpay` …
    pub channel: String,
    /// What is paid.
    pub purpose: String,
    /// What it is about.
    #[sqlx(rename = "ref")]
    pub reference: String,
    /// Its row of the statement.
    pub statement_id: Option<StatementId>,
    /// Who gets the money.
    pub account_id: AccountId,
    /// ISO 4217.
    pub currency: String,
    /// What he ordered.
    pub amount: Money,
    /// What the provider asks of him.
    pub payable: Money,
    /// `new`, `waiting`, `paid`, `failed`.
    pub state: String,
    /// Its name at the provider.
    pub order_ref: String,
    /// The provider's name of the payment, once paid.
    pub provider_ref: Option<String>,
    /// Page to pay on.
    pub checkout_url: Option<String>,
    /// What the provider has reversed of `payable`.
    pub reversed: Money,
    /// What was taken back of `amount`.
    pub refunded: Money,
    /// Until when it can be paid.
    pub expires_at: Millis,
    /// When it was ordered.
    pub created_at: Millis,
}

/// Inserts an order.
pub async fn insert(tx: &mut Tx, row: &NewAttempt<'_>) -> Result<PaymentAttemptId> {
    let id: Option<(PaymentAttemptId,)> = tx
        .one(
            sql!(
                "INSERT INTO payment_attempt (channel, purpose, ref, statement_id, account_id, currency, amount, payable, state, \
                 order_ref, reversed, refunded, expires_at, request_key, created_at, updated_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'new', $9, 0, 0, $10, $11, $12, $12) RETURNING id"
            ),
            args![
                row.channel,
                row.purpose,
                row.reference,
                row.statement_id,
                row.account_id,
                row.currency,
                row.amount,
                row.payable,
                row.order_ref,
                row.expires_at,
                row.request_key,
                row.at
            ],
        )
        .await?;
    id.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Finds an order.
pub async fn find(q: &mut impl Query, id: PaymentAttemptId) -> Result<Option<AttemptRow>> {
    q.one(
        sql!(
            "SELECT id, channel, purpose, ref, statement_id, account_id, currency, amount, payable, state, order_ref, provider_ref, \
             checkout_url, reversed, refunded, expires_at, created_at FROM payment_attempt WHERE id = $1"
        ),
        args![id],
    )
    .await
}

/// Finds an order by its name at the provider.
pub async fn find_by_order(q: &mut impl Query, channel: &str, order_ref: &str) -> Result<Option<AttemptRow>> {
    q.one(
        sql!(
            "SELECT id, channel, purpose, ref, statement_id, account_id, currency, amount, payable, state, order_ref, provider_ref, \
             checkout_url, reversed, refunded, expires_at, created_at FROM payment_attempt WHERE channel = $1 AND order_ref = $2"
        ),
        args![channel, order_ref],
    )
    .await
}

/// Finds an order by its row of the statement.
pub async fn find_by_statement(q: &mut impl Query, id: StatementId) -> Result<Option<AttemptRow>> {
    q.one(
        sql!(
            "SELECT id, channel, purpose, ref, statement_id, account_id, currency, amount, payable, state, order_ref, provider_ref, \
             checkout_url, reversed, refunded, expires_at, created_at FROM payment_attempt WHERE statement_id = $1 ORDER BY id"
        ),
        args![id],
    )
    .await
}

/// Finds the order that a call under this key made after a moment.
pub async fn find_by_request(
    q: &mut impl Query,
    account: AccountId,
    request_key: &str,
    after: Millis,
) -> Result<Option<AttemptRow>> {
    q.one(
        sql!(
            "SELECT id, channel, purpose, ref, statement_id, account_id, currency, amount, payable, state, order_ref, provider_ref, \
             checkout_url, reversed, refunded, expires_at, created_at FROM payment_attempt \
             WHERE account_id = $1 AND request_key = $2 AND created_at > $3 ORDER BY created_at DESC, id DESC LIMIT 1"
        ),
        args![account, request_key, after],
    )
    .await
}

/// Which order a provider's payment paid.
pub async fn find_by_payment(
    q: &mut impl Query,
    channel: &str,
    provider_ref: &str,
) -> Result<Option<PaymentAttemptId>> {
    let found: Option<(PaymentAttemptId,)> = q
        .one(
            sql!("SELECT id FROM payment_attempt WHERE channel = $1 AND provider_ref = $2"),
            args![channel, provider_ref],
        )
        .await?;
    Ok(found.map(|(id,)| id))
}

/// Counts the orders that an account made after a moment and has not paid.
pub async fn count_unpaid(q: &mut impl Query, account: AccountId, after: Millis) -> Result<i64> {
    let count: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT CAST(COUNT(*) AS BIGINT) AS orders FROM payment_attempt \
                 WHERE account_id = $1 AND created_at > $2 AND state <> 'paid'"
            ),
            args![account, after],
        )
        .await?;
    Ok(count.map_or(0, |(count,)| count))
}

/// Writes where an order is paid.
pub async fn update_checkout_url(tx: &mut Tx, id: PaymentAttemptId, url: &str, at: Millis) -> Result<u64> {
    tx.exec(sql!("UPDATE payment_attempt SET checkout_url = $2, updated_at = $3 WHERE id = $1"), args![id, url, at])
        .await
}

/// Moves an order that is not paid yet to `paid`; gives how many it was: 0, it was paid before.
pub async fn update_paid(tx: &mut Tx, id: PaymentAttemptId, provider_ref: &str, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE payment_attempt SET state = 'paid', provider_ref = $2, updated_at = $3 WHERE id = $1 AND state <> 'paid'"
        ),
        args![id, provider_ref, at],
    )
    .await
}

/// Moves an order that is open (`new`, `waiting`) to another unpaid state; gives how many it was.
pub async fn update_open(tx: &mut Tx, id: PaymentAttemptId, state: &str, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE payment_attempt SET state = $2, updated_at = $3 \
             WHERE id = $1 AND state IN ('new', 'waiting') AND state <> $2"
        ),
        args![id, state, at],
    )
    .await
}

/// Writes how much of an order was reversed in all, and how much of it was taken back. The caller holds the wallet.
pub async fn update_reversed(
    tx: &mut Tx,
    id: PaymentAttemptId,
    reversed: Money,
    refunded: Money,
    at: Millis,
) -> Result<u64> {
    tx.exec(
        sql!("UPDATE payment_attempt SET reversed = $2, refunded = $3, updated_at = $4 WHERE id = $1"),
        args![id, reversed, refunded, at],
    )
    .await
}

/// Takes the right to ask the provider for a reversal until a moment; false: somebody else has it.
pub async fn claim_reversal(tx: &mut Tx, id: PaymentAttemptId, now: Millis, until: Millis) -> Result<bool> {
    let taken = tx
        .exec(
            sql!(
                "UPDATE payment_attempt SET reversing_until = $3 \
                 WHERE id = $1 AND (reversing_until IS NULL OR reversing_until <= $2)"
            ),
            args![id, now, until],
        )
        .await?;
    Ok(taken == 1)
}

/// Gives that right back.
pub async fn release_reversal(tx: &mut Tx, id: PaymentAttemptId, until: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE payment_attempt SET reversing_until = NULL WHERE id = $1 AND reversing_until = $2"),
        args![id, until],
    )
    .await
}

/// Something a provider told.
#[derive(Debug)]
pub struct NewNotice<'a> {
    /// Of which order.
    pub attempt: PaymentAttemptId,
    /// `fondy`, `liqpay` …
    pub channel: &'a str,
    /// The provider's name of the payment.
    pub provider_ref: &'a str,
    /// In the provider's word.
    pub status: &'a str,
    /// Of a reversal what was reversed in all, else the sum.
    pub amount: Money,
    /// `credited`, `reversed`, `noted`, `stale`.
    pub verdict: &'a str,
    /// When.
    pub at: Millis,
}

/// Inserts what a provider told; what it told before stays as it is.
pub async fn insert_notice(tx: &mut Tx, row: &NewNotice<'_>) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO payment_notice (payment_attempt_id, channel, provider_ref, status, amount, verdict, at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (channel, provider_ref, status, amount) DO NOTHING"
        ),
        args![row.attempt, row.channel, row.provider_ref, row.status, row.amount, row.verdict, row.at],
    )
    .await
}

/// Lists what a provider told of an order, oldest first: status, amount, verdict.
pub async fn list_notices(q: &mut impl Query, attempt: PaymentAttemptId) -> Result<Vec<(String, Money, String)>> {
    q.all(
        sql!("SELECT status, amount, verdict FROM payment_notice WHERE payment_attempt_id = $1 ORDER BY id"),
        args![attempt],
    )
    .await
}
