//! `user/getSubscribe` (specs/panel.md §2.3).

use gatehouse_domain::panel::subscription;
use gatehouse_model::Millis;
use serde_json::json;

use super::account::{bytes, limit, quota, seconds};
use crate::{
    answer::{Answer, Outcome},
    endpoint::Call,
    plan::resource::raw,
};

/// Shows the caller's subscription: bytes, seconds, Mbit/s.
pub(super) async fn get(call: &Call) -> Outcome {
    let shown = subscription::show(call.who()?).await?;
    let row = &shown.row;
    let mut data = json!({
        "plan_id": row.plan_id,
        "token": shown.token.expose(),
        "expired_at": row.expires_at.map(seconds),
        "u": bytes(row.up),
        "d": bytes(row.down),
        "transfer_enable": quota(row.quota),
        "email": row.email,
        "uuid": shown.uuid.expose(),
        "device_limit": limit(row.device_limit),
        "speed_limit": limit(row.speed_limit),
        "next_reset_at": row.next_reset_at.map(seconds),
        "subscribe_url": shown.url,
        "reset_day": row.next_reset_at.map(|at| days_until(call.ctx.now(), at)),
    });
    if let (Some(plan), Some(object)) = (&shown.plan, data.as_object_mut()) {
        object.insert("plan".to_owned(), raw(plan));
    }
    Ok(Answer::Data(data))
}

/// Days until a moment, rounded up; 0 when it has come.
fn days_until(now: Millis, at: Millis) -> i64 {
    const DAY: i64 = 86_400_000;
    at.0.saturating_sub(now.0).max(0).saturating_add(DAY - 1) / DAY
}
