//! IPv6 shadows: a second account of a person, on nodes of its own, that follows the main one (specs/panel.md §5.3).
//!
//! A shadow is disabled with its main account by the rows themselves: whoever asks for its status asks for both.

use std::time::Duration;

use gatehouse_model::{AccountId, Login, Secret, email_key};
use gatehouse_store::{
    Aspect, Tx, account as accounts, panel_module as modules,
    panel_shadow::{self as rows, Mirrored},
    proxy_pass::{self, PanelUserRow},
};

use super::{
    Who,
    module::{self, Module, ShadowRules},
    refusal::{Outcome, Refusal},
    subscription,
};
use crate::{
    App, Ctx, Error, Result,
    account::{
        self, NewAccount,
        pass::{self, ProxyPass},
    },
    audit::{self, Object},
    proxy::row::token_place,
};

const PAGE: i64 = 200;

/// What a person is told of his shadow.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Why he may not have one; none: he may.
    pub reason: Option<Refusal>,
    /// Its e-mail address, once there is one.
    pub email: Option<String>,
    /// Its subscription link, once there is one.
    pub url: Option<String>,
    /// The name of its plan.
    pub plan: Option<String>,
}

/// Shows whether the caller may have a shadow, and the one he has. Source: specs/panel.md §5.3 check.
pub async fn check(who: &Who) -> Outcome<Shown> {
    module::require(&who.ctx.app, Module::Ipv6Subscription)?;
    let main = main(who).await?;
    shown(&who.ctx, &main).await
}

/// Makes the caller's shadow, or brings it to where his account is. Errors: a rule. Source: specs/panel.md §5.3 enable.
pub async fn enable(who: &Who) -> Outcome<Shown> {
    module::require(&who.ctx.app, Module::Ipv6Subscription)?;
    let ctx = &who.ctx;
    let mut tx = ctx.begin().await?;
    let main = proxy_pass::find(&mut tx, who.account).await?.ok_or(GONE)?;
    if let Some(reason) = reason(ctx, &main) {
        return Err(reason.into());
    }
    if rows::find(&mut tx, main.account_id).await?.is_none() {
        make(ctx, &mut tx, &main).await?;
    }
    mirror(ctx, &mut tx, main.account_id).await.map_err(collision)?;
    tx.commit().await?;
    shown(ctx, &main).await
}

/// Gives the shadow the password of its main account; its sessions end. Source: specs/panel.md §5.3 sync-password.
pub async fn sync_password(who: &Who) -> Outcome<()> {
    module::require(&who.ctx.app, Module::Ipv6Subscription)?;
    who.no_shadow()?;
    let ctx = &who.ctx;
    let mut tx = ctx.begin().await?;
    let none = Refusal::rule("There is no IPv6 subscription yet");
    let shadow = rows::find(&mut tx, who.account).await?.ok_or(none)?;
    let main = accounts::find(&mut tx, who.account).await?.ok_or(GONE)?;
    let Some((scheme, hash)) = main.password_scheme.zip(main.password_hash) else { return Err(GONE.into()) };
    accounts::update_password(&mut tx, shadow.account_id, scheme, &hash, ctx.now()).await?;
    tx.touch(Aspect::Access, Some(shadow.account_id.0));
    let object = Object::new("account", shadow.account_id.0, &shadow.login);
    audit::changed(&mut tx, ctx, "panel.shadow.password", object).await?;
    Ok(tx.commit().await?)
}

const GONE: Refusal = Refusal::rule("The user does not exist");

async fn main(who: &Who) -> Outcome<PanelUserRow> {
    Ok(proxy_pass::find(&mut who.ctx.read(), who.account).await?.ok_or(GONE)?)
}

/// Why an account may not have a shadow.
fn reason(ctx: &Ctx, main: &PanelUserRow) -> Option<Refusal> {
    let modules = ctx.app.live().modules();
    let rules = &modules.shadow.rules;
    let is_active = main.plan_id.is_some() && main.expires_at.is_none_or(|at| at > ctx.now());
    if main.main_account_id.is_some() {
        Some(Refusal::rule("This account cannot do that"))
    } else if rules.plan_id.is_none() && rules.group_id.is_none() {
        Some(Refusal::rule("IPv6 subscriptions are not set up"))
    } else if !main.is_enabled {
        Some(Refusal::rule("Your account has been suspended"))
    } else if !is_active {
        Some(Refusal::rule("An active subscription is needed"))
    } else if !rules.allowed_plan_ids.is_empty()
        && !main.plan_id.is_some_and(|plan| rules.allowed_plan_ids.contains(&plan))
    {
        Some(Refusal::rule("Your plan does not include an IPv6 subscription"))
    } else if address(rules, main.email.as_deref()).is_none() {
        Some(Refusal::rule("Your account has no e-mail address"))
    } else {
        None
    }
}

async fn shown(ctx: &Ctx, main: &PanelUserRow) -> Outcome<Shown> {
    let mut shown = Shown { reason: reason(ctx, main), email: None, url: None, plan: None };
    let Some(shadow) = rows::find(&mut ctx.read(), main.account_id).await? else { return Ok(shown) };
    let token = ctx.app.keys().open_text(token_place(&shadow.seal_ref), &shadow.token_sealed)?;
    shown.url = Some(subscription::link(&ctx.app, token.expose()));
    if let Some(plan) = shadow.plan_id {
        shown.plan = rows::find_plan_group(&mut ctx.read(), plan).await?.map(|(name, _)| name);
    }
    shown.email = shadow.email;
    Ok(shown)
}

/// The address of a shadow: that of its main account with the suffix before the `@`.
fn address(rules: &ShadowRules, main: Option<&str>) -> Option<String> {
    let (local, host) = main?.rsplit_once('@')?;
    let address = format!("{local}{}@{host}", rules.email_suffix);
    (Login::new(&address).is_ok() && account::check_email(Some(&address)).is_ok()).then_some(address)
}

/// The address may be somebody else's.
fn collision(error: Error) -> super::Failure {
    match error {
        Error::Conflict { .. } => Refusal::rule("The e-mail address of the IPv6 account is taken").into(),
        other => other.into(),
    }
}

/// Makes a shadow with secrets of its own and the main account's password.
async fn make(ctx: &Ctx, tx: &mut Tx, main: &PanelUserRow) -> Outcome<()> {
    let modules = ctx.app.live().modules();
    let address = address(&modules.shadow.rules, main.email.as_deref()).ok_or(GONE)?;
    let is_taken = accounts::find_by_email_key(tx, &email_key(&address)).await?.is_some()
        || accounts::find_by_key(tx, &email_key(&address)).await?.is_some();
    if is_taken {
        return Err(Refusal::rule("The e-mail address of the IPv6 account is taken").into());
    }
    let password = accounts::find(tx, main.account_id).await?;
    let password = password.and_then(|row| row.password_scheme.zip(row.password_hash));
    let login = Login::new(&address).map_err(|_| GONE)?;
    let new = NewAccount { login, name: None, email: Some(address), phone: None, password: None::<Secret> };
    let id = account::insert(ctx, tx, &new, password.as_ref(), false).await.map_err(collision)?;
    pass::insert_proxy(ctx, tx, id, &ProxyPass { quota: Some(0), ..ProxyPass::default() }).await?;
    rows::bind(tx, id, main.account_id).await.map_err(|error| collision(error.into()))?;
    audit::changed(tx, ctx, "panel.shadow.make", Object::new("account", id.0, new.login.as_str())).await?;
    Ok(())
}

/// Brings the shadow of an account to where the account is now; without a shadow nothing happens.
///
/// To be called in every transaction that changes plan, expiry, quota, limits, traffic, switch or e-mail of an account with a proxy
/// pass. Errors: `Conflict` when the shadow's new address is somebody else's. Source: specs/panel.md §5.3.
pub(crate) async fn mirror(ctx: &Ctx, tx: &mut Tx, main: AccountId) -> Result<()> {
    let Some(shadow) = rows::find(tx, main).await? else { return Ok(()) };
    let Some(main) = proxy_pass::find(tx, main).await? else { return remove(ctx, tx, shadow.account_id).await };
    let modules = ctx.app.live().modules();
    let rules = &modules.shadow.rules;
    let plan_id = rules.plan_id.or(main.plan_id);
    let node_group_id = match (rules.group_id, plan_id) {
        (Some(group), _) => Some(group),
        (None, Some(plan)) => rows::find_plan_group(tx, plan).await?.and_then(|(_, group)| group),
        (None, None) => None,
    };
    let was_reset = main.reset_count != shadow.reset_count || main.last_reset_at != shadow.last_reset_at;
    if was_reset {
        rows::clear_usage(tx, shadow.account_id).await?;
    }
    let mirrored = Mirrored {
        plan_id,
        node_group_id,
        quota: main.quota,
        expires_at: main.expires_at,
        anchor_day: main.anchor_day,
        speed_limit: main.speed_limit,
        device_limit: main.device_limit,
        last_reset_at: main.last_reset_at,
        reset_count: main.reset_count,
        is_quota_shared: rules.share_quota,
    };
    rows::update(tx, shadow.account_id, &mirrored, ctx.now()).await?;
    if let Some(address) = address(rules, main.email.as_deref())
        && shadow.email.as_ref() != Some(&address)
    {
        rows::rename(tx, shadow.account_id, &address, &email_key(&address), ctx.now()).await.map_err(account::taken)?;
    }
    tx.touch(Aspect::ProxyUser, Some(shadow.account_id.0));
    tx.touch(Aspect::ProxyUser, Some(main.account_id.0));
    tx.touch(Aspect::Access, Some(shadow.account_id.0));
    Ok(())
}

/// Removes the shadow of an account that is about to go.
pub(crate) async fn ending(ctx: &Ctx, tx: &mut Tx, main: AccountId) -> Result<()> {
    match rows::find(tx, main).await? {
        Some(shadow) => remove(ctx, tx, shadow.account_id).await,
        None => Ok(()),
    }
}

async fn remove(ctx: &Ctx, tx: &mut Tx, shadow: AccountId) -> Result<()> {
    match accounts::find(tx, shadow).await? {
        // A shadow has no shadow: this goes one level deep.
        Some(row) => Box::pin(pass::delete(ctx, tx, &row)).await,
        None => Ok(()),
    }
}

/// Brings all shadows to where the module's settings want them, account by account.
pub(super) async fn mirror_all(ctx: &Ctx) -> Result<()> {
    let mut after = AccountId(0);
    loop {
        let page = rows::list_mains(&mut ctx.read(), after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = *last;
        for main in page {
            let mut tx = ctx.begin().await?;
            match mirror(ctx, &mut tx, main).await {
                Ok(()) => tx.commit().await?,
                // One address that is taken does not keep the others behind.
                Err(Error::Conflict { key, .. }) => {
                    tracing::warn!(event = "shadow.not_mirrored", account = main.0, key, "a shadow stays as it was");
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Brings shadows to where settings want them that were written a moment ago, by whoever: a step of `panel.minute`.
pub(crate) async fn follow_settings(ctx: &Ctx) -> Result<()> {
    let since = ctx.now().minus(Duration::from_mins(3));
    let code = Module::Ipv6Subscription.code();
    if modules::changed_since(&mut ctx.read(), code, since).await? { mirror_all(ctx).await } else { Ok(()) }
}

/// Tells doors of accounts whose shared quota both together used up. A step of `panel.minute`.
pub(crate) async fn cut_exhausted(app: &App) -> Result<()> {
    let since = app.now().minus(Duration::from_mins(3));
    let exhausted = rows::list_exhausted(&mut app.db().read(), since).await?;
    if exhausted.is_empty() {
        return Ok(());
    }
    let mut tx = app.db().begin().await?;
    for (shadow, main) in exhausted {
        tx.touch(Aspect::ProxyUser, Some(shadow.0));
        tx.touch(Aspect::ProxyUser, Some(main.0));
    }
    Ok(tx.commit().await?)
}
