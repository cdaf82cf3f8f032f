//! Statistics of users, nodes and orders; days are the panel's (specs/panel.md §3.11, §4.3 stat).

use std::time::Duration;

use gatehouse_model::{AccountId, Millis};
use gatehouse_store::{
    panel_stat::{self as rows, DayRow, OrderSums, UsageDayRow, UserCounts},
    proxy_device,
};

use super::{Who, day, node::show, refusal::Outcome};
use crate::{App, Ctx, Result};
pub use gatehouse_store::panel_stat::DayRow as Day;

/// How long days of users and nodes are kept.
const KEPT: Duration = Duration::from_hours(24 * 62);
/// Days that one call shows.
const MOST_DAYS: i64 = 366;
/// Rows of a ranking.
const RANKS: i64 = 15;

/// The caller's traffic of this month, newest day first.
pub async fn traffic_of_month(who: &Who) -> Outcome<Vec<UsageDayRow>> {
    let since = day::month(&who.ctx.app, who.ctx.now());
    Ok(rows::list_usage(&mut who.ctx.read(), who.account, since, 1_000, 0).await?)
}

/// A user's traffic by day, newest first, a page, and how many rows there are. Errors: `Forbidden`.
pub async fn traffic_of(ctx: &Ctx, account: AccountId, page: (i64, i64)) -> Outcome<(Vec<UsageDayRow>, i64)> {
    ctx.require("panel.stat")?;
    let (number, size) = page;
    let offset = number.saturating_sub(1).saturating_mul(size);
    let total = rows::count_usage(&mut ctx.read(), account, Millis(0)).await?;
    Ok((rows::list_usage(&mut ctx.read(), account, Millis(0), size, offset).await?, total))
}

/// What staff look at first.
#[derive(Debug, Clone, Copy, Default)]
pub struct Overview {
    /// Orders of today.
    pub today: OrderSums,
    /// Of yesterday.
    pub yesterday: OrderSums,
    /// Of this month.
    pub month: OrderSums,
    /// Of the last month.
    pub last_month: OrderSums,
    /// Users, those of this month as the new ones.
    pub users: UserCounts,
    /// New today.
    pub registered_today: i64,
    /// Users on any node, and their stays.
    pub online: (i64, i64),
    /// Nodes that are online.
    pub online_nodes: usize,
    /// Tickets and commissions that wait.
    pub waiting: (i64, i64),
    /// Raw traffic of today: up, down.
    pub traffic_today: (i64, i64),
    /// Of this month.
    pub traffic_month: (i64, i64),
    /// Ever.
    pub traffic_total: (i64, i64),
}

/// Figures of now: sums of the stored rows. Errors: `Forbidden`.
pub async fn overview(ctx: &Ctx) -> Outcome<Overview> {
    ctx.require("panel.stat")?;
    let (app, now) = (&ctx.app, ctx.now());
    app.checkins().load(app).await?;
    let today = day::start(app, now);
    let tomorrow = day::shifted(app, now, 1);
    let month = day::month(app, now);
    let last_month = day::month(app, Millis(month.0 - 1));
    let mut q = ctx.read();
    let of_month = rows::count_users(&mut q, now, month, tomorrow).await?;
    Ok(Overview {
        today: rows::sum_orders(&mut q, today, tomorrow).await?,
        yesterday: rows::sum_orders(&mut q, day::shifted(app, now, -1), today).await?,
        month: rows::sum_orders(&mut q, month, tomorrow).await?,
        last_month: rows::sum_orders(&mut q, last_month, month).await?,
        users: of_month,
        registered_today: rows::count_users(&mut q, now, today, tomorrow).await?.registered,
        online: proxy_device::count_all(&mut q).await?,
        online_nodes: show::online(app).len(),
        waiting: rows::count_waiting(&mut q).await?,
        traffic_today: rows::sum_nodes(&mut q, today, tomorrow).await?,
        traffic_month: rows::sum_nodes(&mut q, month, tomorrow).await?,
        traffic_total: rows::sum_nodes_ever(&mut q).await?,
    })
}

/// A node or user in a ranking: id, name, type of a node, up, down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rank {
    /// Of the node or account.
    pub id: i64,
    /// Node name, or e-mail.
    pub name: String,
    /// Node type.
    pub kind: Option<String>,
    /// Bytes up.
    pub up: i64,
    /// Bytes down.
    pub down: i64,
}

/// The busiest nodes of the days from one to another, not included; raw bytes. Errors: `Forbidden`.
pub async fn rank_nodes(ctx: &Ctx, from: Millis, until: Millis) -> Outcome<Vec<Rank>> {
    ctx.require("panel.stat")?;
    let ranked = rows::rank_nodes(&mut ctx.read(), from, until, RANKS).await?;
    let rank = |(id, name, kind, up, down): (gatehouse_model::NodeId, _, _, _, _)| Rank {
        id: id.0,
        name,
        kind: Some(kind),
        up,
        down,
    };
    Ok(ranked.into_iter().map(rank).collect())
}

/// The busiest users; charged bytes, rounded half up. Errors: `Forbidden`.
pub async fn rank_users(ctx: &Ctx, from: Millis, until: Millis) -> Outcome<Vec<Rank>> {
    ctx.require("panel.stat")?;
    let bytes = |hundredths: i64| hundredths.saturating_add(50).div_euclid(100);
    let ranked = rows::rank_users(&mut ctx.read(), from, until, RANKS).await?;
    let rank = |(id, name, up, down): (AccountId, _, _, _)| Rank {
        id: id.0,
        name,
        kind: None,
        up: bytes(up),
        down: bytes(down),
    };
    Ok(ranked.into_iter().map(rank).collect())
}

/// Orders by day of a time, newest first: days that are over as they were written, today as it is. Errors: `Forbidden`.
pub async fn orders(ctx: &Ctx, from: Option<Millis>, until: Option<Millis>) -> Outcome<Vec<DayRow>> {
    ctx.require("panel.stat")?;
    let (app, now) = (&ctx.app, ctx.now());
    let today = day::start(app, now);
    let from = from.unwrap_or_else(|| day::shifted(app, now, -30)).max(day::shifted(app, now, -MOST_DAYS));
    let until = until.map_or(today, |until| day::start(app, until));
    let mut days = Vec::new();
    if until >= today {
        days.push(count(ctx, today).await?);
    }
    days.extend(rows::list_days(&mut ctx.read(), from, today.min(day::shifted(app, until, 1))).await?);
    Ok(days)
}

async fn count(ctx: &Ctx, start: Millis) -> Result<DayRow> {
    let end = day::shifted(&ctx.app, start, 1);
    let mut q = ctx.read();
    let orders = rows::sum_orders(&mut q, start, end).await?;
    let users = rows::count_users(&mut q, ctx.now(), start, end).await?;
    let (up, down) = rows::sum_nodes(&mut q, start, end).await?;
    Ok(DayRow {
        day: start,
        order_count: orders.order_count,
        order_total: orders.order_total,
        paid_count: orders.paid_count,
        paid_total: orders.paid_total,
        commission_count: orders.commission_count,
        commission_total: orders.commission_total,
        register_count: users.registered,
        invite_count: users.invited,
        transfer_used: up.saturating_add(down),
    })
}

/// Whether yesterday is not written yet, ten minutes after it is over.
pub(crate) async fn is_due(app: &App) -> Result<bool> {
    let now = app.now();
    let is_time = now >= day::start(app, now).plus(Duration::from_mins(10));
    Ok(is_time && !rows::has_day(&mut app.db().read(), day::shifted(app, now, -1)).await?)
}

/// Writes yesterday, and forgets days of users and nodes after two months.
pub(crate) async fn close(ctx: &Ctx) -> Result<()> {
    let yesterday = day::shifted(&ctx.app, ctx.now(), -1);
    let row = count(ctx, yesterday).await?;
    let mut tx = ctx.begin().await?;
    rows::replace_day(&mut tx, &row).await?;
    rows::delete_old(&mut tx, ctx.now().minus(KEPT)).await?;
    Ok(tx.commit().await?)
}
