//! A buyer and his orders (specs/panel.md §2.5).

use gatehouse_store::{
    panel_order as rows,
    payment_channel::{self, PaymentChannelRow},
};

use super::{Locked, OrderRow, cancel, lock_by_trade, open::surplus_orders};
use crate::panel::{Outcome, Refusal, Who};

const UNKNOWN: Refusal = Refusal::rule("Order does not exist");
/// More orders than anybody has.
const MOST: i64 = 1_000;

/// One of the caller's orders. Errors: unknown, or another's.
pub async fn find(who: &Who, trade_no: &str) -> Outcome<OrderRow> {
    let found = rows::find_by_trade(&mut who.ctx.read(), trade_no).await?;
    Ok(found.filter(|row| row.account_id == who.account).ok_or(UNKNOWN)?)
}

/// The caller's orders, the newest first; of one status only where it is given.
pub async fn list(who: &Who, status: Option<i64>) -> Outcome<Vec<OrderRow>> {
    Ok(rows::list(&mut who.ctx.read(), who.account, status, MOST).await?)
}

/// The orders whose rest value an order credited.
pub async fn list_surplus(who: &Who, order: &OrderRow) -> Outcome<Vec<OrderRow>> {
    let mut found = Vec::new();
    for id in surplus_orders(order) {
        found.extend(rows::find(&mut who.ctx.read(), id).await?.filter(|row| row.account_id == order.account_id));
    }
    Ok(found)
}

/// The ways to pay that may be used, by their place.
pub async fn channels(who: &Who) -> Outcome<Vec<PaymentChannelRow>> {
    let mut channels = payment_channel::list(&mut who.ctx.read()).await?;
    channels.retain(|channel| channel.is_enabled);
    Ok(channels)
}

/// How an order is paid, as chosen last.
pub async fn channel(who: &Who, order: &OrderRow) -> Outcome<Option<PaymentChannelRow>> {
    Ok(match order.payment_channel_id {
        Some(id) => payment_channel::find(&mut who.ctx.read(), id).await?,
        None => None,
    })
}

/// Cancels one of the caller's orders. Twenty at once cancel it once.
///
/// Errors: unknown, or another's; not pending. Source: specs/panel.md §2.5 order/cancel.
pub async fn cancel(who: &Who, trade_no: &str) -> Outcome<()> {
    let ctx = &who.ctx;
    let mut tx = ctx.begin().await?;
    let Locked { row, .. } = lock_by_trade(&mut tx, trade_no, Some(who.account)).await?.ok_or(UNKNOWN)?;
    if !cancel::cancel(ctx, &mut tx, &row).await? {
        return Err(Refusal::rule("You can only cancel pending orders").into());
    }
    Ok(tx.commit().await?)
}
