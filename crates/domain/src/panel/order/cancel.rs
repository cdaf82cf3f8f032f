//! Gives orders up: what they took of the balance and of coupons goes back, once.

use gatehouse_model::AccountId;
use gatehouse_store::{Tx, panel_coupon, panel_order as rows};

use super::{OrderRow, status};
use crate::{
    Ctx, Result,
    audit::{self, Object},
    panel::{money, pass::Pass},
};

/// Cancels an order that the caller holds; false: it is not pending.
pub(super) async fn cancel(ctx: &Ctx, tx: &mut Tx, order: &OrderRow) -> Result<bool> {
    if rows::update_status(tx, order.id, status::PENDING, status::CANCELLED, ctx.now()).await? == 0 {
        return Ok(false);
    }
    if let Some(coupon) = order.panel_coupon_id {
        panel_coupon::return_use(tx, coupon).await?;
    }
    money::release(ctx, tx, order).await?;
    audit::changed(tx, ctx, "panel.order.cancel", Object::new("panel_order", order.id.0, &order.trade_no)).await?;
    Ok(true)
}

/// Cancels the pending order of an account, if it has one: the account is about to go.
pub(crate) async fn cancel_open(ctx: &Ctx, tx: &mut Tx, account: AccountId) -> Result<()> {
    let _locked = Pass::lock(tx, account).await?;
    let Some(open) = rows::find_open(tx, account).await? else { return Ok(()) };
    if let Some(order) = rows::lock(tx, open.id).await? {
        cancel(ctx, tx, &order).await?;
    }
    Ok(())
}
