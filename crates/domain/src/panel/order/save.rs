//! Makes orders: what they cost, and what of it the balance pays (specs/panel.md §2.5 order/save, §3.1 price pipeline, §3.3).

use std::time::Duration;

use gatehouse_model::{AccountId, Money, PanelOrderId, PlanId};
use gatehouse_store::{Tx, panel_coupon, panel_order as rows, plan as plans, proxy_plan};
use jiff::Timestamp;

use super::{DEPOSIT, OrderRow, kind, status, surplus};
use crate::{
    Ctx, Error, Result,
    audit::{self, Object},
    ledger,
    panel::{
        Outcome, Refusal, Who, calendar, coupon, identity, money,
        pass::Pass,
        plan::{self, Period, Plan},
    },
};

/// How long an order may be paid.
const LIFE: Duration = Duration::from_secs(7_200);
/// The largest top-up, hundredths.
const MOST: i64 = 999_999_999;

/// What is ordered.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The plan.
    pub plan: PlanId,
    /// For how long.
    pub period: Period,
    /// With which coupon.
    pub coupon: Option<&'a str>,
}

/// Orders a plan for the caller: takes a use of the coupon and what the balance has, and fixes the price.
///
/// Shape: [`Wish`] → the trade number. Errors: the texts of specs/panel.md §2.5, in their order. A person has one open order.
pub async fn save(who: &Who, wish: Wish<'_>) -> Outcome<String> {
    who.no_shadow()?;
    identity::require(&who.ctx, &mut who.ctx.read(), who.account).await?;
    let ctx = &who.ctx;
    if wish.coupon.is_some() {
        coupon::allow_tries(ctx, who.account).await?;
    }
    let saved = save_new(ctx, who.account, wish).await;
    coupon::note_try(ctx, who.account, &saved).await?;
    saved
}

async fn save_new(ctx: &Ctx, account: AccountId, wish: Wish<'_>) -> Outcome<String> {
    let mut tx = ctx.begin().await?;
    let pass = lock_free(&mut tx, account).await?;
    identity::require(ctx, &mut tx, account).await?;
    let holder = pass.row();
    // Locked, so that who counts its holders next counts this order.
    let row = match plans::lock(&mut tx, wish.plan).await? {
        Some(row) => row,
        None => return Err(Refusal::rule("Subscription plan does not exist").into()),
    };
    let plan = plan::priced(&mut tx, row).await?;
    let price = allowed(ctx, &mut tx, &pass, &plan, wish.period).await?;

    let mut order = blank(ctx, &pass, Some(plan.row.id), wish.period.as_str())?;
    if let Some(code) = wish.coupon {
        let wanted = coupon::Use { plan: Some(plan.row.id), period: Some(wish.period) };
        let found = coupon::find(ctx, &mut tx, account, code, wanted).await?;
        if panel_coupon::claim_use(&mut tx, found.id).await? == 0 {
            return Err(coupon::used_up());
        }
        order.panel_coupon_id = Some(found.id);
        order.discount = Some(coupon::discount(&found, price));
    }
    if let Some(percent) = holder.discount.filter(|percent| *percent > 0) {
        let off = order.discount.unwrap_or(Money::ZERO).plus(price.part(percent, 100));
        order.discount = Some(off.min(price));
    }
    order.total = price.minus(order.discount.unwrap_or(Money::ZERO));
    order.kind = kind_of(ctx, &pass, &plan, wish.period)?;
    if order.kind == kind::CHANGE && ctx.app.live().panel().surplus_enable {
        let surplus = surplus::of(ctx, &mut tx, holder).await?;
        if surplus.credit > Money::ZERO {
            order.surplus = Some(surplus.credit);
            let rest = order.total.minus(surplus.credit);
            order.refund = Some(rest.negated()).filter(|refund| *refund > Money::ZERO);
            order.total = rest.max(Money::ZERO);
        }
        if !surplus.orders.is_empty() {
            let ids: Vec<i64> = surplus.orders.iter().map(|id| id.0).collect();
            order.surplus_orders = Some(serde_json::to_string(&ids).map_err(Error::internal)?);
        }
    }
    if order.total > Money::ZERO {
        let wallet = ledger::wallet(ctx, &mut tx, account, &order.currency).await?;
        let used = money::spendable(ctx, &mut tx, &wallet, &order.currency).await?.min(order.total);
        order.total = order.total.minus(used);
        order.balance = Some(used).filter(|used| *used > Money::ZERO);
    }
    insert(ctx, &mut tx, &mut order).await?;
    money::hold(ctx, &mut tx, &order).await?;
    tx.commit().await?;
    Ok(order.trade_no)
}

/// Orders a top-up of the caller's balance.
///
/// Shape: hundredths, 1 to 999,999,999 → the trade number. Errors: a person has one open order.
pub async fn deposit(who: &Who, amount: Money) -> Outcome<String> {
    who.no_shadow()?;
    identity::require(&who.ctx, &mut who.ctx.read(), who.account).await?;
    if !(1..=MOST).contains(&amount.0) {
        let refusal = Refusal::input("deposit_amount", "The value of :name is not valid");
        return Err(refusal.with("name", "deposit_amount").into());
    }
    let ctx = &who.ctx;
    let mut tx = ctx.begin().await?;
    let pass = lock_free(&mut tx, who.account).await?;
    let mut order = blank(ctx, &pass, None, DEPOSIT)?;
    order.total = amount;
    insert(ctx, &mut tx, &mut order).await?;
    tx.commit().await?;
    Ok(order.trade_no)
}

/// Orders a plan for somebody at a price that staff say; his balance pays none of it.
pub(super) async fn assign(
    ctx: &Ctx,
    tx: &mut Tx,
    account: AccountId,
    (plan, period): (&Plan, Period),
    total: Money,
) -> Outcome<String> {
    let pass = lock_free(tx, account).await?;
    let mut order = blank(ctx, &pass, Some(plan.row.id), period.as_str())?;
    order.total = total;
    order.kind = match kind_of(ctx, &pass, plan, period) {
        Ok(kind) => kind,
        // Staff may what users may not.
        Err(_) => kind::CHANGE,
    };
    insert(ctx, tx, &mut order).await?;
    Ok(order.trade_no)
}

/// The pass of somebody who has no open order, locked.
async fn lock_free(tx: &mut Tx, account: AccountId) -> Outcome<Pass> {
    let pass = Pass::lock(tx, account).await?.ok_or(Refusal::rule("The user does not exist"))?;
    if rows::find_open(tx, account).await?.is_some() {
        return Err(is_open().into());
    }
    Ok(pass)
}

const fn is_open() -> Refusal {
    Refusal::rule("You have an unpaid or pending order, please try again later or cancel it")
}

/// The price of a plan that somebody may buy now.
async fn allowed(ctx: &Ctx, tx: &mut Tx, pass: &Pass, plan: &Plan, period: Period) -> Outcome<Money> {
    let refuse = |text: Refusal| Err(text.into());
    let Some(price) = plan.prices.get(&period).copied() else {
        return refuse(Refusal::rule("This payment period cannot be purchased, please choose another period"));
    };
    let is_own = pass.row().plan_id == Some(plan.row.id);
    let is_current = pass.is_current(ctx.now()) && pass.row().quota != Some(0);
    if period == Period::ResetTraffic {
        if is_own && is_current {
            return Ok(price);
        }
        return refuse(Refusal::rule(
            "Subscription has expired or no active subscription, unable to purchase Data Reset Package",
        ));
    }
    if !is_own
        && let Some(most) = plan.row.capacity_limit
        && plans::count_taken(tx, plan.row.id, ctx.now()).await? >= most
    {
        return refuse(Refusal::rule("Current product is sold out"));
    }
    let (is_shown, is_renewable) = (plan.row.is_shown, plan.row.is_renewable);
    if !is_shown && (!is_renewable || !is_own) {
        return refuse(Refusal::rule("This subscription has been sold out, please choose another subscription"));
    }
    if is_own && !is_renewable {
        return refuse(Refusal::rule("This subscription cannot be renewed, please change to another subscription"));
    }
    if !is_shown && !is_current {
        return refuse(Refusal::rule("This subscription has expired, please change to another subscription"));
    }
    if !plan.row.is_sold && !is_own {
        return refuse(Refusal::rule("This subscription has been sold out, please choose another subscription"));
    }
    Ok(price)
}

/// What an order does to a pass.
fn kind_of(ctx: &Ctx, pass: &Pass, plan: &Plan, period: Period) -> Result<i64, Refusal> {
    if period == Period::ResetTraffic {
        return Ok(kind::RESET);
    }
    let is_current = pass.is_current(ctx.now());
    match pass.row().plan_id {
        Some(held) if held != plan.row.id && is_current => {
            if ctx.app.live().panel().plan_change_enable {
                Ok(kind::CHANGE)
            } else {
                Err(Refusal::rule("目前不允许更改订阅，请联系客服或提交工单操作"))
            }
        }
        Some(held) if held == plan.row.id && is_current && pass.row().expires_at.is_some() => Ok(kind::RENEWAL),
        _ => Ok(kind::NEW),
    }
}

/// An order without amounts.
fn blank(ctx: &Ctx, pass: &Pass, plan: Option<PlanId>, period: &str) -> Result<OrderRow> {
    let now = ctx.now();
    Ok(OrderRow {
        id: PanelOrderId(0),
        trade_no: trade_no(ctx)?,
        account_id: pass.row().account_id,
        inviter_id: pass.row().inviter_id,
        plan_id: plan,
        panel_coupon_id: None,
        payment_channel_id: None,
        kind: kind::TOP_UP,
        period: period.to_owned(),
        status: status::PENDING,
        currency: money::currency(ctx),
        total: Money::ZERO,
        handling: None,
        discount: None,
        surplus: None,
        refund: None,
        balance: None,
        surplus_orders: None,
        commission_status: None,
        commission: Money::ZERO,
        commission_paid: None,
        callback_no: None,
        paid_at: None,
        opened_at: None,
        expires_at: now.plus(LIFE),
        created_at: now,
        updated_at: now,
    })
}

/// Time and sixteen random digits.
fn trade_no(ctx: &Ctx) -> Result<String> {
    let now = Timestamp::from_millisecond(ctx.now().0).map_err(Error::internal)?;
    let now = calendar::zone(&ctx.app).to_datetime(now);
    let random = ctx.app.random().below(10_000_000_000_000_000);
    Ok(format!("{}{random:016}", now.strftime("%Y%m%d%H%M%S")))
}

/// Fixes what inviting earns by it, and inserts it.
async fn insert(ctx: &Ctx, tx: &mut Tx, order: &mut OrderRow) -> Outcome<()> {
    if let Some(inviter) = order.inviter_id
        && let Some(percent) = commission_percent(ctx, tx, order.account_id, inviter).await?
    {
        order.commission = order.total.part(percent, 100);
        order.commission_status = (order.commission > Money::ZERO).then_some(0);
    }
    order.id = rows::insert(tx, order).await?.ok_or(is_open())?;
    audit::changed(tx, ctx, "panel.order.create", Object::new("panel_order", order.id.0, &order.trade_no)).await?;
    Ok(())
}

/// What an inviter earns of this order; none: nothing (specs/panel.md §3.4).
async fn commission_percent(ctx: &Ctx, tx: &mut Tx, buyer: AccountId, inviter: AccountId) -> Result<Option<i64>> {
    let Some(terms) = proxy_plan::find_inviter(tx, inviter).await? else { return Ok(None) };
    let settings = ctx.app.live().panel();
    let is_first_only = match terms.commission_type {
        0 => settings.commission_first_time_enable,
        kind => kind == 2,
    };
    if is_first_only && rows::has_counted(tx, buyer).await? {
        return Ok(None);
    }
    Ok(Some(terms.commission_rate.unwrap_or(settings.invite_commission).clamp(0, 100)))
}
