//! Changes of an account: the switch, the password, the profile, the end.

use gatehouse_model::{AccountId, Secret};
use gatehouse_store::{Aspect, Tx, account as rows, account::AccountRow, login_session, pass};

use super::{find, guard, taken};
use crate::{
    Actor, Ctx, Error, Result, Via,
    audit::{self, Object, Stream},
    billing::subscriber,
    panel::shadow,
    password::Verdict,
    throttle,
};

/// Whether a door lets an account in: the account, or the reason of the refusal as log, audit and `check-login` name it.
pub type Admission = std::result::Result<AccountId, &'static str>;

/// Switches an account on or off: off closes every door and ends every session at once.
///
/// Errors: `NotFound`, `Forbidden`; `Locked` for protected accounts.
pub async fn set_enabled(ctx: &Ctx, login: &str, is_enabled: bool, why: Option<&str>) -> Result<()> {
    ctx.require("system.user.update")?;
    let account = find(ctx, login).await?;
    if account.is_protected && !is_enabled {
        return Err(Error::Locked { what: "account", why: "it is protected" });
    }
    let mut tx = ctx.begin().await?;
    guard(ctx, &mut tx, &account).await?;
    set_enabled_in(ctx, &mut tx, &account, is_enabled, why).await?;
    tx.commit().await?;
    Ok(())
}

/// Switches an account that the actor may act on.
pub(crate) async fn set_enabled_in(
    ctx: &Ctx,
    tx: &mut Tx,
    account: &AccountRow,
    is_enabled: bool,
    why: Option<&str>,
) -> Result<()> {
    rows::update_enabled(tx, account.id, is_enabled, why, ctx.now()).await?;
    if !is_enabled {
        login_session::revoke_others(tx, account.id, None, "disabled", ctx.now()).await?;
    }
    super::vpn::switched(ctx, tx, account.id, is_enabled).await?;
    subscriber::switched(tx, account.id);
    shadow::mirror(ctx, tx, account.id).await?;
    tx.touch(Aspect::ProxyUser, Some(account.id.0));
    tx.touch(Aspect::Access, Some(account.id.0));
    let action = if is_enabled { "account.enable" } else { "account.disable" };
    audit::changed(tx, ctx, action, Object::new("account", account.id.0, &account.login)).await
}

/// Sets a password. All sessions end but the caller's own, if it is his own password.
pub async fn set_password(ctx: &Ctx, login: &str, password: &Secret) -> Result<()> {
    ctx.require("system.user.update")?;
    let account = find(ctx, login).await?;
    replace_password(ctx, &account, password).await
}

/// Sets the password of an account that the actor must cover.
pub(crate) async fn replace_password(ctx: &Ctx, account: &AccountRow, password: &Secret) -> Result<()> {
    let (scheme, hash) = ctx.app.passwords().hash(ctx.app.random(), password).await?;
    let mut tx = ctx.begin().await?;
    guard(ctx, &mut tx, account).await?;
    rows::update_password(&mut tx, account.id, scheme, &hash, ctx.now()).await?;
    super::vpn::repassworded(ctx, &mut tx, account, password).await?;
    let own = match &ctx.actor {
        Actor::Account { id, via: Via::Session(session) | Via::Limited(Some(session)), .. } if *id == account.id => {
            Some(*session)
        }
        _ => None,
    };
    if let Some(session) = own {
        login_session::update_epoch(&mut tx, session).await?;
    }
    login_session::revoke_others(&mut tx, account.id, own, "credentials_changed", ctx.now()).await?;
    tx.touch(Aspect::Access, Some(account.id.0));
    audit::changed(&mut tx, ctx, "account.password", Object::new("account", account.id.0, &account.login)).await?;
    tx.commit().await?;
    Ok(())
}

/// What [`edit`] changes; `None` leaves a field alone, an empty text clears it.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// Display name.
    pub name: Option<String>,
    /// E-mail.
    pub email: Option<String>,
    /// Phone number.
    pub phone: Option<String>,
}

/// Edits name, e-mail and phone. Errors: `Conflict` for a taken e-mail or phone.
pub async fn edit(ctx: &Ctx, login: &str, profile: &Profile) -> Result<()> {
    ctx.require("system.user.update")?;
    let account = find(ctx, login).await?;
    let mut tx = ctx.begin().await?;
    guard(ctx, &mut tx, &account).await?;
    let pick = |new: &Option<String>, old: &Option<String>| match new {
        Some(text) if text.is_empty() => None,
        Some(text) => Some(text.clone()),
        None => old.clone(),
    };
    let (name, email) = (pick(&profile.name, &account.name), pick(&profile.email, &account.email));
    let phone = pick(&profile.phone, &account.phone);
    super::check_email(email.as_deref())?;
    let key = email.as_deref().map(gatehouse_model::email_key);
    let email = email.as_deref().zip(key.as_deref());
    rows::update_profile(&mut tx, account.id, name.as_deref(), email, phone.as_deref(), ctx.now())
        .await
        .map_err(taken)?;
    shadow::mirror(ctx, &mut tx, account.id).await?;
    // The proxy door keeps names for the visits it opens.
    tx.touch(Aspect::ProxyUser, Some(account.id.0));
    tx.touch(Aspect::VpnUser, Some(account.id.0));
    subscriber::switched(&mut tx, account.id);
    audit::changed(&mut tx, ctx, "account.edit", Object::new("account", account.id.0, &account.login)).await?;
    tx.commit().await?;
    Ok(())
}

/// Deletes an account with all its passes; its login, e-mail and phone are free again.
pub async fn delete(ctx: &Ctx, login: &str) -> Result<()> {
    ctx.require("system.user.delete")?;
    let account = find(ctx, login).await?;
    if account.is_protected {
        return Err(Error::Locked { what: "account", why: "it is protected" });
    }
    let mut tx = ctx.begin().await?;
    guard(ctx, &mut tx, &account).await?;
    super::pass::delete(ctx, &mut tx, &account).await?;
    tx.commit().await?;
    Ok(())
}

/// Clears the failed logins counted for a login, whatever addresses they came from.
pub async fn unlock(ctx: &Ctx, login: &str) -> Result<()> {
    ctx.require("system.user.update")?;
    let account = find(ctx, login).await?;
    let mut tx = ctx.begin().await?;
    unlock_in(ctx, &mut tx, &account).await?;
    tx.commit().await?;
    Ok(())
}

/// Clears the failed logins of an account that the actor may act on.
pub(super) async fn unlock_in(ctx: &Ctx, tx: &mut Tx, account: &AccountRow) -> Result<()> {
    throttle::clear(ctx, tx, &account.login).await?;
    audit::changed(tx, ctx, "account.unlock", Object::new("account", account.id.0, &account.login)).await
}

/// Verifies a login's password and raises its hash to the present scheme. Unknown logins take the same time.
///
/// Gives the account, or the reason of the refusal: `no_such_account`, `wrong_password`, `disabled`. Audited. For
/// operators: the throttle neither counts nor refuses it.
pub async fn verify_password(ctx: &Ctx, login: &str, password: &Secret) -> Result<Admission> {
    let account = rows::find_by_key(&mut ctx.read(), &gatehouse_model::fold_key(login)).await?;
    let stored = account.as_ref().and_then(|a| a.password_scheme.zip(a.password_hash.clone()));
    let verdict = ctx.app.passwords().verify(password, stored.clone()).await?;
    let answer = match &account {
        None => Err("no_such_account"),
        Some(_) if verdict == Verdict::Wrong => Err("wrong_password"),
        Some(account) if !account.is_enabled => Err("disabled"),
        Some(account) => Ok(account.id),
    };
    let upgrade = match (&answer, verdict) {
        (Ok(_), Verdict::RightUpgrade) => Some(ctx.app.passwords().hash(ctx.app.random(), password).await?),
        _ => None,
    };
    let mut tx = ctx.begin().await?;
    if let (Ok(id), Some((scheme, hash)), Some((_, old))) = (&answer, upgrade, stored) {
        rows::update_password_scheme(&mut tx, *id, &old, scheme, &hash).await?;
    }
    let outcome = answer.as_ref().err().copied().unwrap_or("ok");
    let object = Object::new("account", account.as_ref().map(|a| a.id.0), login);
    audit::record(&mut tx, ctx, Stream::Login, "account.verify", object, outcome, None).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Whether the proxy door would let a login in now: `Ok`, or the reason (`no_such_account`, `no_pass`, `disabled`,
/// `expired`, `quota`, `no_group`). For `gatehouse account check-login LOGIN --door proxy`.
pub async fn check_proxy(ctx: &Ctx, login: &str) -> Result<Admission> {
    ctx.require("system.user.read")?;
    let account = rows::find_by_key(&mut ctx.read(), &gatehouse_model::fold_key(login)).await?;
    let Some(account) = account else { return Ok(Err("no_such_account")) };
    if pass::find_proxy(&mut ctx.read(), account.id).await?.is_none() {
        return Ok(Err("no_pass"));
    }
    let Some(user) = crate::proxy::user::some(&ctx.app, &[account.id]).await?.into_iter().next() else {
        return Err(Error::internal("the proxy pass cannot be read; run `gatehouse doctor`"));
    };
    Ok(if !user.is_enabled {
        Err("disabled")
    } else if user.expires_at.is_some_and(|at| at <= ctx.now()) {
        Err("expired")
    } else if user.is_exhausted() {
        Err("quota")
    } else if user.node_group_id.is_none() {
        Err("no_group")
    } else {
        Ok(account.id)
    })
}
