//! Messages to many: one row, read by each for himself.

use gatehouse_model::{BillingGroupId, StatementId};
use gatehouse_store::{billing_group, billing_message as rows};

use super::{
    send::{name, sent, shown},
    text::normalise,
};
use crate::{
    audit::{self, Object, Stream},
    billing::{Outcome, Refusal, Who, scope},
    ledger::{self, kind},
    push,
};

/// Sends a message to every subscriber who is or will be in some billing groups: row 488, which is nobody's own.
///
/// Shape: groups, a text and the caller's key, under which it is sent once → the number of its row. Errors: `Forbidden` for subscribers and sessions without trust;
/// `NoPrivilege`; `GroupDenied` when `billing.access` or `billing.message.send` does not reach one of the groups; `BadRequest` for
/// no group or an unknown one; `MessageLong`, `MessageEmpty`. Source: specs/billing.md §5.3, §13.
pub async fn broadcast(who: &Who, groups: &[BillingGroupId], text: &str, key: Option<&str>) -> Outcome<StatementId> {
    let ctx = &who.ctx;
    let q = &mut ctx.read();
    // Whoever may send nowhere learns nothing about groups.
    scope::reach(q, who, "billing.message.send").await?;
    if groups.is_empty() {
        return Err(Refusal::BadRequest.into());
    }
    for group in groups {
        for code in ["billing.access", "billing.message.send"] {
            scope::require_on(q, who, code, *group).await?;
        }
        if billing_group::find(q, *group).await?.is_none() {
            return Err(Refusal::BadRequest.into());
        }
    }
    let text = normalise(text, ctx.app.settings().billing.message.max_length)?;
    let mut tx = ctx.begin().await?;
    if let Some(id) = sent(who, &mut tx, None, key).await? {
        tx.commit().await?;
        return Ok(id);
    }
    let name = name(who, key);
    let shown = shown(kind::BROADCAST, &text, name.as_deref());
    let id = ledger::note(ctx, &mut tx, None, &who.author(), &shown).await?;
    for group in groups {
        if rows::insert_group(&mut tx, id, *group).await? > 0 {
            push::queue_group(ctx, &mut tx, *group, &push::Event::Message { id, text: &text }).await?;
        }
    }
    let facts = serde_json::json!({ "groups": groups }).to_string();
    let object = Object::new("billing_message", id.0, "");
    audit::record(&mut tx, ctx, Stream::Change, "billing.message.broadcast", object, "ok", Some(facts)).await?;
    tx.commit().await?;
    Ok(id)
}
