//! `stat/*` (specs/panel.md §4.3). Sums of the stored rows; money in hundredths, traffic in bytes.

use gatehouse_domain::panel::{
    day,
    stat::{self, Rank},
};
use gatehouse_model::{AccountId, Millis};
use serde_json::{Value, json};

use crate::{
    admin::decimal,
    answer::{Answer, Failure, Outcome},
    endpoint::{Call, Endpoint, For, endpoint},
    input::wrong,
    user::account::{bytes, seconds},
};

const STAT: For = For::Staff("panel.stat");

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(Get "v2/{sp}/stat/getStats", STAT, stats),
    endpoint!(Get "v2/{sp}/stat/getOverride", STAT, overview),
    endpoint!(Get "v2/{sp}/stat/getOrder", STAT, orders),
    endpoint!(Get "v2/{sp}/stat/getServerLastRank", STAT, today_rank),
    endpoint!(Get "v2/{sp}/stat/getServerYesterdayRank", STAT, yesterday_rank),
    endpoint!(Get "v2/{sp}/stat/getTrafficRank", STAT, traffic_rank),
    endpoint!(Both "v2/{sp}/stat/getStatUser", STAT, of_user),
];

/// How much more than before, in percent.
fn growth(now: i64, before: i64) -> Value {
    if before <= 0 { json!(if now > 0 { 100 } else { 0 }) } else { json!((now - before).saturating_mul(100) / before) }
}

fn traffic((up, down): (i64, i64)) -> Value {
    json!({"upload": up, "download": down, "total": up.saturating_add(down)})
}

/// Shows what staff look at first, bare.
async fn stats(call: &Call) -> Outcome {
    let it = stat::overview(&call.ctx).await?;
    Ok(Answer::Bare(json!({"data": {
        "todayIncome": it.today.paid_total,
        "dayIncomeGrowth": growth(it.today.paid_total, it.yesterday.paid_total),
        "currentMonthIncome": it.month.paid_total,
        "lastMonthIncome": it.last_month.paid_total,
        "monthIncomeGrowth": growth(it.month.paid_total, it.last_month.paid_total),
        "currentMonthCommissionPayout": it.month.commission_total,
        "lastMonthCommissionPayout": it.last_month.commission_total,
        "todayOrders": it.today.order_count,
        "totalUsers": it.users.total,
        "activeUsers": it.users.active,
        "currentMonthNewUsers": it.users.registered,
        "todayNewUsers": it.registered_today,
        "onlineUsers": it.online.0,
        "onlineDevices": it.online.1,
        "onlineNodes": it.online_nodes,
        "ticketPendingTotal": it.waiting.0,
        "commissionPendingTotal": it.waiting.1,
        "todayTraffic": traffic(it.traffic_today),
        "monthTraffic": traffic(it.traffic_month),
        "totalTraffic": traffic(it.traffic_total),
    }})))
}

/// The same figures by their older names, bare.
async fn overview(call: &Call) -> Outcome {
    let it = stat::overview(&call.ctx).await?;
    Ok(Answer::Bare(json!({"data": {
        "month_income": it.month.paid_total,
        "month_register_total": it.users.registered,
        "ticket_pending_total": it.waiting.0,
        "commission_pending_total": it.waiting.1,
        "day_income": it.today.paid_total,
        "last_month_income": it.last_month.paid_total,
        "commission_month_payout": it.month.commission_total,
        "commission_last_month_payout": it.last_month.commission_total,
        "online_nodes": it.online_nodes,
        "online_devices": it.online.1,
        "online_users": it.online.0,
        "today_traffic": traffic(it.traffic_today),
        "month_traffic": traffic(it.traffic_month),
        "total_traffic": traffic(it.traffic_total),
    }})))
}

/// A day given as `Y-m-d`.
fn date(call: &Call, name: &'static str) -> Result<Option<Millis>, Failure> {
    let text = call.input.text(name);
    text.map(|text| day::parse(&call.ctx.app, &text).ok_or_else(|| wrong(name))).transpose()
}

/// Shows orders by day, oldest first, and their sums, bare. Shape: `start_date?`, `end_date?`, `type?`.
async fn orders(call: &Call) -> Outcome {
    let (from, until) = (date(call, "start_date")?, date(call, "end_date")?);
    let mut days = stat::orders(&call.ctx, from, until).await?;
    days.reverse();
    let app = &call.ctx.app;
    let kind = call.input.text("type");
    let list: Vec<Value> = days
        .iter()
        .map(|row| {
            let average = |total: i64, count: i64| if count > 0 { total / count } else { 0 };
            let date = day::date(app, row.day);
            let value = match kind.as_deref() {
                Some("paid_total") => Some(row.paid_total),
                Some("paid_count") => Some(row.paid_count),
                Some("commission_total") => Some(row.commission_total),
                Some("commission_count") => Some(row.commission_count),
                _ => None,
            };
            match (value, kind.as_deref()) {
                (Some(value), Some(kind)) => json!({"date": date, "value": value, "type": kind}),
                _ => json!({
                    "date": date,
                    "paid_total": row.paid_total,
                    "paid_count": row.paid_count,
                    "order_total": row.order_total,
                    "order_count": row.order_count,
                    "commission_total": row.commission_total,
                    "commission_count": row.commission_count,
                    "avg_order_amount": average(row.paid_total, row.paid_count),
                    "avg_commission_amount": average(row.commission_total, row.commission_count),
                }),
            }
        })
        .collect();
    let sum = |part: fn(&_) -> i64| days.iter().map(part).sum::<i64>();
    let (paid, count) = (sum(|row| row.paid_total), sum(|row| row.paid_count));
    let (commission, commissions) = (sum(|row| row.commission_total), sum(|row| row.commission_count));
    let edge = |row: Option<&_>| row.map(|row: &stat::Day| day::date(app, row.day));
    let summary = json!({
        "start_date": edge(days.first()),
        "end_date": edge(days.last()),
        "paid_total": paid,
        "paid_count": count,
        "commission_total": commission,
        "commission_count": commissions,
        "avg_paid_amount": if count > 0 { paid / count } else { 0 },
        "avg_commission_amount": if commissions > 0 { commission / commissions } else { 0 },
        "commission_rate": if paid > 0 { commission.saturating_mul(100) / paid } else { 0 },
    });
    Ok(Answer::Bare(json!({"code": 0, "message": "success", "data": {"list": list, "summary": summary}})))
}

fn ranked(ranks: &[Rank]) -> Value {
    let shown = ranks.iter().map(|rank| {
        json!({
            "server_name": rank.name,
            "server_id": rank.id,
            "server_type": rank.kind,
            "u": rank.up,
            "d": rank.down,
            "total": rank.up.saturating_add(rank.down),
        })
    });
    json!({"data": shown.collect::<Value>()})
}

/// Ranks nodes by what they carried today, bare.
async fn today_rank(call: &Call) -> Outcome {
    let (app, now) = (&call.ctx.app, call.ctx.now());
    Ok(Answer::Bare(ranked(&stat::rank_nodes(&call.ctx, day::start(app, now), day::shifted(app, now, 1)).await?)))
}

/// Ranks nodes by what they carried yesterday, bare.
async fn yesterday_rank(call: &Call) -> Outcome {
    let (app, now) = (&call.ctx.app, call.ctx.now());
    Ok(Answer::Bare(ranked(&stat::rank_nodes(&call.ctx, day::shifted(app, now, -1), day::start(app, now)).await?)))
}

/// Ranks nodes or users of a time, with the time of the same length before. Shape: `type` node or user, `start_time`, `end_time`
/// in seconds, by default the last seven days.
async fn traffic_rank(call: &Call) -> Outcome {
    let (app, now) = (&call.ctx.app, call.ctx.now());
    let at = |seconds: i64| day::start(app, Millis(seconds.saturating_mul(1_000)));
    let from = call.input.integer("start_time")?.map_or_else(|| day::shifted(app, now, -6), at);
    let until = call.input.integer("end_time")?.map_or(now, |end| Millis(end.saturating_mul(1_000)));
    let until = day::shifted(app, until, 1);
    let before = Millis(from.0.saturating_sub(until.0.saturating_sub(from.0)));
    let (ranks, old) = match call.input.text("type").as_deref() {
        Some("user") => {
            (stat::rank_users(&call.ctx, from, until).await?, stat::rank_users(&call.ctx, before, from).await?)
        }
        None | Some("node") => {
            (stat::rank_nodes(&call.ctx, from, until).await?, stat::rank_nodes(&call.ctx, before, from).await?)
        }
        Some(_) => return Err(wrong("type")),
    };
    let total = |rank: &Rank| rank.up.saturating_add(rank.down);
    let shown = ranks.iter().map(|rank| {
        let previous = old.iter().find(|old| old.id == rank.id).map_or(0, total);
        json!({
            "id": rank.id.to_string(),
            "name": rank.name,
            "value": total(rank),
            "previousValue": previous,
            "change": growth(total(rank), previous),
        })
    });
    Ok(Answer::Bare(json!({"timestamp": seconds(now), "data": shown.collect::<Value>()})))
}

/// Lists a user's traffic by day, bare. Shape: `user_id`, `page?`, `pageSize?`.
async fn of_user(call: &Call) -> Outcome {
    let account = AccountId(call.input.integer("user_id")?.ok_or_else(|| wrong("user_id"))?);
    let (rows, total) = stat::traffic_of(&call.ctx, account, call.input.page("page", "pageSize", 10, 500)).await?;
    let shown = rows.iter().map(|row| {
        json!({
            "user_id": account,
            "record_type": "d",
            "record_at": seconds(row.day),
            "server_rate": decimal(row.rate),
            "u": bytes(row.up),
            "d": bytes(row.down),
        })
    });
    Ok(Answer::Bare(json!({"data": shown.collect::<Value>(), "total": total})))
}
