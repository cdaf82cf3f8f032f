//! Tickets of users (specs/panel.md §2.6).

use gatehouse_domain::panel::{
    Refusal,
    ticket::{self, MessageRow, TicketRow, Wording},
};
use gatehouse_model::{AccountId, PanelTicketId};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, Failure, Outcome},
    endpoint::{Call, Endpoint, For, endpoint},
    input::{Input, as_integer},
    text,
    user::account::seconds,
};

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(Get "v1/user/ticket/fetch", For::User, fetch),
    endpoint!(Post "v1/user/ticket/save", For::User, save),
    endpoint!(Post "v1/user/ticket/reply", For::User, reply),
    endpoint!(Post "v1/user/ticket/close", For::User, close),
    endpoint!(Post "v1/user/ticket/withdraw", For::User, withdraw),
];

/// A ticket of the wire.
pub(crate) fn shown(ticket: &TicketRow, messages: &Value) -> Value {
    json!({
        "id": ticket.id,
        "level": ticket.level,
        "reply_status": i64::from(ticket.is_answered),
        "status": i64::from(ticket.is_closed),
        "subject": ticket.subject,
        "message": messages,
        "created_at": seconds(ticket.created_at),
        "updated_at": seconds(ticket.updated_at),
        "user_id": ticket.account_id,
    })
}

/// Its messages; `is_mine`: whose are the reader's own.
pub(crate) fn messages(messages: &[MessageRow], is_mine: impl Fn(AccountId) -> bool) -> Value {
    let shown = messages.iter().map(|message| {
        json!({
            "id": message.id,
            "ticket_id": message.panel_ticket_id,
            "is_me": is_mine(message.author_id),
            "message": message.message,
            "created_at": seconds(message.created_at),
            "updated_at": seconds(message.created_at),
        })
    });
    shown.collect()
}

/// Lists the caller's tickets, the newest first; `id`: one with its messages.
async fn fetch(call: &Call) -> Outcome {
    let who = call.who()?;
    let Some(id) = call.input.value("id") else {
        let tickets = ticket::list_own(who).await?;
        return Ok(Answer::Data(tickets.iter().map(|ticket| shown(ticket, &Value::Null)).collect()));
    };
    let id = as_integer(id).ok_or(Refusal::rule("Ticket does not exist"))?;
    let (ticket, thread) = ticket::find_own(who, PanelTicketId(id)).await?;
    Ok(Answer::Data(shown(&ticket, &messages(&thread, |author| author == who.account))))
}

/// Opens a ticket. Shape: `subject`, `level`, `message`.
async fn save(call: &Call) -> Outcome {
    let input = &call.input;
    let subject = input.text("subject").ok_or(Refusal::input("subject", "Ticket subject cannot be empty"))?;
    let level = input.value("level").ok_or(Refusal::input("level", "Ticket level cannot be empty"))?;
    let level = as_integer(level).ok_or(Refusal::input("level", "Incorrect ticket level format"))?;
    let message = input.text("message").ok_or(Refusal::input("message", "Message cannot be empty"))?;
    ticket::save(call.who()?, &subject, level, &message).await?;
    Ok(Answer::done())
}

/// Adds a message. Shape: `id`, `message`.
async fn reply(call: &Call) -> Outcome {
    let id = call.input.value("id").and_then(as_integer).ok_or(Refusal::rule("Invalid parameter"))?;
    let message = call.input.text("message").ok_or(Refusal::rule("Message cannot be empty"))?;
    ticket::reply(call.who()?, PanelTicketId(id), &message).await?;
    Ok(Answer::done())
}

/// Closes a ticket. Shape: `id`.
async fn close(call: &Call) -> Outcome {
    ticket::close(call.who()?, id(&call.input)?).await?;
    Ok(Answer::done())
}

/// The id of a ticket. Errors: an input refusal for what is none.
pub(crate) fn id(input: &Input) -> Result<PanelTicketId, Failure> {
    input.id("id").map(PanelTicketId)
}

/// Asks for a commission where `withdraw_method` or `withdraw_account` came; else takes the ticket `id` back by closing it.
async fn withdraw(call: &Call) -> Outcome {
    let input = &call.input;
    if !input.has("withdraw_method") && !input.has("withdraw_account") {
        return close(call).await;
    }
    let empty = Refusal::input("withdraw_method", "The withdrawal method cannot be empty");
    let method = input.text("withdraw_method").ok_or(empty)?;
    let empty = Refusal::input("withdraw_account", "The withdrawal account cannot be empty");
    let account = input.text("withdraw_account").ok_or(empty)?;
    let wording = Wording {
        subject: text::of("[Commission Withdrawal Request] This ticket is opened by the system", call.language),
        message: text::of("Method: :method\nAmount: :amount\nAccount: :account", call.language),
    };
    ticket::withdraw(call.who()?, &method, &account, &wording).await?;
    Ok(Answer::done())
}
