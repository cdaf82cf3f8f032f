//! Changes of a subscriber: terms, block, password.

use gatehouse_model::{AccountId, BillingGroupId, Millis, Money, Secret};
use gatehouse_store::{
    Aspect, Tx, account as accounts,
    subscriber::{self as rows, SubscriberRow},
};

use super::{check, taken};
use crate::{
    Ctx, Edit, Error, Result,
    account::change,
    audit::{self, Object, Stream},
    billing::{Outcome, Refusal, Who, group, renew, scope},
    ledger::{self, Author, Shown, kind},
    radius::outbox,
};

/// What staff change of a subscriber; none leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubscriberEdit {
    /// His number: for installations that move in.
    pub uid: Option<i64>,
    /// His group. His limit stays.
    pub group: Option<BillingGroupId>,
    /// Number of his contract.
    pub contract: Option<String>,
    /// Date of his contract.
    pub contract_at: Edit<Millis>,
    /// Full name.
    pub full_name: Option<String>,
    /// What staff write about him.
    pub comment: Option<String>,
    /// Below it he is blocked; negative: allowed debt.
    pub limit_balance: Option<Money>,
    /// Whether he is blocked below it.
    pub block_if_limit: Option<bool>,
    /// Percent.
    pub discount: Option<i64>,
    /// Technical state.
    pub cstate: Option<i64>,
    /// Whether he needs no authorisation.
    pub is_always_on: Option<bool>,
}

impl SubscriberEdit {
    /// The codes of what is edited; fields are called there as on the wire.
    fn codes(&self) -> Vec<&'static str> {
        let edited = [
            ("billing.subscriber.update.uid", self.uid.is_some()),
            ("billing.subscriber.update.grp", self.group.is_some()),
            ("billing.subscriber.update.contract", self.contract.is_some()),
            ("billing.subscriber.update.contract_date", self.contract_at != Edit::Keep),
            ("billing.subscriber.update.fio", self.full_name.is_some()),
            ("billing.subscriber.update.comment", self.comment.is_some()),
            ("billing.subscriber.update.limit_balance", self.limit_balance.is_some()),
            ("billing.subscriber.update.block_if_limit", self.block_if_limit.is_some()),
            ("billing.subscriber.update.discount", self.discount.is_some()),
            ("billing.subscriber.update.cstate", self.cstate.is_some()),
            ("billing.subscriber.update.lstate", self.is_always_on.is_some()),
        ];
        edited.into_iter().filter_map(|(code, is_edited)| is_edited.then_some(code)).collect()
    }

    /// The pass after the edit.
    pub(crate) fn on(&self, row: &SubscriberRow, now: Millis) -> SubscriberRow {
        let cstate = self.cstate.unwrap_or(row.cstate);
        SubscriberRow {
            uid: self.uid.unwrap_or(row.uid),
            billing_group_id: self.group.unwrap_or(row.billing_group_id),
            contract: self.contract.clone().unwrap_or_else(|| row.contract.clone()),
            contract_at: self.contract_at.clone().apply(row.contract_at),
            full_name: self.full_name.clone().unwrap_or_else(|| row.full_name.clone()),
            comment: self.comment.clone().unwrap_or_else(|| row.comment.clone()),
            limit_balance: self.limit_balance.unwrap_or(row.limit_balance),
            block_if_limit: self.block_if_limit.unwrap_or(row.block_if_limit),
            discount: self.discount.unwrap_or(row.discount),
            cstate,
            cstate_at: if cstate == row.cstate { row.cstate_at } else { now },
            is_always_on: self.is_always_on.unwrap_or(row.is_always_on),
            ..row.clone()
        }
    }
}

/// Changes a subscriber's terms; debt is judged anew at once.
///
/// Shape: his number and an edit → nothing. Errors: those of [`scope::target`], and of [`scope::require_update`] for what is edited, on
/// the new group too; `BadRequest` for an unknown group. Source: specs/billing.md §6.2, §7.
pub async fn update(who: &Who, uid: Option<i64>, edit: &SubscriberEdit) -> Outcome<()> {
    let q = &mut who.ctx.read();
    let target = scope::target(q, who, uid, None).await?;
    if !who.is_admin() {
        return Err(Refusal::Forbidden.into());
    }
    let codes = edit.codes();
    scope::require_update(q, who, &codes, target.group).await?;
    if let Some(group) = edit.group {
        group::find(q, group).await?;
        scope::require_update(q, who, &codes, group).await?;
    }
    let mut tx = who.ctx.begin().await?;
    apply(&who.ctx, &mut tx, &who.author(), target.account, edit).await?;
    tx.commit().await?;
    Ok(())
}

/// Writes an edit, its row 410 and its audit row; false: all was so already.
pub(crate) async fn apply(
    ctx: &Ctx,
    tx: &mut Tx,
    author: &Author,
    account: AccountId,
    edit: &SubscriberEdit,
) -> Result<bool> {
    let (wallet, old) = hold(ctx, tx, account).await?;
    let new = edit.on(&old, ctx.now());
    if new == old {
        return Ok(false);
    }
    check(&new)?;
    if new.uid != old.uid {
        rows::raise_uid(tx, new.uid).await?;
    }
    write(ctx, tx, author, (&old, &new), "billing.subscriber.update").await?;
    if (new.limit_balance, new.block_if_limit) != (old.limit_balance, old.block_if_limit) {
        ledger::recalculate_debt(ctx, tx, account, wallet.balance).await?;
    }
    if (new.limit_balance, new.block_if_limit, new.discount) != (old.limit_balance, old.block_if_limit, old.discount) {
        // What stopped for want of money may fit now.
        renew::resume(ctx, tx, account).await?;
    }
    if (new.billing_group_id, new.is_always_on) != (old.billing_group_id, old.is_always_on) {
        outbox::change_account(tx, ctx.now(), account).await?;
    }
    Ok(true)
}

/// Sets or lifts the block of staff; his sessions follow at once.
///
/// Shape: his number and why he is blocked, none lifts the block → nothing. Errors: those of [`scope::target`] for
/// `billing.subscriber.block`. Source: specs/billing.md §5.10, §7.
pub async fn block(who: &Who, uid: Option<i64>, why: Option<&str>) -> Outcome<()> {
    let target = scope::target(&mut who.ctx.read(), who, uid, Some("billing.subscriber.block")).await?;
    if !who.is_admin() {
        return Err(Refusal::Forbidden.into());
    }
    let mut tx = who.ctx.begin().await?;
    block_in(&who.ctx, &mut tx, &who.author(), target.account, why).await?;
    tx.commit().await?;
    Ok(())
}

/// Writes the block of staff; false: it was so already.
pub(crate) async fn block_in(
    ctx: &Ctx,
    tx: &mut Tx,
    author: &Author,
    account: AccountId,
    why: Option<&str>,
) -> Result<bool> {
    let (_, old) = hold(ctx, tx, account).await?;
    let why_now = why.unwrap_or("").to_owned();
    let new = SubscriberRow { admin_block: why.is_some(), admin_block_why: why_now, ..old.clone() };
    if new == old {
        return Ok(false);
    }
    check(&new)?;
    let action = if new.admin_block { "billing.subscriber.block" } else { "billing.subscriber.unblock" };
    write(ctx, tx, author, (&old, &new), action).await?;
    if new.admin_block != old.admin_block {
        outbox::change_account(tx, ctx.now(), account).await?;
    }
    Ok(true)
}

/// Sets the password of a subscriber; all his sessions end.
///
/// Shape: his number and a password → nothing. Errors: those of [`scope::target`] for `billing.subscriber.password`; an account
/// that holds more than the caller is `NoPrivilege`. Source: specs/billing.md §6.2 (61).
pub async fn set_password(who: &Who, uid: Option<i64>, password: &Secret) -> Outcome<()> {
    let q = &mut who.ctx.read();
    let target = scope::target(q, who, uid, Some("billing.subscriber.password")).await?;
    if !who.is_admin() {
        return Err(Refusal::Forbidden.into());
    }
    let account = accounts::find(q, target.account).await?.ok_or(Refusal::NoUid)?;
    if crate::account::guard(&who.ctx, q, &account).await.is_err() {
        return Err(Refusal::NoPrivilege.into());
    }
    change::replace_password(&who.ctx, &account, password).await?;
    Ok(())
}

/// Locks wallet and terms of a subscriber, in that order.
async fn hold(ctx: &Ctx, tx: &mut Tx, account: AccountId) -> Result<(ledger::Wallet, SubscriberRow)> {
    let gone = || Error::NotFound { what: "subscriber pass" };
    let wallet = ledger::wallet(ctx, tx, account, &ctx.app.settings().billing.pay.currency).await?;
    rows::lock_terms(tx, account).await?.ok_or_else(gone)?;
    let row = rows::find(tx, account).await?.ok_or_else(gone)?;
    Ok((wallet, row))
}

async fn write(
    ctx: &Ctx,
    tx: &mut Tx,
    author: &Author,
    (old, new): (&SubscriberRow, &SubscriberRow),
    action: &'static str,
) -> Result<()> {
    rows::update(tx, new, ctx.now()).await.map_err(taken)?;
    let facts = differences(old, new).to_string();
    let shown = Shown { kind: kind::CHANGED, at: None, reason: &facts, comment: "", reference: None, settles: None };
    ledger::note(ctx, tx, Some(new.account_id), author, &shown).await?;
    tx.touch(Aspect::Subscriber, Some(new.account_id.0));
    let name = new.uid.to_string();
    let object = Object::new("subscriber", new.account_id.0, &name);
    audit::record(tx, ctx, Stream::Change, action, object, "ok", Some(facts)).await
}

/// The fields that differ, each with its old and its new value.
fn differences(old: &SubscriberRow, new: &SubscriberRow) -> serde_json::Value {
    let facts = |row: &SubscriberRow| {
        [
            ("uid", serde_json::json!(row.uid)),
            ("grp", serde_json::json!(row.billing_group_id.0)),
            ("contract", serde_json::json!(row.contract)),
            ("contract_date", serde_json::json!(row.contract_at.map(Millis::to_rfc3339))),
            ("fio", serde_json::json!(row.full_name)),
            ("comment", serde_json::json!(row.comment)),
            ("limit_balance", serde_json::json!(row.limit_balance.to_decimal())),
            ("block_if_limit", serde_json::json!(row.block_if_limit)),
            ("discount", serde_json::json!(row.discount)),
            ("cstate", serde_json::json!(row.cstate)),
            ("lstate", serde_json::json!(row.is_always_on)),
            ("admin_block", serde_json::json!(row.admin_block)),
            ("admin_block_why", serde_json::json!(row.admin_block_why)),
        ]
    };
    let pairs = facts(old).into_iter().zip(facts(new)).filter(|((_, old), (_, new))| old != new);
    let changed = pairs.map(|((field, old), (_, new))| (field.to_owned(), serde_json::json!([old, new])));
    serde_json::Value::Object(changed.collect())
}
