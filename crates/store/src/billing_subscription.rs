//! Services that subscribers have, and the periods of them that were begun (specs/billing.md §8).

use gatehouse_model::{AccountId, BillingServiceId, BillingSubscriptionId, Millis, Money, StatementId};
use serde::Deserialize;

use crate::{Query, Result, Tx, args, json, sql};

/// A row of `billing_subscription`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SubscriptionRow {
    /// Its number, on the wire `usr_service_id`.
    pub id: BillingSubscriptionId,
    /// Whose it is.
    pub account_id: AccountId,
    /// What it is now, of one that stopped: what it was.
    pub billing_service_id: BillingServiceId,
    /// What follows the period; while another service stands in for want of money: what follows the ordered one.
    pub next_service_id: Option<BillingServiceId>,
    /// What it shall be as soon as there is money.
    pub ordered_service_id: Option<BillingServiceId>,
    /// `active`, `stopped`, `ended`.
    pub state: String,
    /// Start of the period.
    pub start_at: Millis,
    /// Its end; none: endless.
    pub end_at: Option<Millis>,
    /// The moment whose day of the month and time of day later periods keep.
    pub anchor_at: Millis,
    /// What was left of the period when it was frozen, milliseconds; 0 of an endless one.
    pub frozen_left: Option<i64>,
    /// The row of the period's charge.
    pub charge_id: Option<StatementId>,
    /// How often it was renewed.
    pub finish_count: i64,
    /// When a next service was ordered last.
    pub next_set_at: Option<Millis>,
}

/// What an insert needs.
#[derive(Debug)]
pub struct NewSubscription {
    /// Whose it is.
    pub account_id: AccountId,
    /// What it is.
    pub billing_service_id: BillingServiceId,
    /// What follows.
    pub next_service_id: Option<BillingServiceId>,
    /// `active`; `ended` of what is charged once.
    pub state: &'static str,
    /// Start of the period.
    pub start_at: Millis,
    /// Its end; none: endless.
    pub end_at: Option<Millis>,
}

/// A period that was begun.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub struct PeriodRow {
    /// Of which subscription.
    pub billing_subscription_id: BillingSubscriptionId,
    /// Start.
    pub start_at: Millis,
    /// End as it was when it began; none: endless.
    pub end_at: Option<Millis>,
    /// Of which service.
    pub billing_service_id: BillingServiceId,
    /// What was charged; negative: given.
    pub amount: Money,
    /// What of it was given back.
    pub refunded: Money,
    /// The row of the charge.
    pub statement_id: Option<StatementId>,
}

/// Inserts a subscription.
pub async fn insert(tx: &mut Tx, row: &NewSubscription, at: Millis) -> Result<BillingSubscriptionId> {
    let id: Option<(BillingSubscriptionId,)> = tx
        .one(
            sql!(
                "INSERT INTO billing_subscription (account_id, billing_service_id, next_service_id, state, start_at, end_at, \
                 anchor_at, finish_count, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $5, 0, $7, $7) RETURNING id"
            ),
            args![
                row.account_id,
                row.billing_service_id,
                row.next_service_id,
                row.state,
                row.start_at,
                row.end_at,
                at
            ],
        )
        .await?;
    id.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Finds a subscription and locks it. Taken after the owner's wallet.
pub async fn lock(tx: &mut Tx, id: BillingSubscriptionId) -> Result<Option<SubscriptionRow>> {
    tx.one(
        sql! {
            sqlite: "SELECT s.* FROM billing_subscription s WHERE s.id = $1",
            postgres: "SELECT s.* FROM billing_subscription s WHERE s.id = $1 FOR UPDATE"
        },
        args![id],
    )
    .await
}

/// Lists what a subscriber has, or shall have again when there is money: not what ended.
pub async fn list_of(q: &mut impl Query, account: AccountId) -> Result<Vec<SubscriptionRow>> {
    q.all(
        sql!(
            "SELECT s.* FROM billing_subscription s WHERE s.account_id = $1 AND s.state IN ('active', 'stopped') ORDER BY s.id"
        ),
        args![account],
    )
    .await
}

/// Lists what a subscriber shall have again when there is money.
pub async fn list_waiting(q: &mut impl Query, account: AccountId) -> Result<Vec<BillingSubscriptionId>> {
    let ids: Vec<(BillingSubscriptionId,)> = q
        .all(
            sql!(
                "SELECT id FROM billing_subscription WHERE account_id = $1 AND state IN ('active', 'stopped') \
                 AND ordered_service_id IS NOT NULL AND frozen_left IS NULL ORDER BY id"
            ),
            args![account],
        )
        .await?;
    Ok(ids.into_iter().map(|(id,)| id).collect())
}

/// Whether a subscriber ordered a service that is charged once after a moment.
pub async fn has_ordered_once(
    q: &mut impl Query,
    account: AccountId,
    service: BillingServiceId,
    after: Millis,
) -> Result<bool> {
    let found: Option<(BillingSubscriptionId,)> = q
        .one(
            sql!(
                "SELECT id FROM billing_subscription WHERE account_id = $1 AND state = 'ended' AND billing_service_id = $2 \
                 AND start_at > $3 AND end_at = start_at LIMIT 1"
            ),
            args![account, service, after],
        )
        .await?;
    Ok(found.is_some())
}

/// Lists subscriptions whose period has ended, the longest ended first, at most `limit`: number and owner.
pub async fn list_due(q: &mut impl Query, now: Millis, limit: i64) -> Result<Vec<(BillingSubscriptionId, AccountId)>> {
    q.all(
        sql!(
            "SELECT id, account_id FROM billing_subscription WHERE state = 'active' AND frozen_left IS NULL AND end_at IS NOT NULL \
             AND end_at <= $1 AND (rest_until IS NULL OR rest_until <= $1) ORDER BY end_at, id LIMIT $2"
        ),
        args![now, limit],
    )
    .await
}

/// Lists subscriptions that something follows and whose period ends after now and not after `until`, not looked at yet, the next ends
/// first, at most `limit`: number and owner.
pub async fn list_ending(
    q: &mut impl Query,
    (now, until): (Millis, Millis),
    limit: i64,
) -> Result<Vec<(BillingSubscriptionId, AccountId)>> {
    q.all(
        sql!(
            "SELECT id, account_id FROM billing_subscription WHERE state = 'active' AND frozen_left IS NULL AND end_at IS NOT NULL \
             AND end_at > $1 AND end_at <= $2 AND (foreseen_at IS NULL OR foreseen_at <> end_at) \
             AND (next_service_id IS NOT NULL OR ordered_service_id IS NOT NULL) ORDER BY end_at, id LIMIT $3"
        ),
        args![now, until, limit],
    )
    .await
}

/// Notes that the end of a subscription's period was looked at; gives how many it was.
pub async fn update_foreseen(tx: &mut Tx, id: BillingSubscriptionId, end_at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE billing_subscription SET foreseen_at = $2 WHERE id = $1 AND (foreseen_at IS NULL OR foreseen_at <> $2)"),
        args![id, end_at],
    )
    .await
}

/// What [`begin`] writes.
#[derive(Debug)]
pub struct Begun {
    /// What the subscription is from now on.
    pub billing_service_id: BillingServiceId,
    /// What follows.
    pub next_service_id: Option<BillingServiceId>,
    /// What it shall be as soon as there is money.
    pub ordered_service_id: Option<BillingServiceId>,
    /// Start of the period.
    pub start_at: Millis,
    /// Its end; none: endless.
    pub end_at: Option<Millis>,
    /// What later periods keep the day of.
    pub anchor_at: Millis,
    /// The row of the charge.
    pub charge_id: Option<StatementId>,
    /// `active`; `ended` of what is charged once.
    pub state: &'static str,
}

/// Begins another period of a subscription.
pub async fn begin(tx: &mut Tx, id: BillingSubscriptionId, row: &Begun, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE billing_subscription SET billing_service_id = $2, next_service_id = $3, ordered_service_id = $4, start_at = $5, \
             end_at = $6, anchor_at = $7, charge_id = $8, state = $9, finish_count = finish_count + 1, rest_until = NULL, \
             updated_at = $10 WHERE id = $1"
        ),
        args![
            id,
            row.billing_service_id,
            row.next_service_id,
            row.ordered_service_id,
            row.start_at,
            row.end_at,
            row.anchor_at,
            row.charge_id,
            row.state,
            at
        ],
    )
    .await
}

/// Notes the row of a subscription's first charge.
pub async fn update_charge(tx: &mut Tx, id: BillingSubscriptionId, charge: Option<StatementId>) -> Result<u64> {
    tx.exec(sql!("UPDATE billing_subscription SET charge_id = $2 WHERE id = $1"), args![id, charge]).await
}

/// Ends a subscription.
pub async fn end(tx: &mut Tx, id: BillingSubscriptionId, end_at: Option<Millis>, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE billing_subscription SET state = 'ended', end_at = $2, next_service_id = NULL, ordered_service_id = NULL, \
             frozen_left = NULL, rest_until = NULL, updated_at = $3 WHERE id = $1"
        ),
        args![id, end_at, at],
    )
    .await
}

/// Stops a subscription until there is money for a service, and says what follows that one.
pub async fn stop(
    tx: &mut Tx,
    id: BillingSubscriptionId,
    ordered: BillingServiceId,
    next: Option<BillingServiceId>,
    at: Millis,
) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE billing_subscription SET state = 'stopped', ordered_service_id = $2, next_service_id = $3, rest_until = NULL, \
             updated_at = $4 WHERE id = $1"
        ),
        args![id, ordered, next, at],
    )
    .await
}

/// Writes what follows.
pub async fn update_next(
    tx: &mut Tx,
    id: BillingSubscriptionId,
    ordered: Option<BillingServiceId>,
    next: Option<BillingServiceId>,
    at: Millis,
) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE billing_subscription SET ordered_service_id = $2, next_service_id = $3, next_set_at = $4, updated_at = $4 \
             WHERE id = $1"
        ),
        args![id, ordered, next, at],
    )
    .await
}

/// Freezes a subscription with this much left, or, with nothing said, lets it go on until an end.
pub async fn update_frozen(
    tx: &mut Tx,
    id: BillingSubscriptionId,
    left: Option<i64>,
    end_at: Option<Millis>,
    at: Millis,
) -> Result<u64> {
    tx.exec(
        sql!("UPDATE billing_subscription SET frozen_left = $2, end_at = $3, updated_at = $4 WHERE id = $1"),
        args![id, left, end_at, at],
    )
    .await
}

/// Lets a subscription rest until a moment, after a fault of ours.
pub async fn update_rest(tx: &mut Tx, id: BillingSubscriptionId, until: Millis) -> Result<u64> {
    tx.exec(sql!("UPDATE billing_subscription SET rest_until = $2 WHERE id = $1"), args![id, until]).await
}

/// Inserts a period. Errors: `Conflict` when it was begun already.
pub async fn insert_period(tx: &mut Tx, row: &PeriodRow) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO billing_period (billing_subscription_id, start_at, end_at, billing_service_id, amount, refunded, statement_id) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)"
        ),
        args![
            row.billing_subscription_id,
            row.start_at,
            row.end_at,
            row.billing_service_id,
            row.amount,
            row.refunded,
            row.statement_id
        ],
    )
    .await
}

/// Finds a period.
pub async fn find_period(q: &mut impl Query, id: BillingSubscriptionId, start_at: Millis) -> Result<Option<PeriodRow>> {
    q.one(
        sql!("SELECT p.* FROM billing_period p WHERE p.billing_subscription_id = $1 AND p.start_at = $2"),
        args![id, start_at],
    )
    .await
}

/// Lists the periods of a subscription, oldest first, at most `limit`.
pub async fn list_periods(q: &mut impl Query, id: BillingSubscriptionId, limit: i64) -> Result<Vec<PeriodRow>> {
    q.all(
        sql!("SELECT p.* FROM billing_period p WHERE p.billing_subscription_id = $1 ORDER BY p.start_at LIMIT $2"),
        args![id, limit],
    )
    .await
}

/// Notes what was given back of a period's charge.
pub async fn update_refunded(tx: &mut Tx, id: BillingSubscriptionId, start_at: Millis, refunded: Money) -> Result<u64> {
    tx.exec(
        sql!("UPDATE billing_period SET refunded = $3 WHERE billing_subscription_id = $1 AND start_at = $2"),
        args![id, start_at, refunded],
    )
    .await
}

/// Whether an account has or had a subscription of this name in the state file.
pub async fn has_key(q: &mut impl Query, account: AccountId, key: &str) -> Result<bool> {
    let found: Option<(BillingSubscriptionId,)> = q
        .one(
            sql!("SELECT id FROM billing_subscription WHERE account_id = $1 AND key = $2 ORDER BY id LIMIT 1"),
            args![account, key],
        )
        .await?;
    Ok(found.is_some())
}

/// Names a subscription in the state file.
pub async fn update_key(tx: &mut Tx, id: BillingSubscriptionId, key: &str) -> Result<u64> {
    tx.exec(sql!("UPDATE billing_subscription SET key = $2 WHERE id = $1"), args![id, key]).await
}

/// A subscription as people see it, with its service and the one that follows.
#[derive(Debug, Clone, sqlx::FromRow, Deserialize)]
pub struct ShownRow {
    /// Its number.
    pub id: BillingSubscriptionId,
    /// Whose it is.
    pub account_id: AccountId,
    /// His number.
    pub uid: i64,
    /// His discount, percent.
    pub discount: i64,
    /// `active`, `stopped`.
    pub state: String,
    /// What it is.
    pub billing_service_id: BillingServiceId,
    /// What follows.
    pub following_service_id: Option<BillingServiceId>,
    /// What it shall be as soon as there is money.
    pub ordered_service_id: Option<BillingServiceId>,
    /// Start of the period.
    pub start_at: Millis,
    /// Its end; none: endless.
    pub end_at: Option<Millis>,
    /// What was left of it when it was frozen, milliseconds.
    pub frozen_left: Option<i64>,
    /// The row of its charge.
    pub charge_id: Option<StatementId>,
    /// How often it was renewed.
    pub finish_count: i64,
    /// When a next service was ordered last.
    pub next_set_at: Option<Millis>,
    /// Of the service.
    pub module: String,
    /// Of the service.
    pub category: String,
    /// Of the service.
    pub title: String,
    /// Of the service.
    pub description: String,
    /// Of the service.
    pub price: Money,
    /// Of the service.
    #[serde(deserialize_with = "json::flag")]
    pub is_auto_renew: bool,
    /// Of the service.
    #[serde(deserialize_with = "json::flag")]
    pub is_no_renew: bool,
    /// Of the service, between commas.
    pub tags: String,
    /// The groups that may have it, between commas; none: no group.
    pub groups: Option<String>,
    /// Of what follows.
    pub next_title: Option<String>,
    /// Of what follows.
    pub next_price: Option<Money>,
    /// Of what follows.
    pub next_period_mode: Option<String>,
    /// Of what follows.
    pub next_period_seconds: Option<i64>,
    /// Of what follows.
    #[serde(deserialize_with = "json::optional_flag")]
    pub next_is_discountable: Option<bool>,
    /// The row that blocks the subscriber from ordering.
    pub no_ordering_id: Option<StatementId>,
}

/// Lists what the subscribers with numbers above `after`, up to and with `to`, have or shall have again when there is money, in the
/// order of their numbers.
pub async fn list_shown(q: &mut impl Query, after: i64, to: i64) -> Result<Vec<ShownRow>> {
    q.all(
        sql! {
            sqlite: "SELECT s.id, s.account_id, p.uid, p.discount, s.state, s.billing_service_id, s.ordered_service_id, \
                     COALESCE(s.ordered_service_id, s.next_service_id) AS following_service_id, s.start_at, s.end_at, s.frozen_left, \
                     s.charge_id, s.finish_count, s.next_set_at, v.module, v.category, v.title, v.description, v.price, \
                     v.is_auto_renew, v.is_no_renew, v.tags, \
                     (SELECT group_concat(g.billing_group_id, ',' ORDER BY g.billing_group_id) FROM billing_service_group g \
                     WHERE g.billing_service_id = v.id) AS groups, \
                     n.title AS next_title, n.price AS next_price, n.period_mode AS next_period_mode, \
                     n.period_seconds AS next_period_seconds, n.is_discountable AS next_is_discountable, \
                     (SELECT MAX(b.id) FROM statement b WHERE b.account_id = s.account_id AND b.kind = 450 AND b.kind >= 450 AND b.kind <= 459 \
                     AND b.folded_into IS NULL) AS no_ordering_id \
                     FROM subscriber_pass p JOIN billing_subscription s ON s.account_id = p.account_id AND s.state IN ('active', 'stopped') \
                     JOIN billing_service v ON v.id = s.billing_service_id \
                     LEFT JOIN billing_service n ON n.id = COALESCE(s.ordered_service_id, s.next_service_id) \
                     WHERE p.uid > $1 AND p.uid <= $2 ORDER BY p.uid, s.id",
            postgres: "SELECT s.id, s.account_id, p.uid, p.discount, s.state, s.billing_service_id, s.ordered_service_id, \
                       COALESCE(s.ordered_service_id, s.next_service_id) AS following_service_id, s.start_at, s.end_at, s.frozen_left, \
                       s.charge_id, s.finish_count, s.next_set_at, v.module, v.category, v.title, v.description, v.price, \
                       v.is_auto_renew, v.is_no_renew, v.tags, \
                       (SELECT string_agg(CAST(g.billing_group_id AS TEXT), ',' ORDER BY g.billing_group_id) \
                       FROM billing_service_group g WHERE g.billing_service_id = v.id) AS groups, \
                       n.title AS next_title, n.price AS next_price, n.period_mode AS next_period_mode, \
                       n.period_seconds AS next_period_seconds, n.is_discountable AS next_is_discountable, \
                       (SELECT MAX(b.id) FROM statement b WHERE b.account_id = s.account_id AND b.kind = 450 AND b.kind >= 450 AND b.kind <= 459 \
                       AND b.folded_into IS NULL) AS no_ordering_id \
                       FROM subscriber_pass p JOIN billing_subscription s ON s.account_id = p.account_id AND s.state IN ('active', 'stopped') \
                       JOIN billing_service v ON v.id = s.billing_service_id \
                       LEFT JOIN billing_service n ON n.id = COALESCE(s.ordered_service_id, s.next_service_id) \
                       WHERE p.uid > $1 AND p.uid <= $2 ORDER BY p.uid, s.id"
        },
        args![after, to],
    )
    .await
}

/// Finds the subscription of an account that was made under a name since a moment, and the row of its charge.
pub async fn find_by_key(
    q: &mut impl Query,
    account: AccountId,
    key: &str,
    since: Millis,
) -> Result<Option<(BillingSubscriptionId, Option<StatementId>)>> {
    q.one(
        sql!(
            "SELECT id, charge_id FROM billing_subscription WHERE account_id = $1 AND key = $2 AND created_at > $3 \
             ORDER BY id LIMIT 1"
        ),
        args![account, key, since],
    )
    .await
}
