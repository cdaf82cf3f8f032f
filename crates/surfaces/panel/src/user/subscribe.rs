//! `user/getSubscribe` (specs/panel.md §2.3).

use gatehouse_domain::panel::subscription;
use serde_json::json;

use super::account::{bytes, limit, quota, seconds};
use crate::{
    answer::{Answer, Outcome},
    endpoint::Call,
};

/// Shows the caller's subscription: bytes, seconds, Mbit/s.
pub(super) async fn get(call: &Call) -> Outcome {
    let shown = subscription::show(call.who()?).await?;
    let row = &shown.row;
    Ok(Answer::Data(json!({
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
        "reset_day": null,
    })))
}
