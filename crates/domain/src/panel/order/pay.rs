//! Takes payments in: an order that was paid is applied at once.

use gatehouse_model::Money;
use gatehouse_store::{Tx, panel_order as rows};

use super::{Locked, open};
use crate::{
    Ctx, Result,
    audit::{self, Object},
    panel::money,
};

/// How an order was paid.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Payment<'a> {
    /// What took the money in, as the ledger names it: `panel:manual`, `panel:epay` …
    pub(crate) channel: &'a str,
    /// The payment system's name of the payment.
    pub(crate) callback_no: Option<&'a str>,
}

/// Pays an order that the caller holds, and applies it: 0 → 1 → 3. False: it is not pending, and nothing happened.
///
/// `order.row` names what was to be paid; whoever calls has checked that it was. Idempotent by the status and the ledger's keys.
pub(crate) async fn pay(ctx: &Ctx, tx: &mut Tx, order: Locked, payment: Payment<'_>) -> Result<bool> {
    let Locked { row, pass } = order;
    if rows::update_paid(tx, row.id, payment.callback_no, ctx.now()).await? == 0 {
        return Ok(false);
    }
    money::take_in(ctx, tx, &row, payment.channel).await?;
    open::open(ctx, tx, &row, pass).await?;
    Ok(true)
}

/// Credits what was paid for an order that no longer waits for it, because it was cancelled or paid otherwise. `name` is the payment's
/// own, such as `CHANNEL:CALLBACK`, under which it is credited once; false: it was before.
pub(crate) async fn credit_late(
    ctx: &Ctx,
    tx: &mut Tx,
    order: &Locked,
    (channel, name): (&str, &str),
    amount: Money,
) -> Result<bool> {
    let is_new = money::credit_late(ctx, tx, &order.row, (channel, name), amount).await?;
    if is_new {
        let object = Object::new("panel_order", order.row.id.0, &order.row.trade_no);
        audit::changed(tx, ctx, "panel.order.credit_late", object).await?;
    }
    Ok(is_new)
}
