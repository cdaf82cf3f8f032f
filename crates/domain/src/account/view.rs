//! What staff see of accounts.

use gatehouse_model::{AccountId, Millis, PassKind};
use gatehouse_store::{account as rows, account::AccountRow, node, pass, role, second_factor, ssh_key};

use super::vpn::VpnView;
use crate::{
    Ctx, Result,
    billing::subscriber::{self, SubscriberView},
};

/// An account with its passes, roles and traffic.
#[derive(Debug, Clone, serde::Serialize)]
pub struct AccountView {
    /// Wire id.
    pub id: AccountId,
    /// Login.
    pub login: String,
    /// Display name.
    pub name: Option<String>,
    /// E-mail.
    pub email: Option<String>,
    /// Phone number.
    pub phone: Option<String>,
    /// The switch.
    pub is_enabled: bool,
    /// Why it is off.
    pub disabled_why: Option<String>,
    /// Neither disabled nor deleted.
    pub is_protected: bool,
    /// The surface that made it.
    pub origin: String,
    /// When it was made.
    pub created_at: Millis,
    /// Passes.
    pub passes: Vec<PassKind>,
    /// Codes of its roles.
    pub roles: Vec<String>,
    /// Its staff pass.
    pub staff: Option<StaffView>,
    /// Its proxy pass.
    pub proxy: Option<ProxyView>,
    /// Its VPN pass.
    pub vpn: Option<VpnView>,
    /// Its subscriber pass.
    pub subscriber: Option<SubscriberView>,
}

/// What a staff pass logs in with.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct StaffView {
    /// Registered SSH keys.
    pub ssh_keys: usize,
    /// Whether codes of a second factor are asked for.
    pub has_factor: bool,
    /// Whether a new password is owed before anything else.
    pub must_change_password: bool,
}

/// A proxy pass without its secrets. Traffic is charged bytes, rounded half up.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ProxyView {
    /// Node group.
    pub node_group: Option<String>,
    /// Bytes; none: no limit.
    pub quota: Option<i64>,
    /// End; none: never.
    pub expires_at: Option<Millis>,
    /// Mbit/s, 0: none.
    pub speed_limit: i64,
    /// Devices, 0: none.
    pub device_limit: i64,
    /// Charged bytes, client to target.
    pub up: i64,
    /// Charged bytes, target to client.
    pub down: i64,
    /// Last traffic.
    pub last_at: Option<Millis>,
}

/// Hundredths of a byte as bytes, rounded half up.
pub fn shown_bytes(hundredths: i64) -> i64 {
    hundredths.saturating_add(50).div_euclid(100)
}

/// Shows one account by login, compared folded.
pub async fn show(ctx: &Ctx, login: &str) -> Result<AccountView> {
    ctx.require("system.user.read")?;
    let account = super::find(ctx, login).await?;
    view(ctx, account).await
}

/// Lists accounts after an id, at most `limit`.
pub async fn list(ctx: &Ctx, after: AccountId, limit: i64) -> Result<Vec<AccountView>> {
    ctx.require("system.user.read")?;
    let page = rows::list(&mut ctx.read(), after, limit.clamp(1, 1_000)).await?;
    let mut views = Vec::with_capacity(page.len());
    for row in page {
        views.push(view(ctx, row).await?);
    }
    Ok(views)
}

async fn view(ctx: &Ctx, account: AccountRow) -> Result<AccountView> {
    let id = account.id;
    let roles = role::list_of_account(&mut ctx.read(), id, ctx.now()).await?;
    let staff = staff(ctx, &account).await?;
    Ok(AccountView {
        id,
        login: account.login,
        name: account.name,
        email: account.email,
        phone: account.phone,
        is_enabled: account.is_enabled,
        disabled_why: account.disabled_why,
        is_protected: account.is_protected,
        origin: account.origin,
        created_at: account.created_at,
        passes: super::pass::kinds(&mut ctx.read(), id).await?,
        roles: roles.into_iter().map(|role| role.code).collect(),
        staff,
        proxy: proxy(ctx, id).await?,
        vpn: super::vpn::view(ctx, id).await?,
        subscriber: subscriber::view(ctx, id).await?,
    })
}

async fn staff(ctx: &Ctx, account: &AccountRow) -> Result<Option<StaffView>> {
    if !pass::has_staff(&mut ctx.read(), account.id).await? {
        return Ok(None);
    }
    let factor = second_factor::find(&mut ctx.read(), account.id).await?;
    Ok(Some(StaffView {
        ssh_keys: ssh_key::list(&mut ctx.read(), account.id).await?.len(),
        has_factor: factor.is_some_and(|factor| factor.confirmed_at.is_some()),
        must_change_password: account.must_change_password,
    }))
}

async fn proxy(ctx: &Ctx, id: AccountId) -> Result<Option<ProxyView>> {
    let Some(row) = pass::find_proxy(&mut ctx.read(), id).await? else { return Ok(None) };
    let usage = node::find_usage(&mut ctx.read(), id).await?;
    let (up, down, _) = usage.unwrap_or_default();
    let groups = node::list_groups(&mut ctx.read()).await?;
    Ok(Some(ProxyView {
        node_group: row.node_group_id.and_then(|id| groups.into_iter().find(|(g, _)| *g == id).map(|(_, name)| name)),
        quota: row.quota,
        expires_at: row.expires_at,
        speed_limit: row.speed_limit,
        device_limit: row.device_limit,
        up: shown_bytes(up),
        down: shown_bytes(down),
        last_at: usage.map(|(_, _, at)| at),
    }))
}
