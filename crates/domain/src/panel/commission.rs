//! What inviting others earns, and moving it to the balance (specs/panel.md §2.3 transfer, §3.4).

use std::time::Duration;

use gatehouse_model::{AccountId, Money, PanelOrderId};
use gatehouse_store::{
    Tx,
    panel_commission::{self as rows, NewCommission},
    panel_order, proxy_plan,
};

use super::{
    Outcome, Refusal, Who,
    money::{self, Purse},
    order::OrderRow,
};
use crate::{
    Ctx, Result,
    audit::{self, Object, Stream},
};

/// How long a completed order rests before its commission is paid out.
const REST: Duration = Duration::from_hours(72);
/// How many orders are looked at in one go.
const BATCH: i64 = 200;
/// Levels of inviters that earn.
const LEVELS: usize = 3;

/// Moves what the caller earned by inviting to his balance.
///
/// Shape: hundredths, at least 1. Errors: he has not earned that much. Twenty at once move it once. Source: specs/panel.md §2.3.
pub async fn transfer(who: &Who, amount: Money) -> Outcome<()> {
    who.no_shadow()?;
    let ctx = &who.ctx;
    if amount <= Money::ZERO {
        let wrong = Refusal::input("transfer_amount", "The transfer amount parameter is wrong");
        return Err(wrong.into());
    }
    let mut tx = ctx.begin().await?;
    if !money::transfer(ctx, &mut tx, who.account, amount).await? {
        return Err(Refusal::rule("Insufficient commission balance").into());
    }
    let detail = serde_json::json!({ "amount": amount.to_decimal() }).to_string();
    let object = Object::new("account", who.account.0, "");
    audit::record(&mut tx, ctx, Stream::Change, "panel.user.transfer", object, "ok", Some(detail)).await?;
    Ok(tx.commit().await?)
}

/// Pays out what is to be paid out: a step of the periodic task `panel.minute`.
pub(super) async fn pay_due(ctx: &Ctx) -> Result<()> {
    if ctx.app.live().panel().commission_auto_check_enable {
        let mut tx = ctx.begin().await?;
        rows::release_waiting(&mut tx, ctx.now().minus(REST), ctx.now()).await?;
        tx.commit().await?;
    }
    let mut after = PanelOrderId(0);
    loop {
        let released = rows::list_released(&mut ctx.read(), after, BATCH).await?;
        let Some((last,)) = released.last().copied() else { return Ok(()) };
        for (id,) in released {
            if let Err(error) = pay_one(ctx, id).await {
                let error = error.chain();
                tracing::error!(event = "panel.commission_stuck", order = id.0, error, "a commission is stuck");
            }
        }
        after = last;
    }
}

async fn pay_one(ctx: &Ctx, id: PanelOrderId) -> Result<()> {
    let mut tx = ctx.begin().await?;
    let Some(order) = panel_order::lock(&mut tx, id).await? else { return Ok(()) };
    if order.commission_status != Some(1) || order.status < super::order::status::COMPLETED {
        return Ok(());
    }
    let is_to_balance = ctx.app.live().panel().withdraw_close_enable;
    let purse = if is_to_balance { Purse::Balance } else { Purse::Commission };
    let mut shares = shares(ctx, &mut tx, &order).await?;
    // Whoever pays several waits for others in one order.
    shares.sort_by_key(|(_, inviter, _)| *inviter);
    let mut paid = Money::ZERO;
    for (level, inviter, amount) in shares {
        let new = NewCommission {
            panel_order_id: order.id,
            level,
            inviter_id: inviter,
            account_id: order.account_id,
            trade_no: &order.trade_no,
            order_amount: order.total,
            amount,
        };
        if rows::insert(&mut tx, &new, ctx.now()).await? == 1 {
            money::pay_commission(ctx, &mut tx, &order, (level, inviter), amount, purse).await?;
        }
        paid = paid.plus(amount);
    }
    rows::update_paid(&mut tx, order.id, paid, ctx.now()).await?;
    let object = Object::new("panel_order", order.id.0, &order.trade_no);
    audit::changed(&mut tx, ctx, "panel.order.commission", object).await?;
    Ok(tx.commit().await?)
}

/// Who earns how much of an order's commission: level, inviter, amount. The chain of inviters ends at three, at the buyer, at who
/// stands in it already, and at who is gone.
async fn shares(ctx: &Ctx, tx: &mut Tx, order: &OrderRow) -> Result<Vec<(i64, AccountId, Money)>> {
    let settings = ctx.app.live().panel();
    let percents: &[i64] = if settings.commission_distribution_enable {
        &[
            settings.commission_distribution_l1.unwrap_or(0),
            settings.commission_distribution_l2.unwrap_or(0),
            settings.commission_distribution_l3.unwrap_or(0),
        ]
    } else {
        &[100]
    };
    let (mut chain, mut next) = (vec![order.account_id], order.inviter_id);
    let mut shares = Vec::new();
    for (level, percent) in (1_i64..).zip(percents.iter().take(LEVELS)) {
        let Some(inviter) = next.filter(|inviter| !chain.contains(inviter)) else { break };
        let Some(terms) = proxy_plan::find_inviter(tx, inviter).await? else { break };
        let amount = order.commission.part(*percent, 100);
        if amount > Money::ZERO {
            shares.push((level, inviter, amount));
        }
        chain.push(inviter);
        next = terms.inviter_id;
    }
    Ok(shares)
}
