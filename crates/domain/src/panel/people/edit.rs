//! Changing one user.

use gatehouse_model::{AccountId, Login, Millis, Money, PlanId, Secret, email_key};
use gatehouse_store::{
    Aspect, Tx,
    account::{self as accounts, AccountRow},
    login_session, panel_shadow,
    panel_user::{self as rows, Terms},
    proxy_pass,
};

use super::{UNKNOWN, guard, keep_last, role, target};
use crate::{
    Ctx, Error,
    account::{self, change},
    audit::{self, Object},
    panel::{
        money,
        pass::Pass,
        plan,
        refusal::{Outcome, Refusal},
        shadow,
    },
    permission::{self, Change},
};

/// What is changed; none: it stays. The inner `Option` of a field is its empty value.
#[derive(Debug, Clone, Default)]
pub struct Edit {
    /// Address in its strict form.
    pub email: Option<String>,
    /// 8 to 128 characters; all sessions end.
    pub password: Option<Secret>,
    /// Bytes; none: no limit.
    pub quota: Option<Option<i64>>,
    /// Bytes used upwards.
    pub up: Option<i64>,
    /// Bytes used downwards.
    pub down: Option<i64>,
    /// None: never.
    pub expires_at: Option<Option<Millis>>,
    /// Whether every door is shut.
    pub is_banned: Option<bool>,
    /// Sets the node group, too.
    pub plan_id: Option<Option<PlanId>>,
    /// Percent.
    pub commission_rate: Option<Option<i64>>,
    /// Percent.
    pub discount: Option<Option<i64>>,
    /// 0, 1, 2.
    pub commission_type: Option<i64>,
    /// Whether everything of staff is open to him.
    pub is_admin: Option<bool>,
    /// Whether the tickets are.
    pub is_staff: Option<bool>,
    /// Hundredths.
    pub balance: Option<Money>,
    /// Hundredths.
    pub commission: Option<Money>,
    /// Mbit/s, 0: none.
    pub speed_limit: Option<i64>,
    /// 0: none.
    pub device_limit: Option<i64>,
    /// Staff's note.
    pub remark: Option<Option<String>>,
    /// Address of who invited him.
    pub inviter: Option<Option<String>>,
    /// Wants to be reminded of expiry.
    pub remind_expire: Option<bool>,
    /// Wants to be reminded of traffic.
    pub remind_traffic: Option<bool>,
}

/// Changes a user. What is given as it is already is no change, so that forms may send everything.
///
/// Errors: the rules of specs/panel.md §4.3: unknown user, plan or inviter, taken address, last administrator; 403 for what could take
/// over somebody mightier.
pub async fn update(ctx: &Ctx, id: AccountId, edit: &Edit) -> Outcome<()> {
    ctx.require("panel.user")?;
    let hash = match &edit.password {
        Some(password) => Some(ctx.app.passwords().hash(ctx.app.random(), password).await?),
        None => None,
    };
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    ctx.require("panel.user")?;
    write(&ctx, &mut tx, id, edit, hash.as_ref()).await?;
    tx.commit().await?;
    Ok(())
}

async fn write(ctx: &Ctx, tx: &mut Tx, id: AccountId, edit: &Edit, hash: Option<&(i64, String)>) -> Outcome<()> {
    let account = target(tx, id).await?;
    pass(ctx, tx, id, edit).await?;
    terms(ctx, tx, id, edit).await?;
    if edit.up.is_some() || edit.down.is_some() {
        let hundredths = |bytes: Option<i64>| bytes.map(|bytes| bytes.saturating_mul(100));
        rows::set_usage(tx, id, hundredths(edit.up), hundredths(edit.down), ctx.now()).await?;
    }
    rename(ctx, tx, &account, edit.email.as_deref()).await?;
    if let (Some((scheme, hash)), Some(clear)) = (hash, &edit.password) {
        guard(ctx, tx, &account).await?;
        accounts::update_password(tx, id, *scheme, hash, ctx.now()).await?;
        account::vpn::repassworded(ctx, tx, &account, clear).await?;
        login_session::revoke_others(tx, id, None, "credentials_changed", ctx.now()).await?;
        tx.touch(Aspect::Access, Some(id.0));
    }
    if let Some(is_banned) = edit.is_banned.filter(|is_banned| *is_banned == account.is_enabled) {
        guard(ctx, tx, &account).await?;
        if is_banned {
            keep_last(ctx, tx, &account).await?;
        }
        change::set_enabled_in(ctx, tx, &account, !is_banned, is_banned.then_some("panel")).await?;
    }
    role::set(ctx, tx, &account, edit.is_admin, edit.is_staff).await?;
    shadow::mirror(ctx, tx, id).await?;
    tx.touch(Aspect::ProxyUser, Some(id.0));
    audit::changed(tx, ctx, "panel.user.update", Object::new("proxy", id.0, &account.login)).await?;
    // The wallet is locked last, behind everything that is locked per user.
    if let Some(balance) = edit.balance {
        money::adjust(ctx, tx, id, balance).await?;
    }
    if let Some(commission) = edit.commission {
        money::adjust_commission(ctx, tx, id, commission).await?;
    }
    Ok(())
}

/// Plan, term and limits.
async fn pass(ctx: &Ctx, tx: &mut Tx, id: AccountId, edit: &Edit) -> Outcome<()> {
    let mut pass = Pass::lock(tx, id).await?.ok_or(UNKNOWN)?;
    if let Some(plan_id) = edit.plan_id.filter(|plan_id| *plan_id != pass.row().plan_id) {
        let group = match plan_id {
            Some(plan_id) => {
                let found = plan::find(tx, plan_id).await?;
                found.ok_or(Refusal::rule("Subscription plan does not exist"))?.row.node_group_id
            }
            None => None,
        };
        pass.row_mut().plan_id = plan_id;
        pass.row_mut().node_group_id = group;
    }
    if let Some(end) = edit.expires_at.filter(|end| *end != pass.row().expires_at) {
        pass.set_expiry(ctx, end)?;
    }
    let row = pass.row_mut();
    row.quota = edit.quota.unwrap_or(row.quota);
    row.speed_limit = edit.speed_limit.unwrap_or(row.speed_limit);
    row.device_limit = edit.device_limit.unwrap_or(row.device_limit);
    Ok(pass.save(ctx, tx).await?)
}

/// What of a pass is neither plan nor term nor limit.
async fn terms(ctx: &Ctx, tx: &mut Tx, id: AccountId, edit: &Edit) -> Outcome<()> {
    let row = proxy_pass::find(tx, id).await?.ok_or(UNKNOWN)?;
    let inviter_id = match &edit.inviter {
        None => row.inviter_id,
        Some(None) => None,
        Some(Some(email)) => {
            let found = accounts::find_by_email_key(tx, &email_key(email)).await?;
            let found = found.filter(|inviter| inviter.id != id);
            Some(found.ok_or(Refusal::rule("The inviter does not exist"))?.id)
        }
    };
    let terms = Terms {
        discount: edit.discount.unwrap_or(row.discount),
        commission_type: edit.commission_type.unwrap_or(row.commission_type),
        commission_rate: edit.commission_rate.unwrap_or(row.commission_rate),
        inviter_id,
        remark: edit.remark.clone().unwrap_or(row.remark),
        remind_expire: edit.remind_expire.unwrap_or(row.remind_expire),
        remind_traffic: edit.remind_traffic.unwrap_or(row.remind_traffic),
    };
    rows::update_terms(tx, id, &terms, ctx.now()).await?;
    Ok(())
}

/// Another address; the login follows it where both were the same and the proxy pass is the only one (specs/panel.md §0.1).
async fn rename(ctx: &Ctx, tx: &mut Tx, account: &AccountRow, email: Option<&str>) -> Outcome<()> {
    let Some(email) = email.map(str::to_lowercase).filter(|email| Some(email) != account.email.as_ref()) else {
        return Ok(());
    };
    guard(ctx, tx, account).await?;
    let key = email_key(&email);
    let was_login = account.email.as_deref().is_some_and(|old| email_key(old) == email_key(&account.login));
    let is_only = account::pass::kinds(tx, account.id).await?.len() == 1;
    let written = if was_login && is_only && Login::new(&email).is_ok() {
        panel_shadow::rename(tx, account.id, &email, &key, ctx.now()).await
    } else {
        let email = Some((email.as_str(), key.as_str()));
        accounts::update_profile(tx, account.id, account.name.as_deref(), email, account.phone.as_deref(), ctx.now())
            .await
    };
    match written.map_err(account::taken) {
        Ok(_) => {}
        Err(Error::Conflict { .. }) => return Err(Refusal::rule("Email already exists").into()),
        Err(error) => return Err(error.into()),
    }
    followed(tx, account.id);
    Ok(audit::changed(tx, ctx, "account.edit", Object::new("account", account.id.0, &account.login)).await?)
}

/// Doors that keep names learn new ones.
fn followed(tx: &mut Tx, id: AccountId) {
    tx.touch(Aspect::VpnUser, Some(id.0));
    tx.touch(Aspect::Subscriber, Some(id.0));
    tx.touch(Aspect::Access, Some(id.0));
}
