//! The VPN pass of an account in the hands of staff: staged and live at once, and what other changes of the account mean for it
//! (specs/vpn.md §9). Safety is never staged.

use gatehouse_model::{AccountId, EndedWhy, Millis, Secret};
use gatehouse_store::{Aspect, Tx, account::AccountRow, lock, vpn_live, vpn_twin as rows};

use super::clear;
use crate::{
    Ctx, Error, Result,
    audit::{self, Object},
    billing::subscriber,
    radius::outbox,
};

/// Path of the group that passes are granted in unless another one is named.
pub const DEFAULT_GROUP: &str = "/默认用户组";

/// A VPN pass as staff see it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct VpnView {
    /// Path of the group.
    pub group: String,
    /// The pass's switch.
    pub is_enabled: bool,
    /// Whether several people use it.
    pub is_public: bool,
    /// End; none: never.
    pub expires_at: Option<Millis>,
    /// Fixed tunnel address.
    pub fixed_ip: Option<String>,
    /// Note.
    pub note: String,
    /// Names of the roles that count for it.
    pub roles: Vec<String>,
    /// Last accepted login.
    pub last_login_at: Option<Millis>,
    /// Whether logins know it; a new user waits for the first publication.
    pub is_live: bool,
    /// Whether changes of it wait to be published.
    pub is_pending: bool,
}

/// Shows the VPN pass of an account.
pub(super) async fn view(ctx: &Ctx, id: AccountId) -> Result<Option<VpnView>> {
    let Some(row) = rows::find_shown(&mut ctx.read(), id).await? else { return Ok(None) };
    Ok(Some(VpnView {
        group: row.group_path,
        is_enabled: row.is_enabled,
        is_public: row.is_public,
        expires_at: row.expires_at,
        fixed_ip: row.fixed_ip,
        note: row.note,
        roles: vpn_live::list_roles(&mut ctx.read(), id).await?,
        last_login_at: row.last_login_at,
        is_live: row.is_live,
        is_pending: row.is_pending,
    }))
}

/// Inserts a VPN pass, live at once. A deletion that is staged only is taken back.
///
/// Errors: `Conflict` when the account holds one; `Invalid` for a group that is unknown or not published yet.
pub(crate) async fn grant(ctx: &Ctx, tx: &mut Tx, account: &AccountRow, group: &str) -> Result<()> {
    lock::share_staged(tx).await?;
    lock::share_tree(tx).await?;
    let unknown = || {
        let rule = format!("no published VPN group has the path {group}; name one such as {DEFAULT_GROUP}");
        Error::invalid("group", rule)
    };
    let twins = rows::find(tx, account.id).await?;
    if twins.is_staged {
        return Err(Error::Conflict { what: "pass", key: "vpn".to_owned() });
    }
    let group = rows::find_group(tx, group).await?.ok_or_else(unknown)?;
    if twins.is_live {
        rows::restore(tx, account.id, &account.seal_ref).await?;
        rows::update_group(tx, account.id, group, ctx.now()).await?;
        outbox::change_account(tx, ctx.now(), account.id).await?;
    } else {
        rows::insert(tx, account.id, group, &account.seal_ref, ctx.now()).await?;
    }
    tx.touch(Aspect::VpnUser, Some(account.id.0));
    Ok(())
}

/// Deletes the VPN pass of an account, staged and live. Errors: `NotFound`.
pub(crate) async fn revoke(ctx: &Ctx, tx: &mut Tx, account: &AccountRow) -> Result<()> {
    lock::share_staged(tx).await?;
    if rows::delete(tx, account.id).await? == 0 {
        return Err(Error::NotFound { what: "VPN pass" });
    }
    outbox::disconnect_account(tx, ctx.now(), account.id, EndedWhy::PassRevoked).await?;
    tx.touch(Aspect::VpnUser, Some(account.id.0));
    audit::changed(tx, ctx, "account.revoke", Object::new("vpn", account.id.0, &account.login)).await
}

/// What the end of an account means; before its row goes, and before anything else of it is locked.
pub(crate) async fn ending(ctx: &Ctx, tx: &mut Tx, id: AccountId) -> Result<()> {
    lock::share_staged(tx).await?;
    rows::delete(tx, id).await?;
    outbox::disconnect_account(tx, ctx.now(), id, EndedWhy::Deleted).await?;
    tx.touch(Aspect::VpnUser, Some(id.0));
    Ok(())
}

/// What the switch of an account means.
pub(crate) async fn switched(ctx: &Ctx, tx: &mut Tx, id: AccountId, is_enabled: bool) -> Result<()> {
    if !is_enabled {
        outbox::disconnect_account(tx, ctx.now(), id, EndedWhy::Disabled).await?;
    }
    tx.touch(Aspect::VpnUser, Some(id.0));
    Ok(())
}

/// What a new password of an account means; after it was written, which also dropped one that was staged.
pub(crate) async fn repassworded(ctx: &Ctx, tx: &mut Tx, account: &AccountRow, password: &Secret) -> Result<()> {
    let twins = rows::find(tx, account.id).await?;
    if twins.is_staged || twins.is_live || subscriber::exists(tx, account.id).await? {
        clear::keep(&ctx.app, tx, account, password).await?;
    }
    if ctx.app.settings().vpn.cut_sessions_on_password_change {
        outbox::disconnect_account(tx, ctx.now(), account.id, EndedWhy::CredentialsChanged).await?;
    }
    subscriber::switched(tx, account.id);
    tx.touch(Aspect::VpnUser, Some(account.id.0));
    Ok(())
}
