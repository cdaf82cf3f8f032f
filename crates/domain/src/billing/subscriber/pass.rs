//! The subscriber pass: granted, taken, and what changes of its account mean for it.

use gatehouse_model::{AccountId, BillingGroupId, EndedWhy, LoginSessionId, Millis, Money};
use gatehouse_store::{
    Aspect, Tx,
    account::AccountRow,
    billing_group, login_session,
    subscriber::{self as rows, SubscriberRow},
};

use super::{author, check, exists, taken};
use crate::{
    Ctx, Error, Result,
    audit::{self, Object},
    billing::group,
    ledger::{self, Shown, kind},
    radius::outbox,
};

/// A new subscriber pass; what is not said gets the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewSubscriber {
    /// His number; none: the next one.
    pub uid: Option<i64>,
    /// His group; none: the one with the lowest number.
    pub group: Option<BillingGroupId>,
    /// Number of his contract.
    pub contract: String,
    /// Date of his contract.
    pub contract_at: Option<Millis>,
    /// Full name.
    pub full_name: String,
    /// What staff write about him.
    pub comment: String,
    /// Below it he is blocked; none: as his group says.
    pub limit_balance: Option<Money>,
    /// Whether he is not blocked below it.
    pub is_debt_free: bool,
    /// Percent.
    pub discount: i64,
    /// Technical state.
    pub cstate: i64,
    /// Whether he needs no authorisation.
    pub is_always_on: bool,
}

/// Inserts the pass of an account; gives its number.
///
/// Errors: `Conflict` when the account has one or the number is another's; `Invalid`. Source: specs/billing.md §4, §6.1.
pub(crate) async fn insert(ctx: &Ctx, tx: &mut Tx, account: &AccountRow, new: &NewSubscriber) -> Result<i64> {
    let currency = &ctx.app.settings().billing.pay.currency;
    let wallet = ledger::wallet(ctx, tx, account.id, currency).await?;
    if exists(tx, account.id).await? {
        return Err(Error::Conflict { what: "pass", key: "subscriber".to_owned() });
    }
    let group = match new.group {
        Some(group) => group,
        None => group::first(ctx, tx).await?,
    };
    let group = billing_group::find(tx, group).await?.ok_or(Error::NotFound { what: "billing group" })?;
    let mut row = SubscriberRow {
        account_id: account.id,
        uid: new.uid.unwrap_or(1),
        billing_group_id: group.id,
        contract: new.contract.clone(),
        contract_at: new.contract_at,
        full_name: new.full_name.clone(),
        comment: new.comment.clone(),
        limit_balance: new.limit_balance.unwrap_or(group.limit_balance),
        block_if_limit: !new.is_debt_free,
        discount: new.discount,
        cstate: new.cstate,
        cstate_at: ctx.now(),
        is_always_on: new.is_always_on,
        admin_block: false,
        admin_block_why: String::new(),
        debt_block: false,
        seal_ref: ctx.app.request_id(),
        created_at: ctx.now(),
        updated_at: ctx.now(),
    };
    check(&row)?;
    match new.uid {
        Some(uid) => drop(rows::raise_uid(tx, uid).await?),
        None => row.uid = rows::next_uid(tx).await?,
    }
    rows::insert(tx, &row).await.map_err(taken)?;
    let facts = serde_json::json!({ "uid": row.uid, "login": account.login, "grp": group.id.0 }).to_string();
    note(ctx, tx, account.id, kind::CREATED, &facts).await?;
    // He may owe from before.
    ledger::recalculate_debt(ctx, tx, account.id, wallet.balance).await?;
    tx.touch(Aspect::Subscriber, Some(account.id.0));
    Ok(row.uid)
}

/// Takes the pass: row 220 keeps what it said, ledger and statement stay, his stays and sessions end.
///
/// Errors: `NotFound`. Source: specs/billing.md §6.3.
pub(crate) async fn revoke(ctx: &Ctx, tx: &mut Tx, account: &AccountRow) -> Result<()> {
    if !remove(ctx, tx, account).await? {
        return Err(Error::NotFound { what: "subscriber pass" });
    }
    let (none, now) = (LoginSessionId(0), ctx.now());
    login_session::revoke_kind(tx, account.id, "billing_user", none, "pass_revoked", now).await?;
    outbox::disconnect_account(tx, now, account.id, EndedWhy::PassRevoked).await?;
    audit::changed(tx, ctx, "account.revoke", Object::new("subscriber", account.id.0, &account.login)).await
}

/// What the end of an account means, before its row goes.
pub(crate) async fn ending(ctx: &Ctx, tx: &mut Tx, account: &AccountRow) -> Result<()> {
    remove(ctx, tx, account).await.map(drop)
}

async fn remove(ctx: &Ctx, tx: &mut Tx, account: &AccountRow) -> Result<bool> {
    if !exists(tx, account.id).await? {
        return Ok(false);
    }
    let currency = &ctx.app.settings().billing.pay.currency;
    let wallet = ledger::wallet(ctx, tx, account.id, currency).await?;
    rows::lock_terms(tx, account.id).await?;
    let Some(row) = rows::find(tx, account.id).await? else { return Ok(false) };
    let dump = serde_json::json!({
        "uid": row.uid,
        "login": account.login,
        "grp": row.billing_group_id.0,
        "contract": row.contract,
        "fio": row.full_name,
        "comment": row.comment,
        "balance": wallet.balance.to_decimal(),
        "limit_balance": row.limit_balance.to_decimal(),
        "block_if_limit": row.block_if_limit,
        "discount": row.discount,
        "cstate": row.cstate,
        "lstate": row.is_always_on,
        "admin_block": row.admin_block,
    });
    note(ctx, tx, account.id, kind::DELETED, &dump.to_string()).await?;
    rows::delete(tx, account.id, ctx.now()).await?;
    tx.touch(Aspect::Subscriber, Some(account.id.0));
    Ok(true)
}

/// What the switch, the password or the profile of an account means for its subscriber.
pub(crate) fn switched(tx: &mut Tx, account: AccountId) {
    tx.touch(Aspect::Subscriber, Some(account.0));
}

async fn note(ctx: &Ctx, tx: &mut Tx, account: AccountId, kind: i64, reason: &str) -> Result<()> {
    let author = author(ctx, tx).await?;
    let shown = Shown { kind, at: None, reason, comment: "", reference: None, settles: None };
    ledger::note(ctx, tx, Some(account), &author, &shown).await.map(drop)
}
