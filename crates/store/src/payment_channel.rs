//! Ways to pay at the panel: drivers with the credentials of a merchant.

use gatehouse_model::{Millis, Money, PaymentChannelId};

use crate::{Query, Result, Tx, args, sql};

/// A row of `payment_channel`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct PaymentChannelRow {
    /// Identity.
    pub id: PaymentChannelId,
    /// Public name, in addresses of notices.
    pub uuid: String,
    /// Natural key of the state file.
    pub key: Option<String>,
    /// Its driver.
    pub driver: String,
    /// What payers read.
    pub name: String,
    /// Picture.
    pub icon: Option<String>,
    /// What the driver must know, sealed JSON.
    pub config_sealed: String,
    /// Base of addresses of notices, where it is not the panel's.
    pub notify_domain: Option<String>,
    /// Added to every sum.
    pub fee_fixed: Option<Money>,
    /// Hundredths of a percent, added to every sum.
    pub fee_percent: Option<i64>,
    /// Whether it is offered.
    pub is_enabled: bool,
    /// Position.
    pub sort: Option<i64>,
    /// Row part of the associated data.
    pub seal_ref: String,
    /// Since when.
    pub created_at: Millis,
    /// Last change.
    pub updated_at: Millis,
}

/// What staff write.
#[derive(Debug)]
pub struct PaymentChannelFields<'a> {
    /// What payers read.
    pub name: &'a str,
    /// Picture.
    pub icon: Option<&'a str>,
    /// Sealed JSON.
    pub config_sealed: &'a str,
    /// Base of addresses of notices.
    pub notify_domain: Option<&'a str>,
    /// Added to every sum.
    pub fee_fixed: Option<Money>,
    /// Hundredths of a percent.
    pub fee_percent: Option<i64>,
    /// Random text the configuration is sealed with.
    pub seal_ref: &'a str,
}

/// Lists all: by `sort`, nulls last, then id.
pub async fn list(q: &mut impl Query) -> Result<Vec<PaymentChannelRow>> {
    q.all(sql!("SELECT * FROM payment_channel ORDER BY sort NULLS LAST, id"), args![]).await
}

/// Finds one.
pub async fn find(q: &mut impl Query, id: PaymentChannelId) -> Result<Option<PaymentChannelRow>> {
    q.one(sql!("SELECT * FROM payment_channel WHERE id = $1"), args![id]).await
}

/// Finds one by its public name.
pub async fn find_by_uuid(q: &mut impl Query, uuid: &str) -> Result<Option<PaymentChannelRow>> {
    q.one(sql!("SELECT * FROM payment_channel WHERE uuid = $1"), args![uuid]).await
}

/// Finds one by its natural key.
pub async fn find_by_key(q: &mut impl Query, key: &str) -> Result<Option<PaymentChannelRow>> {
    q.one(sql!("SELECT * FROM payment_channel WHERE key = $1"), args![key]).await
}

/// Inserts one, switched off, behind all others.
pub async fn insert(
    tx: &mut Tx,
    (uuid, key, driver): (&str, Option<&str>, &str),
    f: &PaymentChannelFields<'_>,
    at: Millis,
) -> Result<PaymentChannelId> {
    let row: Option<(PaymentChannelId,)> = tx
        .one(
            sql!(
                "INSERT INTO payment_channel (uuid, key, driver, name, icon, config_sealed, notify_domain, fee_fixed, fee_percent, \
                 is_enabled, seal_ref, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12) RETURNING id"
            ),
            args![
                uuid,
                key,
                driver,
                f.name,
                f.icon,
                f.config_sealed,
                f.notify_domain,
                f.fee_fixed,
                f.fee_percent,
                false,
                f.seal_ref,
                at
            ],
        )
        .await?;
    row.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// Writes what staff set.
pub async fn update(tx: &mut Tx, id: PaymentChannelId, f: &PaymentChannelFields<'_>, at: Millis) -> Result<u64> {
    tx.exec(
        sql!(
            "UPDATE payment_channel SET name = $2, icon = $3, config_sealed = $4, notify_domain = $5, fee_fixed = $6, fee_percent = $7, \
             seal_ref = $8, updated_at = $9 WHERE id = $1"
        ),
        args![id, f.name, f.icon, f.config_sealed, f.notify_domain, f.fee_fixed, f.fee_percent, f.seal_ref, at],
    )
    .await
}

/// Switches it on or off.
pub async fn update_enabled(tx: &mut Tx, id: PaymentChannelId, is_enabled: bool, at: Millis) -> Result<u64> {
    tx.exec(
        sql!("UPDATE payment_channel SET is_enabled = $2, updated_at = $3 WHERE id = $1"),
        args![id, is_enabled, at],
    )
    .await
}

/// Writes its position.
pub async fn update_sort(tx: &mut Tx, id: PaymentChannelId, sort: i64, at: Millis) -> Result<u64> {
    tx.exec(sql!("UPDATE payment_channel SET sort = $2, updated_at = $3 WHERE id = $1"), args![id, sort, at]).await
}

/// Deletes it.
pub async fn delete(tx: &mut Tx, id: PaymentChannelId) -> Result<u64> {
    tx.exec(sql!("DELETE FROM payment_channel WHERE id = $1"), args![id]).await
}

/// How many open orders were checked out with it.
pub async fn count_open_orders(q: &mut impl Query, id: PaymentChannelId) -> Result<i64> {
    let row: Option<(i64,)> = q
        .one(
            sql!(
                "SELECT CAST(COUNT(*) AS BIGINT) AS number FROM panel_order o WHERE o.status <= 1 AND EXISTS \
                 (SELECT 1 FROM panel_checkout c WHERE c.panel_order_id = o.id AND c.payment_channel_id = $1)"
            ),
            args![id],
        )
        .await?;
    Ok(row.map_or(0, |(number,)| number))
}

/// An order at a provider: what it was told to take.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct CheckoutRow {
    /// Identity.
    pub id: i64,
    /// Added for the provider.
    pub handling: Money,
    /// What is to be paid.
    pub payable: Money,
    /// In which currency.
    pub currency: String,
}

/// Notes a checkout of an order.
pub async fn insert_checkout(
    tx: &mut Tx,
    order: gatehouse_model::PanelOrderId,
    channel: PaymentChannelId,
    (handling, payable, currency): (Money, Money, &str),
    at: Millis,
) -> Result<i64> {
    let row: Option<(i64,)> = tx
        .one(
            sql!(
                "INSERT INTO panel_checkout (panel_order_id, payment_channel_id, handling, payable, currency, created_at) \
                 VALUES ($1, $2, $3, $4, $5, $6) RETURNING id"
            ),
            args![order, channel, handling, payable, currency, at],
        )
        .await?;
    row.map(|(id,)| id).ok_or_else(crate::Error::missing_row)
}

/// The checkouts of an order with a channel, the newest first.
pub async fn list_checkouts(
    q: &mut impl Query,
    order: gatehouse_model::PanelOrderId,
    channel: PaymentChannelId,
) -> Result<Vec<CheckoutRow>> {
    q.all(
        sql!(
            "SELECT id, handling, payable, currency FROM panel_checkout WHERE panel_order_id = $1 AND payment_channel_id = $2 \
             ORDER BY id DESC LIMIT 50"
        ),
        args![order, channel],
    )
    .await
}

/// What a notice came to.
#[derive(Debug)]
pub struct NewNotice<'a> {
    /// Driver of its address.
    pub driver: &'a str,
    /// Channel of its address, if there is one.
    pub channel: Option<PaymentChannelId>,
    /// The order it names.
    pub trade_no: Option<&'a str>,
    /// The provider's number of the payment.
    pub callback_no: Option<&'a str>,
    /// The same where it moved money: once for a channel.
    pub settled_no: Option<&'a str>,
    /// The sum it tells.
    pub amount: Option<Money>,
    /// What became of it.
    pub verdict: &'a str,
    /// When.
    pub at: Millis,
}

/// Notes a notice. 0: its payment moved money before.
pub async fn insert_notice(tx: &mut Tx, new: &NewNotice<'_>) -> Result<u64> {
    tx.exec(
        sql!(
            "INSERT INTO panel_payment_notice (driver, payment_channel_id, trade_no, callback_no, settled_no, amount, verdict, at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING"
        ),
        args![
            new.driver,
            new.channel,
            new.trade_no,
            new.callback_no,
            new.settled_no,
            new.amount,
            new.verdict,
            new.at
        ],
    )
    .await
}
