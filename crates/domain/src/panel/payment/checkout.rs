//! Checkouts: a pending order is taken to a provider (specs/panel.md §2.5 order/checkout, §3.9).

use std::time::Duration;

use gatehouse_model::{Money, PaymentChannelId};
use gatehouse_store::{
    panel_order as orders,
    payment_channel::{self as rows, PaymentChannelRow},
};

use super::channel;
use crate::{
    App, Error, Result,
    panel::{
        Outcome, Refusal, Who,
        order::{Locked, OrderRow, Payment, lock_by_trade, pay, status},
        subscription,
    },
    payment::{
        Checkout, ProviderHandle,
        provider::{Order, Trouble},
    },
};

const CLOSED: Refusal = Refusal::rule("Order does not exist or has been paid");
const FAILED: Refusal = Refusal::rule("Request failed, please try again later");
const UNAVAILABLE: Refusal = Refusal::rule("Payment method is not available");

/// How a buyer goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing was left to be paid: it is settled.
    Settled,
    /// By taking a picture of this text.
    Qr(String),
    /// On this page.
    Page(String),
}

/// Takes one of the caller's pending orders to a way to pay; may be repeated with another one.
///
/// Errors: refusals for an order that is unknown, another's or not pending, for a way to pay that is not offered, and for a provider
/// that cannot take it; `Internal` for a total below nothing, which is a fault of ours and never free.
pub async fn checkout(who: &Who, trade_no: &str, method: Option<PaymentChannelId>) -> Outcome<Next> {
    let ctx = &who.ctx;
    let mut tx = ctx.begin().await?;
    let order = lock_by_trade(&mut tx, trade_no, Some(who.account)).await?;
    let order = order.filter(|order| order.row.status == status::PENDING).ok_or(CLOSED)?;
    if order.row.total < Money::ZERO {
        return Err(Error::internal(format!("order {} costs less than nothing", order.row.id)).into());
    }
    if order.row.total == Money::ZERO {
        pay(ctx, &mut tx, order, Payment { channel: "panel:none", callback_no: None }).await?;
        tx.commit().await?;
        return Ok(Next::Settled);
    }
    let Locked { row, .. } = order;
    let channel = match method {
        Some(id) => rows::find(&mut tx, id).await?.filter(|channel| channel.is_enabled),
        None => None,
    };
    let channel = channel.ok_or(UNAVAILABLE)?;
    let provider = channel::provider(&ctx.app, &channel)?;
    let payable = channel::fee(&channel).payable(row.total, false);
    let handling = payable.minus(row.total);
    let Some((charged, currency)) = provider.charged(payable, &row.currency) else {
        return Err(failed(&channel, &Trouble::Refused(format!("it cannot charge {}", row.currency))).into());
    };
    let at = ctx.now();
    let attempt = rows::insert_checkout(&mut tx, row.id, channel.id, (handling, charged, &currency), at).await?;
    let expires_at = row.expires_at.max(row.created_at.plus(lifetime(&ctx.app, &channel)?));
    orders::update_checkout(&mut tx, row.id, channel.id, handling, expires_at, at).await?;
    tx.commit().await?;
    let order = OrderRow { expires_at, ..row };
    start(&ctx.app, &provider, &channel, (&order, payable, attempt)).await
}

/// How long an order waits for a payment by hand; nothing more than usual for others.
fn lifetime(app: &App, channel: &PaymentChannelRow) -> Result<Duration> {
    if channel.driver != "Manual" {
        return Ok(Duration::ZERO);
    }
    let hours = channel::config(app, channel)?.get("expire_hours").and_then(|hours| hours.parse().ok()).unwrap_or(72);
    Ok(Duration::from_hours(hours))
}

async fn start(
    app: &App,
    provider: &ProviderHandle,
    channel: &PaymentChannelRow,
    (order, payable, attempt): (&OrderRow, Money, i64),
) -> Outcome<Next> {
    let asked = Order {
        reference: order.trade_no.clone(),
        payable,
        currency: order.currency.clone(),
        description: order.trade_no.clone(),
        expires_at: order.expires_at,
        lifetime: Duration::from_millis(u64::try_from(order.expires_at.0.saturating_sub(app.now().0)).unwrap_or(0)),
        notify_url: Some(channel::notify_url(app, channel)),
        return_url: Some(format!("{}/#/order/{}", subscription::base(app), order.trade_no)),
        key: format!("{}-{attempt}", order.trade_no),
    };
    match provider.start(asked).await {
        Ok(Checkout::Page(url)) => Ok(Next::Page(url)),
        Ok(Checkout::Qr(text)) => Ok(Next::Qr(text)),
        Ok(Checkout::Direct | Checkout::Form { .. }) => {
            Err(failed(channel, &Trouble::Refused("it gives neither page nor picture".to_owned())).into())
        }
        Err(trouble) => Err(failed(channel, &trouble).into()),
    }
}

fn failed(channel: &PaymentChannelRow, trouble: &Trouble) -> Refusal {
    let driver = channel.driver.clone();
    metrics::counter!("gatehouse_payment_failures_total", "channel" => driver, "call" => "start").increment(1);
    tracing::warn!(event = "panel.checkout_failed", channel = channel.id.0, "{}: {trouble}", channel.driver);
    FAILED
}
