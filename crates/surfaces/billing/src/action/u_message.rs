//! `u_message`

use gatehouse_domain::billing::{Refusal, message};
use gatehouse_model::BillingGroupId;
use http::Method;

use crate::{
    answer::{Answer, Failure, Outcome},
    endpoint::{Call, Endpoint, For},
    shown::WallClock,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    action: "u_message",
    role: For::Everybody,
    changes: |_, method| *method == Method::POST,
    handle: |call| Box::pin(handle(call)),
};

/// Messages of a list that names no limit.
const DEFAULT: i64 = 50;
/// Most messages of a list.
const MOST: i64 = 200;
/// `category` of a message to one subscriber.
const TO_ONE: i64 = 480;
/// `category` of a message to many.
const TO_MANY: i64 = 488;

/// Lists the messages of a subscriber, or sends one.
///
/// Shape: GET: `start`, `limit`, `uid` of staff → `messages`. POST: `msg` in the body → `result` `ok`, `id`; of staff also `uid` and
/// `category` 480 or 482, or `category` 488 and `grp`, numbers between commas. Units: seconds since 1970.
/// Errors: `post_required` for `msg` elsewhere than in the body of a POST, `msg_empty`, `msg_long`, `msg_blocked`, `too_many`,
/// `bad_request` for another category. Source: seeds/004 "Получение списка сообщений", "Отправка сообщения администрации",
/// specs/billing.md §5.3.
async fn handle(call: &Call) -> Outcome {
    let text = call.params.of_body("msg");
    if call.method == Method::POST && (text.is_some() || call.params.get("msg").is_none()) {
        return send(call, text.unwrap_or_default()).await;
    }
    if call.params.get("msg").is_some() {
        return Err(Failure::code("post_required"));
    }
    let part = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
    let (limit, start) = (call.params.limit(DEFAULT, MOST)?, call.params.start()?);
    let messages = message::list(&call.who, call.uid(), part(limit), part(start)).await?;
    let clock = WallClock::new(&call.who.ctx);
    let mut writer = call.writer();
    writer.list("messages", &messages, |entry, message| {
        entry.number("id", message.id.0);
        entry.time("time", Some(message.at));
        entry.text("date", &clock.minute(message.at));
        entry.number("category", message.kind);
        entry.text("msg", &message.text);
        entry.text("comment", &message.comment);
        // What the statement keeps for programs; of a message that is its text.
        entry.text("reason", &message.text);
        entry.text("creator", &message.creator);
        entry.flag("read", message.is_read);
        entry.flag("answered", message.is_answered);
    });
    Ok(Answer::Data(writer.into_bytes()))
}

async fn send(call: &Call, text: &str) -> Outcome {
    let category = call.params.number("category")?.unwrap_or(TO_ONE);
    let id = if !call.who.is_admin() {
        message::send(&call.who, text, call.key()).await?
    } else if category == TO_MANY {
        let groups = call.params.get("grp").unwrap_or_default().split(',').filter(|group| !group.is_empty());
        let groups: Result<Vec<_>, _> = groups.map(|group| group.trim().parse().map(BillingGroupId)).collect();
        let groups = groups.map_err(|_wrong| Refusal::BadRequest)?;
        message::broadcast(&call.who, &groups, text, call.key()).await?
    } else {
        message::send_to(&call.who, call.uid(), category, text, call.key()).await?
    };
    let mut writer = call.writer();
    writer.text("result", "ok");
    writer.number("id", id.0);
    Ok(Answer::Plain(writer.into_bytes()))
}
