//! Sending: a subscriber to staff, staff to a subscriber.

use std::time::Duration;

use gatehouse_model::{AccountId, StatementId};
use gatehouse_store::{Aspect, Tx, billing_message as rows, subscriber};

use super::text::normalise;
use crate::{
    Result,
    audit::{self, Object},
    billing::{
        Outcome, Refusal, Who,
        block::{self, Block},
        idempotency, scope,
    },
    ledger::{self, Shown, kind},
    push,
    radius::outbox,
};

/// Sends a message of a subscriber to staff: row 491.
///
/// Shape: a text of at most `billing.message.max_length` characters, and the caller's key, under which it is sent once → the number of
/// its row. Errors: `Forbidden` for staff, `MessageLong`, `MessageEmpty`, `MessageBlocked`, `TooMany`. Source: specs/billing.md §5.3, §13.
pub async fn send(who: &Who, text: &str, key: Option<&str>) -> Outcome<StatementId> {
    let ctx = &who.ctx;
    if who.is_admin() {
        return Err(Refusal::Forbidden.into());
    }
    let settings = &ctx.app.settings().billing.message;
    let text = normalise(text, settings.max_length)?;
    let target = scope::target(&mut ctx.read(), who, None, None).await?;
    let mut tx = ctx.begin().await?;
    // So that two at once do not both find room for one.
    subscriber::lock_terms(&mut tx, target.account).await?;
    if let Some(id) = sent(who, &mut tx, Some(target.account), key).await? {
        tx.commit().await?;
        return Ok(id);
    }
    if let Some(why) = block::find(ctx, &mut tx, target.account, Block::Messages).await? {
        return Err(Refusal::MessageBlocked(why).into());
    }
    if settings.max_unanswered > 0 {
        let since = ctx.now().minus(Duration::from_hours(24));
        if rows::count_unanswered(&mut tx, target.account, since).await? >= settings.max_unanswered.into() {
            return Err(Refusal::TooMany.into());
        }
    }
    let name = name(who, key);
    let shown = shown(kind::FROM_USER, &text, name.as_deref());
    let id = ledger::note(ctx, &mut tx, Some(target.account), &who.author(), &shown).await?;
    tx.commit().await?;
    Ok(id)
}

/// Sends a message of staff to a subscriber: row 480, or 482, which blocks his access until he has read it. What he wrote before
/// counts as answered.
///
/// Shape: his number, the category, a text and the caller's key, under which it is sent once → the number of its row. Errors: those of
/// [`scope::target`] for `billing.message.send`; `Forbidden` for subscribers; `BadRequest` for another category; `MessageLong`,
/// `MessageEmpty`. Source: specs/billing.md §5.3, §13.
pub async fn send_to(
    who: &Who,
    uid: Option<i64>,
    category: i64,
    text: &str,
    key: Option<&str>,
) -> Outcome<StatementId> {
    let ctx = &who.ctx;
    if !who.is_admin() {
        return Err(Refusal::Forbidden.into());
    }
    let target = scope::target(&mut ctx.read(), who, uid, Some("billing.message.send")).await?;
    if ![kind::MESSAGE, kind::MESSAGE_BLOCKING].contains(&category) {
        return Err(Refusal::BadRequest.into());
    }
    let text = normalise(text, ctx.app.settings().billing.message.max_length)?;
    let mut tx = ctx.begin().await?;
    subscriber::lock_terms(&mut tx, target.account).await?.ok_or(Refusal::NoUid)?;
    if let Some(id) = sent(who, &mut tx, Some(target.account), key).await? {
        tx.commit().await?;
        return Ok(id);
    }
    rows::answer_all(&mut tx, target.account).await?;
    let name = name(who, key);
    let shown = shown(category, &text, name.as_deref());
    let id = ledger::note(ctx, &mut tx, Some(target.account), &who.author(), &shown).await?;
    push::queue(ctx, &mut tx, target.account, &push::Event::Message { id, text: &text }).await?;
    if category == kind::MESSAGE_BLOCKING {
        outbox::change_account(&mut tx, ctx.now(), target.account).await?;
        tx.touch(Aspect::Subscriber, Some(target.account.0));
    }
    let name = target.uid.to_string();
    let object = Object::new("subscriber", target.account.0, &name);
    audit::changed(&mut tx, ctx, "billing.message.send", object).await?;
    tx.commit().await?;
    Ok(id)
}

/// The row of a message, named after the caller's key.
pub(super) fn shown<'a>(kind: i64, text: &'a str, name: Option<&'a str>) -> Shown<'a> {
    Shown { kind, at: None, reason: text, comment: "", reference: name, settles: None }
}

/// What a message is called after the caller's key.
pub(super) fn name(who: &Who, key: Option<&str>) -> Option<String> {
    key.and_then(|key| idempotency::names(&who.ctx.app, key).next())
}

/// The message to a subscriber, or to many, that the caller sent under his key: a process that died before it kept the answer did send it.
pub(super) async fn sent(
    who: &Who,
    tx: &mut Tx,
    account: Option<AccountId>,
    key: Option<&str>,
) -> Result<Option<StatementId>> {
    let (author, since) = (who.author(), who.ctx.now().minus(idempotency::KEPT));
    for name in key.iter().flat_map(|key| idempotency::names(&who.ctx.app, key)) {
        if let Some(id) = rows::find_by_key(tx, account, (author.word, author.number), &name, since).await? {
            return Ok(Some(id));
        }
    }
    Ok(None)
}
