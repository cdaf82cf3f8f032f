//! The end of users.

use std::collections::BTreeSet;

use gatehouse_model::AccountId;
use gatehouse_store::{Aspect, Tx, account as accounts, account::AccountRow, login_session, pass};

use super::{require_administrator_left, require_power};
use crate::{
    Ctx, Result,
    account::{pass::kinds, vpn},
    audit::{self, Object, Stream},
    permission::{self, Change, watched},
};

/// Takes the staff pass from users, and deletes the accounts that hold no other; tells how many users that were.
///
/// Protected and unknown ids and the caller's own are skipped; 0: nothing was left to delete.
/// Errors: `Forbidden` when one of the others holds more than the caller, and then nothing is deleted; `Locked` when no
/// administrator would remain. Source: specs/bastion.md §6.1 row 6, §6.2.
pub async fn delete(ctx: &Ctx, ids: &[AccountId]) -> Result<i64> {
    let object = Object::new("account", None, "");
    watched(ctx, "system.user.delete", "account.delete", object, delete_all(ctx, ids)).await
}

async fn delete_all(ctx: &Ctx, ids: &[AccountId]) -> Result<i64> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    ctx.require("system.user.delete")?;
    let mut accounts = Vec::new();
    for id in ids.iter().copied().collect::<BTreeSet<_>>() {
        let account = if pass::has_staff(&mut tx, id).await? { accounts::find(&mut tx, id).await? } else { None };
        let Some(account) = account.filter(|account| !account.is_protected && ctx.account() != Some(id)) else {
            continue;
        };
        require_power(&ctx, &mut tx, &account).await?;
        accounts.push(account);
    }
    if accounts.is_empty() {
        return Ok(0);
    }
    let mut facts = Vec::with_capacity(accounts.len());
    for account in &accounts {
        let is_gone = remove(&ctx, &mut tx, account).await?;
        facts.push(serde_json::json!({ "id": account.id.0, "login": account.login, "gone": is_gone }));
    }
    require_administrator_left(&mut tx).await?;
    tx.touch(Aspect::Permission, None);
    let object = match accounts.as_slice() {
        [one] => Object::new("account", one.id.0, &one.login),
        _ => Object::new("account", None, ""),
    };
    let facts = Some(serde_json::Value::from(facts).to_string());
    audit::record(&mut tx, &ctx, Stream::Change, "account.delete", object, "ok", facts).await?;
    tx.commit().await?;
    Ok(i64::try_from(accounts.len()).unwrap_or(i64::MAX))
}

/// True: the account went with its last pass.
async fn remove(ctx: &Ctx, tx: &mut Tx, account: &AccountRow) -> Result<bool> {
    pass::delete_staff(tx, account.id).await?;
    login_session::revoke_others(tx, account.id, None, "pass_revoked", ctx.now()).await?;
    tx.touch(Aspect::Access, Some(account.id.0));
    if !kinds(tx, account.id).await?.is_empty() {
        return Ok(false);
    }
    vpn::ending(ctx, tx, account.id).await?;
    accounts::delete(tx, account.id).await?;
    tx.touch(Aspect::ProxyUser, Some(account.id.0));
    Ok(true)
}
