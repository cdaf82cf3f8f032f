//! Push messages to subscribers' apps: queued in the transaction of their cause, sent after its commit (specs/billing.md §5.8, §12).
//!
//! Who sends them is registered with [`App::serve_push`](crate::App::serve_push).

mod event;
pub(crate) mod send;
mod text;

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use gatehouse_model::{AccountId, BillingGroupId};
use gatehouse_store::{Tx, push_token as rows};

pub use event::Event;

use crate::{
    Ctx, Result,
    audit::{self, Object},
    billing::{Outcome, Refusal, Role, Who},
};

/// Tokens of an account; the one that was used longest ago gives way.
const TOKENS: i64 = 20;
/// Characters of a token.
const LONGEST_TOKEN: usize = 4_096;

/// One message for one app.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Message {
    /// Headline.
    pub title: String,
    /// Text.
    pub body: String,
    /// What happened: `payment_credited`.
    pub event: String,
    /// What it is about: the number of a row of the statement, or of a subscription.
    pub id: String,
}

/// What came of sending one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The service has it.
    Sent,
    /// The app is gone: its token is worth nothing any more.
    Unregistered,
    /// It will never be taken.
    Dropped(String),
    /// Not now.
    Later {
        /// Not before that has passed, if the service says so.
        after: Option<Duration>,
        /// Why.
        why: String,
    },
}

/// What a sender gives, boxed because [`Sender`] is a trait object.
pub type Sending = Pin<Box<dyn Future<Output = Delivery> + Send>>;

/// Sends messages. Every call ends within 20 s.
pub trait Sender: Send + Sync + std::fmt::Debug {
    /// Sends one to one token.
    fn send(&self, token: String, message: Message) -> Sending;
}

/// Who sends in this process.
pub type SenderHandle = Arc<dyn Sender>;

/// Keeps the token of a subscriber's app; one that another account had moves to him.
///
/// Shape: `reg_id`, 1–4096 printable ASCII characters without a blank. Errors: `Forbidden` for staff, `BadRequest`.
/// Source: specs/billing.md §5.8.
pub async fn register(who: &Who, reg_id: &str) -> Outcome<()> {
    let Role::User { account, uid } = who.role else { return Err(Refusal::Forbidden.into()) };
    let is_token = (1..=LONGEST_TOKEN).contains(&reg_id.len()) && reg_id.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_token {
        return Err(Refusal::BadRequest.into());
    }
    let ctx = &who.ctx;
    let mut tx = ctx.begin().await?;
    let owner = rows::find_by_token(&mut tx, reg_id).await?.map(|row| row.account_id);
    rows::upsert(&mut tx, account, reg_id, "fcm", ctx.now()).await?;
    rows::delete_beyond(&mut tx, account, TOKENS).await?;
    // An app that says so at each start changes nothing.
    if owner != Some(account) {
        let uid = uid.to_string();
        audit::changed(&mut tx, ctx, "billing.push.register", Object::new("subscriber", account.0, &uid)).await?;
    }
    Ok(tx.commit().await?)
}

/// Queues a message to every app of an account. Nothing happens where push is not configured.
pub async fn queue(ctx: &Ctx, tx: &mut Tx, account: AccountId, event: &Event<'_>) -> Result<()> {
    let Some((key, payload)) = prepare(ctx, event)? else { return Ok(()) };
    rows::queue(tx, account, &key, &payload, ctx.now()).await?;
    Ok(())
}

/// Queues a message to every app of the subscribers of a group.
pub async fn queue_group(ctx: &Ctx, tx: &mut Tx, group: BillingGroupId, event: &Event<'_>) -> Result<()> {
    let Some((key, payload)) = prepare(ctx, event)? else { return Ok(()) };
    rows::queue_group(tx, group, &key, &payload, ctx.now()).await?;
    Ok(())
}

fn prepare(ctx: &Ctx, event: &Event<'_>) -> Result<Option<(String, String)>> {
    let settings = &ctx.app.settings().billing;
    if settings.push.credentials_file.is_none() {
        return Ok(None);
    }
    let message = text::message(settings, event);
    let payload = serde_json::to_string(&message).map_err(crate::Error::internal)?;
    Ok(Some((event.key(), payload)))
}
