//! What providers tell of payments: each payment moves money once, whatever it is told and how often (specs/panel.md §3.9).

use gatehouse_model::Money;
use gatehouse_store::{
    Tx, panel_order as orders,
    payment_channel::{self as rows, NewNotice, PaymentChannelRow},
};

use super::channel;
use crate::{
    Ctx, Result,
    audit::{self, Object, Stream},
    panel::order::{Locked, OrderRow, Payment, credit_late, lock_by_trade, pay, status},
    payment::{Notice, Report, provider::Status},
};

/// What becomes of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Done, known or without effect: it need not come again.
    Done,
    /// Nobody can tell that it is the provider's word.
    Unverified,
    /// It is, but about no order that it could pay.
    Unusable,
}

/// Takes a notice that came to the address of a driver and a channel.
///
/// Shape: what came, untouched → what to answer. A payment of a pending order opens it; one of an order that waits no longer is credited
/// to its buyer and flagged. Errors: `Unavailable`, `Internal`: nothing is answered as done, so that the provider repeats.
pub async fn take(ctx: &Ctx, driver: &str, uuid: &str, notice: &Notice) -> Result<Taken> {
    let found = rows::find_by_uuid(&mut ctx.read(), uuid).await?;
    let Some(channel) = found.filter(|channel| channel.driver == driver) else {
        // Anybody can send these: they are counted, not kept.
        count(driver, "unknown_channel");
        return Ok(Taken::Unverified);
    };
    let provider = channel::provider(&ctx.app, &channel)?;
    let report = match provider.verify(notice) {
        Ok(report) if report.merchant == provider.merchant() => report,
        Ok(report) => return refuse(ctx, &channel, Some(&report), "wrong_merchant", Taken::Unverified).await,
        Err(why) => return refuse(ctx, &channel, None, why.as_str(), Taken::Unverified).await,
    };
    if report.status != Status::Paid {
        return refuse(ctx, &channel, Some(&report), "without_effect", Taken::Done).await;
    }
    if !channel.is_enabled {
        return refuse(ctx, &channel, Some(&report), "disabled", Taken::Unusable).await;
    }
    let Some(payment) = report.payment.clone() else {
        return refuse(ctx, &channel, Some(&report), "without_number", Taken::Unverified).await;
    };
    settle(ctx, &channel, &report, &payment).await
}

/// Pays the order that a report names, if it says what its provider was told to take.
async fn settle(ctx: &Ctx, channel: &PaymentChannelRow, report: &Report, payment: &str) -> Result<Taken> {
    let mut tx = ctx.begin().await?;
    let Some(order) = lock_by_trade(&mut tx, &report.order, None).await? else {
        drop(tx);
        return refuse(ctx, channel, Some(report), "unknown_order", Taken::Unusable).await;
    };
    let told = |currency: &str| report.currency.as_deref().is_none_or(|told| told == currency);
    let attempts = rows::list_checkouts(&mut tx, order.row.id, channel.id).await?;
    let attempt = attempts.iter().find(|it| report.amount == Some(it.payable) && told(&it.currency));
    let Some(attempt) = attempt else {
        drop(tx);
        let why = if attempts.is_empty() { "not_checked_out" } else { "wrong_amount" };
        return refuse(ctx, channel, Some(report), why, Taken::Unusable).await;
    };
    let is_pending = order.row.status == status::PENDING;
    let verdict = if is_pending { "opened" } else { "credited" };
    let new = NewNotice { settled_no: Some(payment), ..new_notice(ctx, channel, Some(report), verdict) };
    if rows::insert_notice(&mut tx, &new).await? == 0 {
        drop(tx);
        count(&channel.driver, "replayed");
        return Ok(Taken::Done);
    }
    let book = format!("panel:{}", channel.driver.to_lowercase());
    if is_pending {
        // It may have been checked out elsewhere since.
        let (expires_at, at) = (order.row.expires_at, ctx.now());
        orders::update_checkout(&mut tx, order.row.id, channel.id, attempt.handling, expires_at, at).await?;
        let row = OrderRow { handling: Some(attempt.handling), payment_channel_id: Some(channel.id), ..order.row };
        let order = Locked { row, pass: order.pass };
        pay(ctx, &mut tx, order, Payment { channel: &book, callback_no: Some(payment) }).await?;
    } else {
        let name = format!("{}:{payment}", channel.uuid);
        let amount: Money = order.row.total;
        credit_late(ctx, &mut tx, &order, (&book, &name), amount).await?;
        flag(ctx, &mut tx, channel, &report.order, "credited").await?;
    }
    tx.commit().await?;
    count(&channel.driver, verdict);
    Ok(Taken::Done)
}

/// Keeps a notice that moves nothing.
async fn refuse(
    ctx: &Ctx,
    channel: &PaymentChannelRow,
    report: Option<&Report>,
    verdict: &'static str,
    taken: Taken,
) -> Result<Taken> {
    count(&channel.driver, verdict);
    let mut tx = ctx.begin().await?;
    rows::insert_notice(&mut tx, &new_notice(ctx, channel, report, verdict)).await?;
    // A right signature under a wrong story: staff should look.
    if let Some(report) = report.filter(|_| taken != Taken::Done) {
        flag(ctx, &mut tx, channel, &report.order, verdict).await?;
    }
    tx.commit().await?;
    Ok(taken)
}

async fn flag(ctx: &Ctx, tx: &mut Tx, channel: &PaymentChannelRow, order: &str, outcome: &str) -> Result<()> {
    let name: String = order.chars().filter(|c| !c.is_control()).take(64).collect();
    let object = Object::new("panel_order", None, &name);
    audit::record(tx, ctx, Stream::Alert, "panel.payment.notice", object, outcome, Some(channel.name.clone())).await
}

fn new_notice<'a>(
    ctx: &Ctx,
    channel: &'a PaymentChannelRow,
    report: Option<&'a Report>,
    verdict: &'a str,
) -> NewNotice<'a> {
    let short = |text: &'a str| Some(text).filter(|text| text.len() <= 128 && !text.is_empty());
    NewNotice {
        driver: &channel.driver,
        channel: Some(channel.id),
        trade_no: report.and_then(|report| short(&report.order)),
        callback_no: report.and_then(|report| report.payment.as_deref().and_then(short)),
        settled_no: None,
        amount: report.and_then(|report| report.amount),
        verdict,
        at: ctx.now(),
    }
}

fn count(driver: &str, verdict: &'static str) {
    // What is no driver comes from an address, which anybody can make up.
    let known = ["Manual", "EPay", "StripeCheckout"].into_iter().find(|known| *known == driver).unwrap_or("unknown");
    metrics::counter!("gatehouse_payment_notices_total", "channel" => known, "verdict" => verdict).increment(1);
}
