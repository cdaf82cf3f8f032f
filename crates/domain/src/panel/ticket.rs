//! Tickets: what users ask staff (specs/panel.md §2.6, §3.6, §4.3). One is open per user, which the database sees to.

use std::time::Duration;

use gatehouse_model::{AccountId, Money, PanelTicketId};
use gatehouse_store::{Tx, panel_ticket as rows, proxy_pass};

pub use gatehouse_store::panel_ticket::{MessageRow, TicketFilter, TicketRow};

use super::{
    Who,
    refusal::{Outcome, Refusal},
};
use crate::{
    App, Ctx, Error,
    audit::{self, Object},
    ledger,
    mail::{self, Template},
    permission::{self, Change},
};

/// Tickets of a user that are listed, the newest ones.
const MOST: i64 = 200;
/// Messages of a ticket that are shown, the latest ones.
const MESSAGES: i64 = 1_000;
/// Longest subject.
const SUBJECT: usize = 255;
/// Longest message.
const MESSAGE: usize = 20_000;
/// Answered tickets close after this time without a word of their users.
const IDLE: Duration = Duration::from_hours(24);
/// A user is not told of answers more often.
const MAIL: Duration = Duration::from_mins(30);

const MISSING: Refusal = Refusal::rule("Ticket does not exist");
const OPEN: Refusal = Refusal::rule("存在未关闭的工单");

/// The caller's tickets, the newest first. Source: specs/panel.md §2.6.
pub async fn list_own(who: &Who) -> Outcome<Vec<TicketRow>> {
    Ok(rows::list_own(&mut who.ctx.read(), who.account, MOST).await?)
}

/// One of the caller's tickets with its messages. Errors: a rule for one that is unknown or another's.
pub async fn find_own(who: &Who, id: PanelTicketId) -> Outcome<(TicketRow, Vec<MessageRow>)> {
    let q = &mut who.ctx.read();
    let ticket = rows::find(q, id, Some(who.account)).await?.ok_or(MISSING)?;
    let messages = rows::list_messages(q, id, MESSAGES).await?;
    Ok((ticket, messages))
}

/// Opens a ticket.
///
/// Shape: subject, level 0 to 2, message. Errors: a rule while another one is open; input refusals. Source: specs/panel.md §2.6 save.
pub async fn save(who: &Who, subject: &str, level: i64, message: &str) -> Outcome<()> {
    if !(0..=2).contains(&level) {
        return Err(Refusal::input("level", "Incorrect ticket level format").into());
    }
    check("subject", subject, SUBJECT)?;
    check("message", message, MESSAGE)?;
    let mut tx = who.ctx.begin().await?;
    open(who, &mut tx, subject, level, message).await?;
    Ok(tx.commit().await?)
}

fn check(name: &'static str, text: &str, most: usize) -> Result<(), Refusal> {
    if text.chars().count() <= most {
        Ok(())
    } else {
        Err(Refusal::input(name, "The value of :name is not valid").with("name", name))
    }
}

async fn open(who: &Who, tx: &mut Tx, subject: &str, level: i64, message: &str) -> Outcome<()> {
    let at = who.ctx.now();
    let id = rows::insert(tx, who.account, subject, level, at).await.map_err(|error| match Error::from(error) {
        Error::Conflict { .. } => OPEN.into(),
        other => super::Failure::Error(other),
    })?;
    rows::insert_message(tx, id, who.account, message, at).await?;
    Ok(audit::changed(tx, &who.ctx, "panel.ticket.open", Object::new("panel_ticket", id.0, subject)).await?)
}

/// Adds a message of the caller. Errors: rules. Source: specs/panel.md §2.6 reply.
pub async fn reply(who: &Who, id: PanelTicketId, message: &str) -> Outcome<()> {
    check("message", message, MESSAGE)?;
    let ctx = &who.ctx;
    let mut tx = ctx.begin().await?;
    let ticket = rows::find(&mut tx, id, Some(who.account)).await?.ok_or(MISSING)?;
    let closed = Refusal::rule("The ticket is closed and cannot be replied");
    if ticket.is_closed {
        return Err(closed.into());
    }
    if ctx.app.live().panel().ticket_must_wait_reply && ticket.last_author_id == Some(who.account) {
        return Err(Refusal::rule("Please wait for the technical enginneer to reply").into());
    }
    // It may have been closed in this moment.
    if rows::update_replied(&mut tx, id, who.account, (false, true), ctx.now()).await? == 0 {
        return Err(closed.into());
    }
    rows::insert_message(&mut tx, id, who.account, message, ctx.now()).await?;
    Ok(tx.commit().await?)
}

/// Closes one of the caller's tickets; one that is closed stays so. Errors: a rule. Source: specs/panel.md §2.6 close.
pub async fn close(who: &Who, id: PanelTicketId) -> Outcome<()> {
    let mut tx = who.ctx.begin().await?;
    let ticket = rows::find(&mut tx, id, Some(who.account)).await?.ok_or(MISSING)?;
    if !ticket.is_closed {
        rows::close(&mut tx, id, who.ctx.now()).await?;
        let object = Object::new("panel_ticket", id.0, &ticket.subject);
        audit::changed(&mut tx, &who.ctx, "panel.ticket.close", object).await?;
    }
    Ok(tx.commit().await?)
}

/// How a request for commission is worded.
#[derive(Debug, Clone)]
pub struct Wording {
    /// Subject of the ticket.
    pub subject: String,
    /// Message, with `:method`, `:account` and `:amount` where these go.
    pub message: String,
}

/// Asks staff to pay the caller's commission out: opens a ticket that says how and how much. No money moves.
///
/// Errors: rules and input refusals in the order of specs/panel.md §2.6 withdraw.
pub async fn withdraw(who: &Who, method: &str, account: &str, wording: &Wording) -> Outcome<()> {
    who.no_shadow()?;
    check("withdraw_account", account, 1_000)?;
    let ctx = &who.ctx;
    let settings = ctx.app.live().panel();
    if settings.withdraw_close_enable {
        return Err(Refusal::rule("Unsupported withdraw").into());
    }
    if !settings.commission_withdraw_method.iter().any(|known| known == method) {
        return Err(Refusal::input("withdraw_method", "Unsupported withdrawal method").into());
    }
    let mut tx = ctx.begin().await?;
    let amount = ledger::commission(&mut tx, who.account, &settings.currency).await?;
    let least = settings.commission_withdraw_limit;
    if amount < least || amount <= Money::ZERO {
        let text = "The current required minimum withdrawal commission is :limit";
        return Err(Refusal::input("withdraw_account", text).with("limit", least.to_shortest()).into());
    }
    let message = wording
        .message
        .replace(":method", method)
        .replace(":amount", &format!("{} {}", amount.to_decimal(), settings.currency))
        .replace(":account", account);
    open(who, &mut tx, &wording.subject, 2, &message).await?;
    Ok(tx.commit().await?)
}

/// Tickets as staff look for them, the newest first, and how many there are. Errors: `Forbidden`.
pub async fn list(ctx: &Ctx, filter: &TicketFilter<'_>, (page, size): (i64, i64)) -> Outcome<(Vec<TicketRow>, i64)> {
    ctx.require("panel.ticket")?;
    let q = &mut ctx.read();
    let offset = page.saturating_sub(1).saturating_mul(size);
    Ok((rows::list(q, filter, (size, offset)).await?, rows::count(q, filter).await?))
}

/// A ticket with its messages. Errors: a rule for an unknown one; `Forbidden`.
pub async fn find(ctx: &Ctx, id: PanelTicketId) -> Outcome<(TicketRow, Vec<MessageRow>)> {
    ctx.require("panel.ticket")?;
    let q = &mut ctx.read();
    let ticket = rows::find(q, id, None).await?.ok_or(MISSING)?;
    let messages = rows::list_messages(q, id, MESSAGES).await?;
    Ok((ticket, messages))
}

/// Answers a ticket; one that is closed stays closed. Errors: a rule for an unknown one; `Forbidden`.
/// Source: specs/panel.md §4.3.
pub async fn answer(ctx: &Ctx, id: PanelTicketId, message: &str) -> Outcome<()> {
    check("message", message, MESSAGE)?;
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.ticket")?;
    let ticket = rows::find(&mut tx, id, None).await?.ok_or(MISSING)?;
    // Commands and tests of operators have no account.
    let author = ctx.account().unwrap_or(AccountId(0));
    rows::update_replied(&mut tx, id, author, (true, false), ctx.now()).await?;
    rows::insert_message(&mut tx, id, author, message, ctx.now()).await?;
    tell(&ctx, &mut tx, &ticket, message).await?;
    audit::changed(&mut tx, &ctx, "panel.ticket.reply", Object::new("panel_ticket", id.0, &ticket.subject)).await?;
    Ok(tx.commit().await?)
}

/// Mails the user of a ticket that it was answered, unless he was told a moment ago.
async fn tell(ctx: &Ctx, tx: &mut Tx, ticket: &TicketRow, message: &str) -> crate::Result<()> {
    let Some(email) = &ticket.email else { return Ok(()) };
    // Nobody reads at the made-up address of a shadow.
    if proxy_pass::find(tx, ticket.account_id).await?.is_some_and(|row| row.main_account_id.is_some()) {
        return Ok(());
    }
    if rows::claim_mail(tx, ticket.id, ctx.now().minus(MAIL), ctx.now()).await? == 0 {
        return Ok(());
    }
    let is_chinese = ctx.app.settings().panel.locale.starts_with("zh");
    let (subject, answer) = if is_chinese { ("主题", "回复") } else { ("Subject", "Answer") };
    let content = format!("{subject}: {}\n{answer}: {message}", ticket.subject);
    mail::queue(ctx, tx, email, Template::Notify, &[("content", &content)], mail::LIFE).await
}

/// Closes a ticket. Errors: a rule for an unknown one; `Forbidden`. Source: specs/panel.md §4.3.
pub async fn close_any(ctx: &Ctx, id: PanelTicketId) -> Outcome<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.ticket")?;
    let ticket = rows::find(&mut tx, id, None).await?.ok_or(MISSING)?;
    rows::close(&mut tx, id, ctx.now()).await?;
    audit::changed(&mut tx, &ctx, "panel.ticket.close", Object::new("panel_ticket", id.0, &ticket.subject)).await?;
    Ok(tx.commit().await?)
}

/// Closes answered tickets that their users left alone. A step of `panel.minute`. Source: specs/panel.md §3.6.
pub(crate) async fn close_idle(app: &App) -> crate::Result<()> {
    let since = app.now().minus(IDLE);
    if !rows::has_idle(&mut app.db().read(), since).await? {
        return Ok(());
    }
    let mut tx = app.db().begin().await?;
    rows::close_idle(&mut tx, since, app.now()).await?;
    Ok(tx.commit().await?)
}
