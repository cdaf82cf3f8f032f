//! What staff do to the logins of others: switch, password, lock, second factor.

use gatehouse_model::{AccountId, Secret};
use gatehouse_store::{Aspect, account as accounts, login_session, staff as rows};

use super::{find, require_administrator_left, require_other, require_power, require_unprotected};
use crate::{
    Ctx, Result,
    account::{change, vpn},
    audit::{self, Object},
    permission::{self, Change, watched},
};

/// Switches a user on or off. Off ends every session of his, open terminals and proxy connections too.
///
/// Errors: `Forbidden` also when he holds more than the caller; `NotFound`; `Locked` when protected, the caller's own or
/// the last administrator. Source: specs/bastion.md §13 `user/status`.
pub async fn set_status(ctx: &Ctx, id: AccountId, is_enabled: bool) -> Result<()> {
    let object = Object::new("account", id.0, "");
    watched(ctx, "system.user.update", "account.status", object, switch(ctx, id, is_enabled)).await
}

async fn switch(ctx: &Ctx, id: AccountId, is_enabled: bool) -> Result<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    ctx.require("system.user.update")?;
    let account = find(&mut tx, id).await?;
    require_unprotected(&account)?;
    require_other(&ctx, &account)?;
    require_power(&ctx, &mut tx, &account).await?;
    change::set_enabled_in(&ctx, &mut tx, &account, is_enabled, None).await?;
    require_administrator_left(&mut tx).await?;
    tx.touch(Aspect::Permission, Some(id.0));
    tx.commit().await?;
    Ok(())
}

/// Sets another's password; all his sessions end.
///
/// Errors: `Forbidden` also when he holds more than the caller; `NotFound`; `Locked` for the caller's own, which he
/// changes by proving the old one. Source: specs/bastion.md §13 `user/set_password`.
pub async fn set_password(ctx: &Ctx, id: AccountId, password: &Secret, must_change: bool) -> Result<()> {
    ctx.require("system.user.update")?;
    let hash = ctx.app.passwords().hash(ctx.app.random(), password).await?;
    let object = Object::new("account", id.0, "");
    let change = write_password(ctx, id, password, hash, must_change);
    watched(ctx, "system.user.update", "account.password", object, change).await
}

async fn write_password(
    ctx: &Ctx,
    id: AccountId,
    password: &Secret,
    (scheme, hash): (i64, String),
    must_change: bool,
) -> Result<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    ctx.require("system.user.update")?;
    let account = find(&mut tx, id).await?;
    require_other(&ctx, &account)?;
    require_power(&ctx, &mut tx, &account).await?;
    accounts::update_password(&mut tx, id, scheme, &hash, ctx.now()).await?;
    vpn::repassworded(&ctx, &mut tx, &account, password).await?;
    rows::update_must_change(&mut tx, id, must_change).await?;
    login_session::revoke_others(&mut tx, id, None, "credentials_changed", ctx.now()).await?;
    tx.touch(Aspect::Access, Some(id.0));
    audit::changed(&mut tx, &ctx, "account.password", Object::new("account", id.0, &account.login)).await?;
    tx.commit().await?;
    Ok(())
}

/// Clears the failed logins counted for a user.
///
/// Errors: `Forbidden` also when he holds more than the caller; `NotFound`. Source: specs/bastion.md §5.2, §13.
pub async fn unlock(ctx: &Ctx, id: AccountId) -> Result<()> {
    let object = Object::new("account", id.0, "");
    watched(ctx, "system.user.update", "account.unlock", object, clear_failures(ctx, id)).await
}

async fn clear_failures(ctx: &Ctx, id: AccountId) -> Result<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    ctx.require("system.user.update")?;
    let account = find(&mut tx, id).await?;
    require_power(&ctx, &mut tx, &account).await?;
    change::unlock_in(&ctx, &mut tx, &account).await?;
    tx.commit().await?;
    Ok(())
}

/// Takes another's second factor and recovery codes; he logs in without and may enrol anew.
///
/// Errors: `Forbidden` also when he holds more than the caller; `NotFound`; `Locked` for the caller's own, which he gives
/// up by proving it. Source: specs/bastion.md §13 `user/mfa_reset`.
pub async fn reset_factor(ctx: &Ctx, id: AccountId) -> Result<()> {
    let object = Object::new("account", id.0, "");
    watched(ctx, "system.user.update", "account.mfa_reset", object, take_factor(ctx, id)).await
}

async fn take_factor(ctx: &Ctx, id: AccountId) -> Result<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    ctx.require("system.user.update")?;
    let account = find(&mut tx, id).await?;
    require_other(&ctx, &account)?;
    require_power(&ctx, &mut tx, &account).await?;
    rows::delete_factor(&mut tx, id).await?;
    tx.touch(Aspect::Access, Some(id.0));
    audit::changed(&mut tx, &ctx, "account.mfa_reset", Object::new("account", id.0, &account.login)).await?;
    tx.commit().await?;
    Ok(())
}
