//! A user of the panel about himself (specs/panel.md §2.3).

use gatehouse_model::{Money, Secret};
use gatehouse_store::{Aspect, Tx, account as accounts, login_session, proxy_pass as rows, proxy_pass::PanelUserRow};

use super::{
    Who,
    refusal::{Outcome, Refusal},
    subscription,
};
use crate::{
    App, Ctx, Error, Result,
    audit::{self, Object},
    factor::is_right,
    ledger,
    proxy::row::{token_place, uuid_place},
    throttle,
};

const GONE: Refusal = Refusal::rule("The user does not exist");

/// A user with his money, hundredths of the panel's currency.
#[derive(Debug, Clone)]
pub struct Info {
    /// Account, pass, usage.
    pub row: PanelUserRow,
    /// The secret all proxy protocols derive from.
    pub uuid: Secret,
    /// What he may spend.
    pub balance: Money,
    /// What he earned by inviting others.
    pub commission: Money,
}

/// Shows the caller. Errors: a refusal where he has no pass. Source: specs/panel.md §2.3 user/info.
pub async fn info(who: &Who) -> Outcome<Info> {
    let ctx = &who.ctx;
    let row = rows::find(&mut ctx.read(), who.account).await?.ok_or(GONE)?;
    let uuid = ctx.app.keys().open_text(uuid_place(&row.seal_ref), &row.uuid_sealed)?;
    let currency = ctx.app.live().panel().currency.clone();
    let balance = ledger::balance(&mut ctx.read(), who.account, &currency).await?;
    let commission = ledger::commission(&mut ctx.read(), who.account, &currency).await?;
    Ok(Info { row, uuid, balance, commission })
}

/// Replaces uuid and subscription token: old links fail, old credentials pass no traffic. Gives the new link.
///
/// Source: specs/panel.md §2.3 user/resetSecurity.
pub async fn reset_security(who: &Who) -> Outcome<String> {
    let ctx = &who.ctx;
    let mut tx = ctx.begin().await?;
    let row = rows::find(&mut tx, who.account).await?.ok_or(GONE)?;
    let token = renew_secrets(ctx, &mut tx, &row).await?;
    tx.commit().await?;
    Ok(subscription::link(&ctx.app, token.expose()))
}

/// Gives a pass fresh secrets; the new token.
pub(crate) async fn renew_secrets(ctx: &Ctx, tx: &mut Tx, row: &PanelUserRow) -> Result<Secret> {
    let (keys, random) = (ctx.app.keys(), ctx.app.random());
    let uuid = random.uuid().hyphenated().to_string();
    let token = Secret::new(hex::encode(random.bytes::<16>()));
    let uuid_sealed = keys.seal(random, uuid_place(&row.seal_ref), uuid.as_bytes())?;
    let token_sealed = keys.seal(random, token_place(&row.seal_ref), token.expose().as_bytes())?;
    let hashes = (keys.hash("proxy_pass.uuid", &uuid), keys.hash("proxy_pass.token", token.expose()));
    let at = ctx.now();
    rows::update_secrets(tx, row.account_id, (&uuid_sealed, &hashes.0), (&token_sealed, &hashes.1), at).await?;
    tx.touch(Aspect::ProxyUser, Some(row.account_id.0));
    audit::changed(tx, ctx, "panel.user.reset_secret", Object::new("proxy", row.account_id.0, &row.login)).await?;
    Ok(token)
}

/// Changes the caller's password; his other sessions end, the calling one stays.
///
/// Errors: a refusal for a wrong old password, which counts as a failed login. Source: specs/panel.md §2.3 user/changePassword.
pub async fn change_password(who: &Who, old: &Secret, new: &Secret) -> Outcome<()> {
    let ctx = &who.ctx;
    let account = accounts::find(&mut ctx.read(), who.account).await?.ok_or(GONE)?;
    let stored = account.password_scheme.zip(account.password_hash.clone());
    throttle::check(ctx, &account.login).await?;
    if !is_right(throttle::verify(ctx, &account.login, old, stored).await?) {
        let mut tx = ctx.begin().await?;
        throttle::failed(ctx, &mut tx, &account.login).await?;
        tx.commit().await?;
        return Err(Refusal::rule("The old password is wrong").into());
    }
    let (scheme, hash) = ctx.app.passwords().hash(ctx.app.random(), new).await?;
    let mut tx = ctx.begin().await?;
    let row = accounts::find(&mut tx, account.id).await?.filter(|row| row.epoch == account.epoch);
    let row = row.ok_or(Error::Unauthenticated { why: "the password was changed meanwhile" })?;
    accounts::update_password(&mut tx, row.id, scheme, &hash, ctx.now()).await?;
    crate::account::vpn::repassworded(ctx, &mut tx, &row, new).await?;
    login_session::update_epoch(&mut tx, who.session).await?;
    login_session::revoke_others(&mut tx, row.id, Some(who.session), "credentials_changed", ctx.now()).await?;
    tx.touch(Aspect::Access, Some(row.id.0));
    audit::changed(&mut tx, ctx, "account.password.change", Object::new("account", row.id.0, &row.login)).await?;
    Ok(tx.commit().await?)
}

/// Writes which reminders the caller wants; nothing else of him. Source: specs/panel.md §2.3 user/update.
pub async fn update(who: &Who, expire: Option<bool>, traffic: Option<bool>) -> Outcome<()> {
    let mut tx = who.ctx.begin().await?;
    rows::update_remind(&mut tx, who.account, expire, traffic).await?;
    let (_, _, login) = who.ctx.actor_name();
    audit::changed(&mut tx, &who.ctx, "panel.user.remind", Object::new("proxy", who.account.0, &login)).await?;
    Ok(tx.commit().await?)
}

/// The picture of a user: made here, or `panel.avatar_url` with the hash that pictures are known by elsewhere, as that leaks it.
pub fn avatar(app: &App, row: &PanelUserRow) -> String {
    use md5::Digest as _;

    if let Some(base) = &app.settings().panel.avatar_url {
        let email = row.email.as_deref().unwrap_or_default().trim().to_lowercase();
        return format!("{}/{}", base.trim_end_matches('/'), hex::encode(md5::Md5::digest(email.as_bytes())));
    }
    let hash = app.keys().hash("panel.avatar", &row.account_id.to_string());
    let hash = hash.rsplit('.').next().unwrap_or_default();
    format!("{}/api/v1/avatar/{}", subscription::base(app), hash.get(..32).unwrap_or(hash))
}
