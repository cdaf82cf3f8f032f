//! `user/server/fetch`, `user/stat/getTrafficLog` (specs/panel.md §2.3).

use axum::{body::Body, response::Response};
use gatehouse_domain::{
    panel::{node::show, stat},
    proxy::roster,
};
use gatehouse_profile::Settings;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::account::{bytes, seconds};
use crate::{
    admin::decimal,
    answer::{Answer, Outcome},
    endpoint::Call,
};

/// Lists the nodes of the caller's group, bare, with an `ETag` of what front ends keep them by. No address, no credential.
pub(super) async fn fetch(call: &Call) -> Outcome {
    let who = call.who()?;
    let nodes = show::of_user(who).await?;
    let shown: Vec<Value> = nodes
        .iter()
        .map(|(node, is_online)| {
            let kind = node.protocol.kind();
            let version = match node.sheet.settings.as_ref() {
                Settings::Hysteria(settings) => Some(settings.version),
                Settings::Tuic(settings) => Some(settings.version),
                _ => None,
            };
            let tags = Some(&node.sheet.tags).filter(|tags| !tags.is_empty());
            let is_online = u8::from(*is_online);
            json!({
                "id": node.id,
                "type": kind.as_str(),
                "version": version,
                "name": node.name,
                "rate": decimal(node.rate),
                "tags": tags,
                "is_online": is_online,
                "cache_key": format!("{kind}-{}-{}-{is_online}", node.id, seconds(node.sheet.updated_at)),
                "last_check_at": call.ctx.app.checkins().of(node).polled_at.map(seconds),
            })
        })
        .collect();
    let keys: Vec<&Value> = shown.iter().filter_map(|node| node.get("cache_key")).collect();
    let tag = roster::Body::new(json!(keys).to_string().into_bytes()).etag;
    let known = call.headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut response = Response::new(Body::empty());
    if known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        *response.body_mut() = Body::from(json!({"data": shown}).to_string());
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(Answer::Raw(Box::new(response)))
}

/// Lists the caller's traffic of this month, newest day first, one row for each day and rate; multiplied by the rate already.
pub(super) async fn traffic_log(call: &Call) -> Outcome {
    let who = call.who()?;
    let rows = stat::traffic_of_month(who).await?;
    let shown = rows.iter().map(|row| {
        json!({
            "u": bytes(row.up),
            "d": bytes(row.down),
            "record_at": seconds(row.day),
            "server_rate": decimal(row.rate),
            "user_id": who.account,
        })
    });
    Ok(Answer::Data(shown.collect()))
}
