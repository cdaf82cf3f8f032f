//! Passes: granted and taken by staff; the account goes with its last one (DESIGN §4 "Accounts").

use gatehouse_model::{AccountId, Millis, NodeGroupId, PassKind};
use gatehouse_store::{
    Aspect, Query, Tx, account as accounts, account::AccountRow, lock, login_session, node, pass as rows, role,
    vpn_twin,
};

use super::vpn;
use crate::{
    Ctx, Error, Result,
    audit::{self, Object},
    billing::subscriber,
    panel::{self, identity, shadow},
    proxy::row::{token_place, uuid_place},
};

/// Limits and group of a proxy pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxyPass {
    /// Node group; none: no node.
    pub node_group_id: Option<NodeGroupId>,
    /// Bytes; none: no limit, 0: nothing.
    pub quota: Option<i64>,
    /// End; none: never.
    pub expires_at: Option<Millis>,
    /// Mbit/s, 0: none.
    pub speed_limit: u32,
    /// Devices, 0: none.
    pub device_limit: u32,
}

/// Inserts a proxy pass with fresh secrets.
pub(crate) async fn insert_proxy(ctx: &Ctx, tx: &mut Tx, id: AccountId, new: &ProxyPass) -> Result<()> {
    let (keys, random) = (ctx.app.keys(), ctx.app.random());
    let seal_ref = ctx.app.request_id();
    // Version 4 only: Shadowsocks keys are cut from the front of the text.
    let uuid = random.uuid().hyphenated().to_string();
    let token = hex::encode(random.bytes::<16>());
    let uuid_sealed = keys.seal(random, uuid_place(&seal_ref), uuid.as_bytes())?;
    let token_sealed = keys.seal(random, token_place(&seal_ref), token.as_bytes())?;
    rows::insert_proxy(
        tx,
        &rows::NewProxyPass {
            account_id: id,
            uuid: (&uuid_sealed, &keys.hash("proxy_pass.uuid", &uuid)),
            token: (&token_sealed, &keys.hash("proxy_pass.token", &token)),
            node_group_id: new.node_group_id,
            quota: new.quota,
            expires_at: new.expires_at,
            speed_limit: new.speed_limit.into(),
            device_limit: new.device_limit.into(),
            seal_ref: &seal_ref,
            at: ctx.now(),
        },
    )
    .await?;
    tx.touch(Aspect::ProxyUser, Some(id.0));
    Ok(())
}

/// Grants a pass. Errors: `Conflict` when the account holds it.
pub async fn grant(ctx: &Ctx, login: &str, kind: PassKind) -> Result<()> {
    ctx.require("system.user.update")?;
    let account = super::find(ctx, login).await?;
    let mut tx = ctx.begin().await?;
    super::guard(ctx, &mut tx, &account).await?;
    grant_in(ctx, &mut tx, &account, kind).await?;
    tx.commit().await?;
    Ok(())
}

/// Grants a VPN pass in a group, by its path; live at once.
///
/// Errors: `Conflict` when the account holds it; `Invalid` for a group that is unknown or not published.
pub async fn grant_vpn(ctx: &Ctx, login: &str, group: &str) -> Result<()> {
    ctx.require("system.user.update")?;
    let account = super::find(ctx, login).await?;
    let mut tx = ctx.begin().await?;
    super::guard(ctx, &mut tx, &account).await?;
    vpn::grant(ctx, &mut tx, &account, group).await?;
    audit::changed(&mut tx, ctx, "account.grant", Object::new("vpn", account.id.0, &account.login)).await?;
    tx.commit().await?;
    Ok(())
}

pub(crate) async fn grant_in(ctx: &Ctx, tx: &mut Tx, account: &AccountRow, kind: PassKind) -> Result<()> {
    // A publication that takes the account's last pass must not miss this one.
    lock::share_staged(tx).await?;
    let held = || Error::Conflict { what: "pass", key: kind.as_str().to_owned() };
    match kind {
        PassKind::Proxy => {
            if rows::find_proxy(tx, account.id).await?.is_some() {
                return Err(held());
            }
            let group = node::find_first_group(tx).await?;
            insert_proxy(ctx, tx, account.id, &ProxyPass { node_group_id: group, ..ProxyPass::default() }).await?;
        }
        PassKind::Staff => {
            if rows::has_staff(tx, account.id).await? {
                return Err(held());
            }
            rows::insert_staff(tx, account.id, ctx.now()).await?;
        }
        PassKind::Vpn => vpn::grant(ctx, tx, account, vpn::DEFAULT_GROUP).await?,
        PassKind::Subscriber => {
            subscriber::insert(ctx, tx, account, &subscriber::NewSubscriber::default()).await?;
        }
    }
    audit::changed(tx, ctx, "account.grant", Object::new(kind.as_str(), account.id.0, &account.login)).await
}

/// Takes a pass, and the account with its last one. Errors: `NotFound`; `Locked` for protected accounts.
pub async fn revoke(ctx: &Ctx, login: &str, kind: PassKind) -> Result<()> {
    ctx.require("system.user.update")?;
    let account = super::find(ctx, login).await?;
    let mut tx = ctx.begin().await?;
    super::guard(ctx, &mut tx, &account).await?;
    revoke_in(ctx, &mut tx, &account, kind).await?;
    tx.commit().await?;
    Ok(())
}

pub(crate) async fn revoke_in(ctx: &Ctx, tx: &mut Tx, account: &AccountRow, kind: PassKind) -> Result<()> {
    match kind {
        PassKind::Proxy => {
            if rows::find_proxy(tx, account.id).await?.is_none() {
                return Err(Error::NotFound { what: "proxy pass" });
            }
            remove_proxy(ctx, tx, account).await
        }
        PassKind::Staff => {
            if account.is_protected {
                return Err(Error::Locked { what: "account", why: "it is protected" });
            }
            if rows::delete_staff(tx, account.id).await? == 0 {
                return Err(Error::NotFound { what: "staff pass" });
            }
            login_session::revoke_others(tx, account.id, None, "pass_revoked", ctx.now()).await?;
            tx.touch(Aspect::Access, Some(account.id.0));
            audit::changed(tx, ctx, "account.revoke", Object::new("staff", account.id.0, &account.login)).await?;
            remove_if_last(ctx, tx, account).await
        }
        PassKind::Vpn => {
            vpn::revoke(ctx, tx, account).await?;
            remove_if_last(ctx, tx, account).await
        }
        PassKind::Subscriber => {
            subscriber::revoke(ctx, tx, account).await?;
            remove_if_last(ctx, tx, account).await
        }
    }
}

/// Takes the proxy pass, if there is one, and the account with its last pass. `Locked` for a protected account that would go.
pub(crate) async fn remove_proxy(ctx: &Ctx, tx: &mut Tx, account: &AccountRow) -> Result<()> {
    if rows::delete_proxy(tx, account.id).await? > 0 {
        shadow::mirror(ctx, tx, account.id).await?;
        identity::forget(tx, account.id).await?;
        tx.touch(Aspect::ProxyUser, Some(account.id.0));
        audit::changed(tx, ctx, "account.revoke", Object::new("proxy", account.id.0, &account.login)).await?;
    }
    remove_if_last(ctx, tx, account).await
}

async fn remove_if_last(ctx: &Ctx, tx: &mut Tx, account: &AccountRow) -> Result<()> {
    if !kinds(tx, account.id).await?.is_empty() {
        return Ok(());
    }
    if account.is_protected {
        return Err(Error::Locked { what: "account", why: "it is protected and this is its last pass" });
    }
    delete(ctx, tx, account).await
}

/// Deletes an account with everything that hangs on it; audit and visits stay.
pub(crate) async fn delete(ctx: &Ctx, tx: &mut Tx, account: &AccountRow) -> Result<()> {
    vpn::ending(ctx, tx, account.id).await?;
    subscriber::ending(ctx, tx, account).await?;
    shadow::ending(ctx, tx, account.id).await?;
    accounts::delete(tx, account.id).await?;
    tx.touch(Aspect::ProxyUser, Some(account.id.0));
    tx.touch(Aspect::Access, Some(account.id.0));
    audit::changed(tx, ctx, "account.delete", Object::new("account", account.id.0, &account.login)).await
}

/// The passes an account holds.
pub(crate) async fn kinds(q: &mut impl Query, id: AccountId) -> Result<Vec<PassKind>> {
    let mut kinds = Vec::new();
    if rows::find_proxy(q, id).await?.is_some() {
        kinds.push(PassKind::Proxy);
    }
    if rows::has_staff(q, id).await? {
        kinds.push(PassKind::Staff);
    }
    let twins = vpn_twin::find(q, id).await?;
    if twins.is_staged || twins.is_live {
        kinds.push(PassKind::Vpn);
    }
    if subscriber::exists(q, id).await? {
        kinds.push(PassKind::Subscriber);
    }
    Ok(kinds)
}

/// Sets limits and group of a proxy pass.
pub(crate) async fn update_proxy(ctx: &Ctx, tx: &mut Tx, account: &AccountRow, pass: &ProxyPass) -> Result<()> {
    let limits = (pass.speed_limit.into(), pass.device_limit.into());
    let known = rows::find_proxy(tx, account.id).await?;
    rows::update_proxy(tx, account.id, pass.node_group_id, pass.quota, pass.expires_at, limits, ctx.now()).await?;
    if known.is_some_and(|known| known.expires_at != pass.expires_at) {
        panel::pass::rearrange(ctx, tx, account.id, true).await?;
    }
    shadow::mirror(ctx, tx, account.id).await?;
    tx.touch(Aspect::ProxyUser, Some(account.id.0));
    audit::changed(tx, ctx, "account.pass.update", Object::new("proxy", account.id.0, &account.login)).await
}

/// Gives an account a role. The actor must hold what the role holds; the account needs a staff pass.
pub async fn grant_role(ctx: &Ctx, login: &str, code: &str) -> Result<()> {
    change_role(ctx, login, code, true).await
}

/// Takes a role from an account.
pub async fn revoke_role(ctx: &Ctx, login: &str, code: &str) -> Result<()> {
    change_role(ctx, login, code, false).await
}

async fn change_role(ctx: &Ctx, login: &str, code: &str, is_grant: bool) -> Result<()> {
    ctx.require("system.permission.update")?;
    let account = super::find(ctx, login).await?;
    let mut tx = ctx.begin().await?;
    super::guard(ctx, &mut tx, &account).await?;
    let role = role::find_by_code(&mut tx, code).await?.ok_or(Error::NotFound { what: "role" })?;
    ctx.require_covers(&role::list_codes(&mut tx, role.id).await?.into_iter().collect())?;
    let action = if is_grant {
        if !rows::has_staff(&mut tx, account.id).await? {
            return Err(Error::Locked { what: "account", why: "roles count only with a staff pass: grant it first" });
        }
        role::insert_member(&mut tx, account.id, role.id).await?;
        "account.role.grant"
    } else {
        if account.is_protected && role.is_protected {
            return Err(Error::Locked { what: "account", why: "it is protected" });
        }
        if role::delete_member(&mut tx, account.id, role.id).await? == 0 {
            return Err(Error::NotFound { what: "role membership" });
        }
        "account.role.revoke"
    };
    tx.touch(Aspect::Permission, Some(account.id.0));
    tx.touch(Aspect::Access, Some(account.id.0));
    audit::changed(&mut tx, ctx, action, Object::new("role", role.id.0, &account.login)).await?;
    tx.commit().await?;
    Ok(())
}
