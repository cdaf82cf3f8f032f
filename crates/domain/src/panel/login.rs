//! Logging in to the panel: by e-mail and password (specs/panel.md §2.1).

use std::time::Duration;

use gatehouse_model::{Secret, email_key};
use gatehouse_store::{
    Tx,
    account::{self as accounts, AccountRow},
    pass, proxy_pass, rate_counter, role, second_factor,
};

use super::{
    refusal::{Outcome, Refusal},
    session::{self, Opened},
};
use crate::{
    Ctx, Result,
    account::pass::{ProxyPass, insert_proxy},
    audit::{self, Object},
    factor::{is_right, is_totp, use_code},
    permission,
    session::staff::{self, Facts},
    throttle,
};

const FAILURES: &str = "panel.password";
const WRONG: Refusal = Refusal::rule("Incorrect email or password");

/// Logs in. A right password costs the same time as a wrong one and as an unknown address.
///
/// Shape: e-mail in any case and password, of staff with a second factor followed by its six digits → the session; without the
/// digits staff codes do not count in it. Errors: texts of specs/panel.md §2.1; `RateLimited` of the throttle all surfaces share.
pub async fn login(ctx: &Ctx, email: &str, password: &Secret, user_agent: Option<&str>) -> Outcome<Opened> {
    let email = email.trim();
    check_failures(ctx, email).await?;
    throttle::check(ctx, email).await?;
    let account = accounts::find_by_email_key(&mut ctx.read(), &email_key(email)).await?;
    let stored = account.as_ref().and_then(|account| account.password_scheme.zip(account.password_hash.clone()));
    let mut verdict = throttle::verify(ctx, email, password, stored.clone()).await?;
    let mut code = None;
    // Asked of everybody in the same way, so that the time does not tell who has a second factor.
    if !is_right(verdict)
        && let Some((head, digits)) = suffixed(password)
    {
        verdict = throttle::verify(ctx, email, &head, stored).await?;
        code = Some(digits);
    }
    let Some(account) = account else { return refuse(ctx, email, None, "no_such_account", WRONG).await };
    if !is_right(verdict) {
        return refuse(ctx, email, Some(&account), "wrong_password", WRONG).await;
    }
    let has_factor =
        second_factor::find(&mut ctx.read(), account.id).await?.is_some_and(|it| it.confirmed_at.is_some());
    if code.is_some() && !has_factor {
        return refuse(ctx, email, Some(&account), "wrong_password", WRONG).await;
    }
    if !proxy_pass::is_enabled(&mut ctx.read(), account.id).await?.unwrap_or(account.is_enabled) {
        let suspended = Refusal::rule("Your account has been suspended");
        return refuse(ctx, email, Some(&account), "disabled", suspended).await;
    }
    let upgrade = match verdict {
        crate::password::Verdict::RightUpgrade if code.is_none() => {
            Some(ctx.app.passwords().hash(ctx.app.random(), password).await?)
        }
        _ => None,
    };
    let mut tx = ctx.begin().await?;
    let row = accounts::find(&mut tx, account.id).await?;
    if !row.is_some_and(|row| row.is_enabled && row.epoch == account.epoch && row.email == account.email) {
        drop(tx);
        return refuse(ctx, email, Some(&account), "changed", WRONG).await;
    }
    if let Some(code) = &code
        && !use_code(ctx, &mut tx, account.id, code).await?
    {
        drop(tx);
        return refuse(ctx, email, Some(&account), "wrong_code", WRONG).await;
    }
    throttle::succeeded(ctx, &mut tx, email).await?;
    clear_failures(ctx, &mut tx, email).await?;
    if let (Some((scheme, new)), Some(old)) = (&upgrade, &account.password_hash) {
        accounts::update_password_scheme(&mut tx, account.id, old, *scheme, new).await?;
    }
    let Some(opened) = enter(ctx, &mut tx, &account, (has_factor, code.is_some()), user_agent).await? else {
        drop(tx);
        return refuse(ctx, email, Some(&account), "no_pass", WRONG).await;
    };
    tx.commit().await?;
    Ok(opened)
}

/// Opens a session for an account whose credential was right, in its transaction; none: it has nothing here.
///
/// `(has_factor, is_proved)`: whether the account has a second factor, and whether the caller proved it. Staff that hold
/// `panel.admin` get an empty pass at their first login here.
pub(super) async fn enter(
    ctx: &Ctx,
    tx: &mut Tx,
    account: &AccountRow,
    (has_factor, is_proved): (bool, bool),
    user_agent: Option<&str>,
) -> Result<Option<Opened>> {
    let mut is_admin = false;
    if pass::has_staff(tx, account.id).await? {
        let facts = Facts { must_change_password: account.must_change_password, has_factor, is_proved };
        let codes = role::list_codes_of_account(tx, account.id, ctx.now()).await?.into_iter().collect();
        is_admin = permission::holds(&codes, "panel.admin") && staff::owed(ctx, tx, account.id, facts).await?.is_none();
    }
    if pass::find_proxy(tx, account.id).await?.is_none() {
        if !is_admin {
            return Ok(None);
        }
        let nothing = ProxyPass { quota: Some(0), ..ProxyPass::default() };
        insert_proxy(ctx, tx, account.id, &nothing).await?;
    }
    let address = ctx.caller.address.map(|address| address.to_string());
    proxy_pass::update_login(tx, account.id, address.as_deref(), ctx.now()).await?;
    let object = Object::new("account", account.id.0, &account.login);
    audit::login(tx, ctx, object, account.name.as_deref(), "ok").await?;
    let factor_at = is_proved.then(|| ctx.now());
    let opened = session::open(ctx, tx, (account.id, account.epoch), factor_at, user_agent).await?;
    Ok(Some(Opened { is_admin, ..opened }))
}

/// The password without six digits at its end, and these.
fn suffixed(password: &Secret) -> Option<(Secret, String)> {
    let text = password.expose();
    let (head, code) = text.split_at_checked(text.len().checked_sub(6)?)?;
    (!head.is_empty() && is_totp(code)).then(|| (Secret::new(head), code.to_owned()))
}

/// Counts and audits a refusal.
async fn refuse<T>(
    ctx: &Ctx,
    email: &str,
    account: Option<&AccountRow>,
    outcome: &'static str,
    refusal: Refusal,
) -> Outcome<T> {
    let typed: String = email.chars().filter(|c| !c.is_control()).take(254).collect();
    let mut tx = ctx.begin().await?;
    // A disabled account was logged in to rightly: that is no guess.
    if !matches!(outcome, "disabled" | "changed") {
        throttle::failed(ctx, &mut tx, email).await?;
        count_failure(ctx, &mut tx, email).await?;
    }
    let object = Object::new("account", account.map(|account| account.id.0), &typed);
    audit::login(&mut tx, ctx, object, account.and_then(|account| account.name.as_deref()), outcome).await?;
    tx.commit().await?;
    Err(refusal.into())
}

/// The panel's own counter per address: failures, and minutes that each of them starts anew.
fn limit(ctx: &Ctx) -> Option<(i64, Duration)> {
    let settings = ctx.app.live().panel();
    let minutes = u64::try_from(settings.password_limit_expire).unwrap_or(60);
    settings.password_limit_enable.then(|| (settings.password_limit_count, Duration::from_mins(minutes)))
}

async fn check_failures(ctx: &Ctx, email: &str) -> Outcome<()> {
    let Some((most, window)) = limit(ctx) else { return Ok(()) };
    for key in ctx.app.keys().hashes(FAILURES, &email_key(email)) {
        let expired = ctx.now().minus(window);
        let counter = rate_counter::find(&mut ctx.read(), FAILURES, &key, expired).await?;
        if counter.is_some_and(|counter| counter.count >= most) {
            let text = "There are too many password errors, please try again after :minute minutes.";
            return Err(Refusal::often(text).with("minute", window.as_secs() / 60).into());
        }
    }
    Ok(())
}

async fn count_failure(ctx: &Ctx, tx: &mut Tx, email: &str) -> Result<()> {
    let Some((_, window)) = limit(ctx) else { return Ok(()) };
    let key = ctx.app.keys().hash(FAILURES, &email_key(email));
    rate_counter::extend(tx, FAILURES, &key, ctx.now(), ctx.now().minus(window)).await?;
    Ok(())
}

pub(super) async fn clear_failures(ctx: &Ctx, tx: &mut Tx, email: &str) -> Result<()> {
    for key in ctx.app.keys().hashes(FAILURES, &email_key(email)) {
        rate_counter::delete(tx, FAILURES, &key).await?;
    }
    Ok(())
}
