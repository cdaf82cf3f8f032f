//! Staff's `ticket/*` (specs/panel.md §4.3).

use gatehouse_domain::panel::{
    Refusal,
    ticket::{self, TicketFilter, TicketRow},
};
use gatehouse_model::{AccountId, PanelTicketId, email_key};
use serde_json::{Map, Value, json};

use super::notice::beside;
use crate::{
    answer::{Answer, Failure, Outcome},
    endpoint::{Call, Endpoint, For, endpoint},
    input::{Input, as_integer, as_text, wrong},
    ticket::{id, messages, shown as ticket_shown},
};

const STAFF: For = For::Staff("panel.ticket");

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(Both "v2/{sp}/ticket/fetch", STAFF, fetch),
    endpoint!(Post "v2/{sp}/ticket/reply", STAFF, reply),
    endpoint!(Post "v2/{sp}/ticket/close", STAFF, close),
];

/// A ticket with its user.
fn shown(ticket: &TicketRow, messages: &Value) -> Value {
    let mut shown = ticket_shown(ticket, messages);
    if let Some(object) = shown.as_object_mut() {
        object.insert("user".to_owned(), json!({"id": ticket.account_id, "email": ticket.email}));
    }
    shown
}

/// Lists tickets, the newest first; `id`: one with its messages.
///
/// Shape: `current`, `pageSize`, `status`, `reply_status` (0, 1 or a list), `email`, `user_id`, and `filter` for the same.
async fn fetch(call: &Call) -> Outcome {
    if let Some(id) = call.input.value("id") {
        let id = as_integer(id).ok_or(Refusal::rule("Ticket does not exist"))?;
        let (ticket, thread) = ticket::find(&call.ctx, PanelTicketId(id)).await?;
        let owner = ticket.account_id;
        return Ok(Answer::Data(shown(&ticket, &messages(&thread, |author| author != owner))));
    }
    let asked = Asked::read(&call.input)?;
    let filter = TicketFilter {
        is_closed: asked.is_closed,
        is_answered: asked.is_answered,
        email: asked.email.as_deref(),
        account: asked.account,
    };
    let page = call.input.page("current", "pageSize", 10, 500);
    let (tickets, total) = ticket::list(&call.ctx, &filter, page).await?;
    let mut body: Map<String, Value> = beside(total, page);
    body.insert("data".to_owned(), tickets.iter().map(|ticket| shown(ticket, &Value::Null)).collect());
    Ok(Answer::Bare(Value::Object(body)))
}

#[derive(Default)]
struct Asked {
    is_closed: Option<bool>,
    is_answered: Option<bool>,
    email: Option<String>,
    account: Option<AccountId>,
}

impl Asked {
    fn read(input: &Input) -> Result<Self, Failure> {
        let mut asked = Self::default();
        for name in ["status", "reply_status", "email", "user_id"] {
            if let Some(value) = input.value(name) {
                asked.take(name, value)?;
            }
        }
        for item in input.list("filter").unwrap_or_default() {
            let (name, value) = (item.get("id").and_then(Value::as_str), item.get("value"));
            let (Some(name), Some(value)) = (name, value) else { return Err(wrong("filter")) };
            asked.take(name, value)?;
        }
        Ok(asked)
    }

    fn take(&mut self, name: &str, value: &Value) -> Result<(), Failure> {
        let text = |value: &Value| as_text(value).map(|text| text.strip_prefix("eq:").unwrap_or(&text).to_owned());
        match name {
            "status" => self.is_closed = switch("status", value)?,
            "reply_status" => self.is_answered = switch("reply_status", value)?,
            "email" => {
                let typed = as_text(value).ok_or_else(|| wrong("email"))?;
                self.email = Some(pattern(&typed));
            }
            "user_id" => {
                let id = text(value).and_then(|text| text.parse().ok()).ok_or_else(|| wrong("user_id"))?;
                self.account = Some(AccountId(id));
            }
            _ => return Err(wrong("filter")),
        }
        Ok(())
    }
}

/// A pattern that finds a typed part of an address.
fn pattern(typed: &str) -> String {
    let typed = typed.strip_prefix("like:").or_else(|| typed.strip_prefix("eq:")).unwrap_or(typed);
    gatehouse_domain::panel::pattern(&email_key(typed))
}

/// 0 or 1, or a list of these: both are no filter.
fn switch(name: &'static str, value: &Value) -> Result<Option<bool>, Failure> {
    let items = match value {
        Value::Array(items) => items.iter().collect(),
        single => vec![single],
    };
    let mut wanted: Option<bool> = None;
    for item in items {
        let text = as_text(item).ok_or_else(|| wrong(name))?;
        let flag = match text.strip_prefix("eq:").unwrap_or(&text) {
            "0" | "false" => false,
            "1" | "true" => true,
            _ => return Err(wrong(name)),
        };
        if wanted.is_some_and(|other| other != flag) {
            return Ok(None);
        }
        wanted = Some(flag);
    }
    Ok(wanted)
}

/// Answers a ticket. Shape: `id`, `message`.
async fn reply(call: &Call) -> Outcome {
    let id = id(&call.input)?;
    let message = call.input.text("message").ok_or(Refusal::input("message", "Message cannot be empty"))?;
    ticket::answer(&call.ctx, id, &message).await?;
    Ok(Answer::done())
}

/// Closes a ticket. Shape: `id`.
async fn close(call: &Call) -> Outcome {
    ticket::close_any(&call.ctx, id(&call.input)?).await?;
    Ok(Answer::done())
}
