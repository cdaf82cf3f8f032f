//! Messages between subscribers and staff (specs/billing.md §5.3).
//!
//! A message is a row of the statement whose text stands in `reason`, as `comment` would show it among payments.

mod broadcast;
mod send;
mod text;

use gatehouse_model::{Millis, StatementId};
use gatehouse_store::{Aspect, billing_message as rows, billing_message::MessageRow, statement, subscriber};

pub use broadcast::broadcast;
pub use send::{send, send_to};

use super::{Outcome, Refusal, Who, scope};
use crate::{
    audit::{self, Object},
    ledger::kind,
    radius::outbox,
};

/// Most messages of one list.
const MOST: u32 = 200;

/// A message as its reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its number.
    pub id: StatementId,
    /// When it was sent.
    pub at: Millis,
    /// `category`: 480, 481, 482, 488, 491; 492 for staff only.
    pub kind: i64,
    /// Its text, as it was stored.
    pub text: String,
    /// What staff wrote beside it.
    pub comment: String,
    /// `admin`, `user`, `kernel`, `other`.
    pub creator: String,
    /// Whether whom it is for has read it; of one to staff: whether they answered.
    pub is_read: bool,
    /// Whether staff answered it.
    pub is_answered: bool,
}

impl Message {
    fn of(row: MessageRow, who: &Who) -> Self {
        let is_answered = row.kind == kind::FROM_USER_ANSWERED;
        let is_read = match row.kind {
            kind::BROADCAST => row.read_at.is_some(),
            other => other == kind::MESSAGE_READ || is_answered,
        };
        let kind = if is_answered && !who.is_admin() { kind::FROM_USER } else { row.kind };
        Self {
            id: row.id,
            at: row.at,
            kind,
            text: row.text,
            comment: row.comment,
            creator: row.actor,
            is_read,
            is_answered,
        }
    }
}

/// Lists the messages of a subscriber with those to his group, newest first, at most 200.
///
/// Shape: his number, how many and after how many → messages. Errors: those of [`scope::target`]. Source: specs/billing.md §5.3.
pub async fn list(who: &Who, uid: Option<i64>, limit: u32, start: u32) -> Outcome<Vec<Message>> {
    let q = &mut who.ctx.read();
    let target = scope::target(q, who, uid, None).await?;
    let part = (limit.clamp(1, MOST).into(), start.into());
    let page = rows::list(q, target.account, target.group, part).await?;
    Ok(page.into_iter().map(|row| Message::of(row, who)).collect())
}

/// Takes note that a subscriber has read a message; one that blocked his access lets him in at once. Again is nothing.
///
/// Shape: his number and the message's → nothing. Errors: those of [`scope::target`], for staff with `billing.message.send`;
/// `NotFound` for messages of others and to staff. Source: specs/billing.md §5.3 `u_ajAcceptMsg`.
pub async fn accept(who: &Who, uid: Option<i64>, id: StatementId) -> Outcome<()> {
    let ctx = &who.ctx;
    let target = scope::target(&mut ctx.read(), who, uid, Some("billing.message.send")).await?;
    let mut tx = ctx.begin().await?;
    subscriber::lock_terms(&mut tx, target.account).await?;
    let row = statement::find(&mut tx, id).await?.ok_or(Refusal::NotFound)?;
    let is_news = match (row.account_id == Some(target.account), row.kind) {
        (true, kind::MESSAGE_READ) => false,
        (true, kind::MESSAGE) => statement::update_kind(&mut tx, id, kind::MESSAGE, kind::MESSAGE_READ).await? > 0,
        (true, kind::MESSAGE_BLOCKING) => {
            statement::update_kind(&mut tx, id, kind::MESSAGE_BLOCKING, kind::MESSAGE_READ).await?;
            outbox::change_account(&mut tx, ctx.now(), target.account).await?;
            tx.touch(Aspect::Subscriber, Some(target.account.0));
            true
        }
        (false, kind::BROADCAST) if rows::is_for_group(&mut tx, id, target.group).await? => {
            rows::insert_read(&mut tx, id, target.account, ctx.now()).await? > 0
        }
        _ => return Err(Refusal::NotFound.into()),
    };
    if is_news {
        let name = target.uid.to_string();
        let object = Object::new("subscriber", target.account.0, &name);
        audit::changed(&mut tx, ctx, "billing.message.read", object).await?;
    }
    tx.commit().await?;
    Ok(())
}
