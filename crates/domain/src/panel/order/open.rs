//! Applies what was paid for (specs/panel.md §3.1 Opening).

use gatehouse_model::{Money, PanelOrderId};
use gatehouse_store::{Tx, panel_order as rows};

use super::{OrderRow, kind, status};
use crate::{
    Ctx, Error, Result,
    audit::{self, Object},
    panel::{
        money,
        pass::{Pass, Source},
        plan::{self, Period},
    },
};

/// Applies a paid order that the caller holds: 1 → 3. Of who has no pass any more, what he paid becomes balance.
pub(super) async fn open(ctx: &Ctx, tx: &mut Tx, order: &OrderRow, pass: Option<Pass>) -> Result<()> {
    if rows::update_opened(tx, order.id, ctx.now()).await? == 0 {
        return Ok(());
    }
    let had = match (pass, order.plan_id) {
        (Some(pass), Some(id)) => {
            let plan = plan::find(tx, id).await?;
            let plan = plan.ok_or_else(|| Error::internal(format!("order {} is of no plan", order.id)))?;
            for spent in surplus_orders(order) {
                rows::update_status(tx, spent, status::COMPLETED, status::DISCOUNTED, ctx.now()).await?;
            }
            apply(ctx, tx, order, &plan, pass).await?;
            true
        }
        _ => false,
    };
    money::settle(ctx, tx, order, had).await?;
    audit::changed(tx, ctx, "panel.order.open", Object::new("panel_order", order.id.0, &order.trade_no)).await
}

async fn apply(ctx: &Ctx, tx: &mut Tx, order: &OrderRow, plan: &plan::Plan, mut pass: Pass) -> Result<()> {
    let period = Period::of(&order.period)
        .ok_or_else(|| Error::internal(format!("order {} has the period {}", order.id, order.period)))?;
    if order.kind == kind::RESET || period == Period::ResetTraffic {
        pass.clear_traffic(Source::Order);
        return pass.save(ctx, tx).await;
    }
    let settings = ctx.app.live().panel();
    let event = match order.kind {
        kind::RENEWAL => settings.renew_order_event_id,
        kind::CHANGE => settings.change_order_event_id,
        _ => settings.new_order_event_id,
    };
    let was_onetime = pass.row().expires_at.is_none();
    let is_anew = order.kind == kind::CHANGE;
    pass.take(plan);
    match period.months() {
        Some(months) => pass.extend(ctx, months, is_anew)?,
        None => pass.set_expiry(ctx, None)?,
    }
    if period == Period::Onetime || was_onetime || order.kind == kind::NEW || event == 1 {
        pass.clear_traffic(Source::Order);
    }
    pass.save(ctx, tx).await
}

/// The orders that a change credited.
pub(super) fn surplus_orders(order: &OrderRow) -> Vec<PanelOrderId> {
    let ids: Option<Vec<i64>> = order.surplus_orders.as_deref().and_then(|text| serde_json::from_str(text).ok());
    ids.unwrap_or_default().into_iter().map(PanelOrderId).collect()
}

/// What an order cost its buyer: paid, from the balance, and from earlier orders, less what went back.
pub(super) fn worth(order: &OrderRow) -> Money {
    let some = |amount: Option<Money>| amount.unwrap_or(Money::ZERO);
    order.total.plus(some(order.balance)).plus(some(order.surplus)).minus(some(order.refund))
}
