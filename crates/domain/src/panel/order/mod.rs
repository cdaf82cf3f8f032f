//! Orders: made, paid, applied, cancelled (specs/panel.md §3.1).
//!
//! Status goes 0 → 1 → 3 → 4 or 0 → 2, each step one conditional update with its postings in the same transaction, under locks on the
//! buyer's pass and the order. What a crash leaves open, `heal` brings to its end a minute later.

mod cancel;
mod open;
pub mod own;
mod pay;
pub mod save;
pub mod staff;
mod surplus;

use gatehouse_model::{AccountId, PanelOrderId};
use gatehouse_store::{Tx, panel_order as rows};

pub use rows::OrderRow;

use super::pass::Pass;
use crate::{Ctx, Result};

pub(crate) use cancel::cancel_open;
pub(crate) use pay::{Payment, credit_late, pay};

/// `status` of orders.
pub mod status {
    /// Not paid yet; the balance it needs is taken.
    pub const PENDING: i64 = 0;
    /// Paid, not applied yet.
    pub const PROCESSING: i64 = 1;
    /// Given up.
    pub const CANCELLED: i64 = 2;
    /// Applied.
    pub const COMPLETED: i64 = 3;
    /// Applied, and its rest value was credited to a later change.
    pub const DISCOUNTED: i64 = 4;
}

/// `type` of orders.
pub mod kind {
    /// A plan for who has none, or whose has ended.
    pub const NEW: i64 = 1;
    /// More of the same plan.
    pub const RENEWAL: i64 = 2;
    /// Another plan.
    pub const CHANGE: i64 = 3;
    /// Traffic set to nothing.
    pub const RESET: i64 = 4;
    /// Money for the balance.
    pub const TOP_UP: i64 = 9;
}

/// `period` of top-ups.
pub const DEPOSIT: &str = "deposit";

/// An order whose row this transaction holds, with its buyer's pass, if he still has one.
#[derive(Debug)]
pub(crate) struct Locked {
    /// The order.
    pub(crate) row: OrderRow,
    /// The pass.
    pub(crate) pass: Option<Pass>,
}

/// Locks an order by its number, its buyer's pass first.
pub(crate) async fn lock(tx: &mut Tx, id: PanelOrderId) -> Result<Option<Locked>> {
    let Some(known) = rows::find(tx, id).await? else { return Ok(None) };
    lock_of(tx, known.account_id, id).await
}

/// Locks an order by its trade number; of somebody else's there is none where `owner` is given.
pub(crate) async fn lock_by_trade(tx: &mut Tx, trade_no: &str, owner: Option<AccountId>) -> Result<Option<Locked>> {
    let known = rows::find_by_trade(tx, trade_no).await?;
    let Some(known) = known.filter(|row| owner.is_none_or(|owner| row.account_id == owner)) else { return Ok(None) };
    lock_of(tx, known.account_id, known.id).await
}

async fn lock_of(tx: &mut Tx, account: AccountId, id: PanelOrderId) -> Result<Option<Locked>> {
    let pass = Pass::lock(tx, account).await?;
    Ok(rows::lock(tx, id).await?.map(|row| Locked { row, pass }))
}

/// How many orders are looked at in one go.
const BATCH: i64 = 200;

/// Brings open orders that wait for something to their end: unpaid ones that are too old are cancelled, paid ones are opened. A step
/// of the periodic task `panel.minute`.
pub(super) async fn heal(ctx: &Ctx) -> Result<()> {
    let mut after = PanelOrderId(0);
    loop {
        let waiting = rows::list_waiting(&mut ctx.read(), ctx.now(), after, BATCH).await?;
        let Some((last,)) = waiting.last().copied() else { return Ok(()) };
        for (id,) in waiting {
            if let Err(error) = heal_one(ctx, id).await {
                // The others do not wait for it; it is tried again in a minute.
                tracing::error!(event = "panel.order_stuck", order = id.0, error = error.chain(), "an order is stuck");
            }
        }
        after = last;
    }
}

async fn heal_one(ctx: &Ctx, id: PanelOrderId) -> Result<()> {
    let mut tx = ctx.begin().await?;
    let Some(Locked { row, pass }) = lock(&mut tx, id).await? else { return Ok(()) };
    match row.status {
        status::PENDING if row.expires_at <= ctx.now() => {
            cancel::cancel(ctx, &mut tx, &row).await?;
        }
        status::PROCESSING => open::open(ctx, &mut tx, &row, pass).await?,
        _ => {}
    }
    Ok(tx.commit().await?)
}
