//! Blocks of single rights: ordering (450), messages (451), credit (452), each a row while it is in force (specs/billing.md §6.3).

use gatehouse_model::AccountId;
use gatehouse_store::{Query, Tx, billing_block as rows, statement, subscriber};

use super::{Outcome, Refusal, Who, scope};
use crate::{
    Ctx, Error, Result,
    audit::{self, Object, Stream},
    ledger::{self, Author, Shown, kind},
};

/// What a subscriber is kept from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    /// Ordering services.
    Ordering,
    /// Writing messages.
    Messages,
    /// Taking temporary payments.
    Credit,
}

impl Block {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Ordering, Self::Messages, Self::Credit];

    /// The number of its row; that of credit is the operator's choice.
    pub fn kind(self, ctx: &Ctx) -> i64 {
        match self {
            Self::Ordering => kind::NO_ORDERING,
            Self::Messages => kind::NO_MESSAGES,
            Self::Credit => ctx.app.settings().billing.credit.block_category,
        }
    }

    /// As the state file names it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ordering => "ordering",
            Self::Messages => "messages",
            Self::Credit => "credit",
        }
    }
}

/// What a subscriber is told about a block that is in force; none: there is no such block.
pub async fn find(ctx: &Ctx, q: &mut impl Query, account: AccountId, block: Block) -> Result<Option<String>> {
    Ok(rows::find(q, account, block.kind(ctx)).await?.map(|row| row.comment))
}

/// Sets a block, or lifts it.
///
/// Shape: the subscriber's number, the block and what he is told, none lifts → nothing. Errors: those of [`scope::target`] for
/// `billing.subscriber.block`; `BadRequest` for a text of more than 512 characters. Source: specs/billing.md §6.3.
pub async fn set(who: &Who, uid: Option<i64>, block: Block, comment: Option<&str>) -> Outcome<()> {
    let target = scope::target(&mut who.ctx.read(), who, uid, Some("billing.subscriber.block")).await?;
    if !who.is_admin() {
        return Err(Refusal::Forbidden.into());
    }
    if comment.is_some_and(|comment| comment.chars().count() > 512) {
        return Err(Refusal::BadRequest.into());
    }
    let mut tx = who.ctx.begin().await?;
    set_in(&who.ctx, &mut tx, &who.author(), target.account, block, comment).await?;
    tx.commit().await?;
    Ok(())
}

/// Writes a block or its end; false: it was so already.
///
/// Rows are never deleted: one that is lifted lies under the row that says so.
pub(crate) async fn set_in(
    ctx: &Ctx,
    tx: &mut Tx,
    author: &Author,
    account: AccountId,
    block: Block,
    comment: Option<&str>,
) -> Result<bool> {
    let terms = subscriber::lock_terms(tx, account).await?.ok_or(Error::NotFound { what: "subscriber pass" })?;
    let number = block.kind(ctx);
    let held = rows::list(tx, account, number).await?;
    if held.last().map(|row| row.comment.as_str()) == comment {
        return Ok(false);
    }
    let facts = serde_json::json!({ block.word(): [held.last().map(|row| &row.comment), comment] }).to_string();
    let shown = |kind, reason, comment| Shown { kind, at: None, reason, comment, reference: None, settles: None };
    let row = match comment {
        Some(comment) => ledger::note(ctx, tx, Some(account), author, &shown(number, "", comment)).await?,
        None => ledger::note(ctx, tx, Some(account), author, &shown(kind::CHANGED, &facts, "")).await?,
    };
    for old in held {
        statement::fold(tx, old.id, row).await?;
    }
    let action = if comment.is_some() { "billing.block.set" } else { "billing.block.lift" };
    let name = terms.uid.to_string();
    let object = Object::new("subscriber", account.0, &name);
    audit::record(tx, ctx, Stream::Change, action, object, "ok", Some(facts)).await?;
    Ok(true)
}
