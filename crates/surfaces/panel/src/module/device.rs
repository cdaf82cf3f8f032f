//! `user-online-devices/*` (specs/panel.md §5.2).

use gatehouse_domain::panel::device;
use serde_json::{Map, Value, json};

use crate::{
    admin::notice::beside,
    answer::{Answer, Outcome},
    endpoint::Call,
    user::{
        account::{limit, seconds},
        session,
    },
};

/// Shows from where the caller's subscription is used, and his sessions here.
pub(super) async fn get_ip(call: &Call) -> Outcome {
    let seen = device::seen(call.who()?).await?;
    let details = seen.rows.iter().map(|row| {
        json!({
            "ip": row.from_address,
            "node_id": row.node_id,
            "node_name": row.node_name,
            "last_seen": seconds(row.seen_at),
        })
    });
    Ok(Answer::Data(json!({
        "ips": device::addresses(&seen.rows),
        "ip_details": details.collect::<Value>(),
        "session_overview": {
            "online_count": seen.online,
            "device_limit": limit(seen.limit),
            "sessions": session::shown(call).await?,
        },
    })))
}

/// Lists users that are seen somewhere now; `all=1`: all. Shape: `keyword`, `current`, `pageSize`.
pub(super) async fn users(call: &Call) -> Outcome {
    let input = &call.input;
    let page = input.page("current", "pageSize", 10, 500);
    let is_all = input.flag("all")?.unwrap_or(false);
    let (users, total) = device::list(&call.ctx, input.text("keyword").as_deref(), is_all, page).await?;
    let shown = users.iter().map(|user| {
        json!({
            "user_id": user.account,
            "email": user.email,
            "online_count": user.online,
            "device_limit": limit(user.limit),
            "ips": user.addresses,
            "last_online_at": user.last_at.map(seconds),
        })
    });
    let mut body: Map<String, Value> = beside(total, page);
    body.insert("data".to_owned(), shown.collect());
    Ok(Answer::Bare(Value::Object(body)))
}
