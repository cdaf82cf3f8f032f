//! Orders as staff see to them (specs/panel.md §4.3 order).

use gatehouse_model::{AccountId, Money, PlanId, email_key};
use gatehouse_store::{
    account as accounts, panel_commission,
    panel_order::{self as rows, OrderRow},
};

pub use rows::{FIELDS, ListedOrderRow};

use super::{Locked, cancel as give_up, lock_by_trade, pay, save, status};
use crate::{
    Ctx,
    audit::{self, Object},
    panel::{
        Outcome, Refusal,
        filter::Listing,
        plan::{self, Period},
    },
    permission::{self, Change},
};

const UNKNOWN: Refusal = Refusal::rule("Order does not exist");
const NOT_PENDING: Refusal = Refusal::rule("只能对待支付的订单进行操作");

/// An order with its buyer's e-mail address.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The order.
    pub row: OrderRow,
    /// Its buyer's address, if he is still there.
    pub email: Option<String>,
    /// That of who invited him.
    pub inviter: Option<String>,
}

/// One order, by its number or its trade number. Errors: unknown; `Forbidden`.
pub async fn find(ctx: &Ctx, id: Option<i64>, trade_no: Option<&str>) -> Outcome<Shown> {
    ctx.require("panel.order")?;
    let q = &mut ctx.read();
    let row = match (id, trade_no) {
        (Some(id), _) => rows::find(q, gatehouse_model::PanelOrderId(id)).await?,
        (None, Some(trade_no)) => rows::find_by_trade(q, trade_no).await?,
        (None, None) => None,
    };
    let row = row.ok_or(UNKNOWN)?;
    let email = email_of(ctx, Some(row.account_id)).await?;
    let inviter = email_of(ctx, row.inviter_id).await?;
    Ok(Shown { row, email, inviter })
}

/// A page of orders, the newest first unless it is sorted otherwise, and how many fit. Errors: `Forbidden`.
pub async fn list(ctx: &Ctx, listing: &Listing) -> Outcome<(i64, Vec<ListedOrderRow>)> {
    ctx.require("panel.order")?;
    Ok(rows::list_page(&mut ctx.read(), listing).await?)
}

async fn email_of(ctx: &Ctx, account: Option<AccountId>) -> Outcome<Option<String>> {
    let Some(account) = account else { return Ok(None) };
    Ok(accounts::find(&mut ctx.read(), account).await?.and_then(|account| account.email))
}

/// What staff order for somebody.
#[derive(Debug, Clone, Copy)]
pub struct Assignment<'a> {
    /// Whose.
    pub email: &'a str,
    /// What.
    pub plan: PlanId,
    /// For how long.
    pub period: Period,
    /// For how much.
    pub total: Money,
}

/// Orders a plan for somebody, to be paid as any order is. Gives the trade number.
///
/// Errors: no such user or plan; he has an open order; `Forbidden`. Source: specs/panel.md §4.3.
pub async fn assign(ctx: &Ctx, wanted: Assignment<'_>) -> Outcome<String> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.order")?;
    if !(0..=99_999_999_999).contains(&wanted.total.0) {
        let refusal = Refusal::input("total_amount", "The value of :name is not valid");
        return Err(refusal.with("name", "total_amount").into());
    }
    let account = accounts::find_by_email_key(&mut tx, &email_key(wanted.email)).await?;
    let account = account.ok_or(Refusal::rule("The user does not exist"))?;
    let plan = plan::find(&mut tx, wanted.plan).await?;
    let plan = plan.ok_or(Refusal::rule("Subscription plan does not exist"))?;
    let trade_no = save::assign(&ctx, &mut tx, account.id, (&plan, wanted.period), wanted.total).await?;
    tx.commit().await?;
    Ok(trade_no)
}

/// Notes that an order was paid to staff, and applies it. Twice does it once.
///
/// Errors: unknown; not pending; `Forbidden`. Source: specs/panel.md §4.3.
pub async fn paid(ctx: &Ctx, trade_no: &str) -> Outcome<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.order")?;
    let order = lock_by_trade(&mut tx, trade_no, None).await?.ok_or(UNKNOWN)?;
    let (id, object) = (order.row.id, order.row.trade_no.clone());
    let payment = pay::Payment { channel: "panel:manual", callback_no: Some("manual_operation") };
    if !pay::pay(&ctx, &mut tx, order, payment).await? {
        return Err(NOT_PENDING.into());
    }
    audit::changed(&mut tx, &ctx, "panel.order.paid", Object::new("panel_order", id.0, &object)).await?;
    Ok(tx.commit().await?)
}

/// Cancels a pending order. Errors: unknown; not pending; `Forbidden`.
pub async fn cancel(ctx: &Ctx, trade_no: &str) -> Outcome<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.order")?;
    let Locked { row, .. } = lock_by_trade(&mut tx, trade_no, None).await?.ok_or(UNKNOWN)?;
    if !give_up::cancel(&ctx, &mut tx, &row).await? {
        return Err(NOT_PENDING.into());
    }
    Ok(tx.commit().await?)
}

/// Lets a commission wait (0), pays it out (1) or voids it (3), unless it was paid out.
///
/// Errors: unknown; another number; paid out; `Forbidden`. Source: specs/panel.md §3.4.
pub async fn set_commission(ctx: &Ctx, trade_no: &str, to: i64) -> Outcome<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.order")?;
    if !matches!(to, 0 | 1 | 3) {
        let refusal = Refusal::input("commission_status", "The value of :name is not valid");
        return Err(refusal.with("name", "commission_status").into());
    }
    let Locked { row, .. } = lock_by_trade(&mut tx, trade_no, None).await?.ok_or(UNKNOWN)?;
    if row.status == status::CANCELLED || row.inviter_id.is_none() {
        return Err(Refusal::rule("It cannot be changed now").into());
    }
    if panel_commission::update_status(&mut tx, row.id, to, ctx.now()).await? == 0 {
        return Err(Refusal::rule("The commission has been paid out").into());
    }
    audit::changed(&mut tx, &ctx, "panel.order.update", Object::new("panel_order", row.id.0, &row.trade_no)).await?;
    Ok(tx.commit().await?)
}
