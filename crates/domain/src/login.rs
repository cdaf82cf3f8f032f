//! Logins of staff: what the bastion surface and the ssh door share (specs/bastion.md §5.2, §5.4, §9.2).
//!
//! A login is verified first ([`password`], [`key`], [`code`]), and becomes a session ([`open_session`]) or a stay at a door
//! ([`enter`]), which writes the audit row and the last login in the same transaction.

use std::{collections::BTreeSet, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use gatehouse_model::{AccountId, Millis, Secret, fold_key};
use gatehouse_store::{
    Tx,
    account::{self as accounts, AccountRow},
    one_time, own_account, pass, role, ssh_key as keys,
};

use crate::{
    Actor, Ctx, Error, Result, Via,
    audit::{self, Object},
    factor::{is_right, is_totp, use_code},
    password::Verdict,
    session::staff::{self, Facts, Owed, Pair},
    throttle,
};

/// How long the second step of a login may take.
pub const CODE_TIME: Duration = Duration::from_mins(5);
/// Wrong codes after which the second step begins anew.
const CODE_TRIES: i64 = 5;
const CODE_PURPOSE: &str = "login.code";
/// Longest login that is looked up or logged, characters.
const LOGIN_LENGTH: usize = 150;

/// How far a login came.
#[derive(Debug)]
pub enum Step {
    /// Every factor was proved.
    Verified(Verified),
    /// The first factor was; now a code is needed.
    Code(Waiting),
    /// It ends here.
    Refused(Refused),
}

/// Why a login ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Unknown login, or wrong password, or a key that is not his: never told apart.
    Wrong,
    /// The password was right, the account is disabled.
    Disabled,
    /// The code was wrong, or the second step came too late.
    Code,
}

/// A login of which every factor was proved.
#[derive(Debug)]
pub struct Verified {
    who: Waiting,
    factor_at: Option<Millis>,
    upgrade: Option<(i64, String)>,
}

/// A login whose first factor was proved.
#[derive(Debug, Clone)]
pub struct Waiting {
    account: AccountId,
    login: String,
    name: Option<String>,
    epoch: i64,
    hash: Option<String>,
}

impl Waiting {
    fn of(account: &AccountRow) -> Self {
        Self {
            account: account.id,
            login: account.login.clone(),
            name: account.name.clone(),
            epoch: account.epoch,
            hash: account.password_hash.clone(),
        }
    }
}

/// Verifies login and password, and the code if one is given. The login is compared exactly and needs a staff pass. Without
/// either, the same time passes and the answer is the same as for a wrong password.
///
/// Errors: `RateLimited`, before hashing, also for a right password.
pub async fn password(ctx: &Ctx, login: &str, password: &Secret, otp: Option<&str>) -> Result<Step> {
    throttle::check(ctx, login).await?;
    let account = find(ctx, login).await?;
    let stored = account.as_ref().and_then(|a| a.password_scheme.zip(a.password_hash.clone()));
    let mut verdict = throttle::verify(ctx, login, password, stored.clone()).await?;
    let mut otp = otp.map(str::to_owned);
    // Asked of everybody in the same way, so that the time does not tell who has a second factor.
    if let Some((head, code)) = suffixed(ctx, password, otp.as_deref(), verdict) {
        verdict = throttle::verify(ctx, login, &head, stored).await?;
        let has_factor = match &account {
            Some(account) => staff::has_factor(&mut ctx.read(), account.id).await?,
            None => false,
        };
        if !has_factor {
            verdict = Verdict::Wrong;
        }
        otp = Some(code);
    }
    let Some(account) = account.filter(|_| is_right(verdict)) else {
        return refuse(ctx, login, None, Refused::Wrong).await;
    };
    let upgrade = match verdict {
        Verdict::RightUpgrade => Some(ctx.app.passwords().hash(ctx.app.random(), password).await?),
        Verdict::Right | Verdict::Wrong => None,
    };
    let step = first(ctx, &account, upgrade).await?;
    match (step, otp) {
        (Step::Code(waiting), Some(otp)) => code(ctx, &waiting, &otp).await,
        (step, _) => Ok(step),
    }
}

/// The password without the six digits after it, and these, where `bastion.auth.otp_suffix` lets them stand there.
fn suffixed(ctx: &Ctx, password: &Secret, otp: Option<&str>, verdict: Verdict) -> Option<(Secret, String)> {
    if !ctx.app.settings().bastion.auth.otp_suffix || otp.is_some() || is_right(verdict) {
        return None;
    }
    let text = password.expose();
    let (head, code) = text.split_at_checked(text.len().checked_sub(6)?)?;
    (!head.is_empty() && is_totp(code)).then(|| (Secret::new(head), code.to_owned()))
}

/// Verifies a public key whose signature the door has checked; `fingerprint` is `SHA256:…`.
///
/// Errors: `RateLimited`.
pub async fn key(ctx: &Ctx, login: &str, fingerprint: &str) -> Result<Step> {
    throttle::check(ctx, login).await?;
    let Some(account) = find(ctx, login).await? else { return Ok(Step::Refused(Refused::Wrong)) };
    let Some(key) = keys::find_of_account(&mut ctx.read(), account.id, fingerprint).await? else {
        // Clients offer every key they have: a key that is not his is no try.
        return Ok(Step::Refused(Refused::Wrong));
    };
    let mut tx = ctx.begin().await?;
    keys::update_used(&mut tx, key.id, ctx.now()).await?;
    tx.commit().await?;
    first(ctx, &account, None).await
}

/// Whether a public key may log a person in: asked about an offer, before anything is signed. Proves nothing.
///
/// Errors: `RateLimited`.
pub async fn knows_key(ctx: &Ctx, login: &str, fingerprint: &str) -> Result<bool> {
    throttle::check(ctx, login).await?;
    let Some(account) = find(ctx, login).await? else { return Ok(false) };
    Ok(keys::find_of_account(&mut ctx.read(), account.id, fingerprint).await?.is_some())
}

/// Verifies the code of a login whose first factor was proved.
///
/// Errors: `RateLimited`.
pub async fn code(ctx: &Ctx, waiting: &Waiting, code: &str) -> Result<Step> {
    throttle::check(ctx, &waiting.login).await?;
    let mut tx = ctx.begin().await?;
    let is_right = use_code(ctx, &mut tx, waiting.account, code).await?;
    if is_right {
        tx.commit().await?;
        let verified = Verified { who: waiting.clone(), factor_at: Some(ctx.now()), upgrade: None };
        return Ok(Step::Verified(verified));
    }
    drop(tx);
    refuse(ctx, &waiting.login, Some(waiting), Refused::Code).await
}

/// What follows a right first factor.
async fn first(ctx: &Ctx, account: &AccountRow, upgrade: Option<(i64, String)>) -> Result<Step> {
    let who = Waiting::of(account);
    if !account.is_enabled {
        return refuse(ctx, &account.login, Some(&who), Refused::Disabled).await;
    }
    if staff::has_factor(&mut ctx.read(), account.id).await? {
        return Ok(Step::Code(who));
    }
    Ok(Step::Verified(Verified { who, factor_at: None, upgrade }))
}

/// The account with exactly this login and a staff pass.
async fn find(ctx: &Ctx, login: &str) -> Result<Option<AccountRow>> {
    if login.chars().count() > LOGIN_LENGTH || login.chars().any(char::is_control) {
        return Ok(None);
    }
    let account = accounts::find_by_key(&mut ctx.read(), &fold_key(login)).await?;
    let Some(account) = account.filter(|account| account.login == login) else { return Ok(None) };
    Ok(pass::has_staff(&mut ctx.read(), account.id).await?.then_some(account))
}

/// Counts and audits a refusal. A wrong password is looked up once more by the row's object: the log may say whose it was.
async fn refuse(ctx: &Ctx, login: &str, who: Option<&Waiting>, refused: Refused) -> Result<Step> {
    let known = match who {
        Some(_) => None,
        None => find(ctx, login).await?,
    };
    let (id, label, outcome) = match (who, &known) {
        (Some(who), _) => {
            (Some(who.account), who.name.as_deref(), if refused == Refused::Code { "wrong_code" } else { "disabled" })
        }
        (None, Some(account)) => (Some(account.id), account.name.as_deref(), "wrong_password"),
        (None, None) => (None, None, "no_such_account"),
    };
    let typed: String = login.chars().filter(|c| !c.is_control()).take(LOGIN_LENGTH).collect();
    let mut tx = ctx.begin().await?;
    // A disabled account was logged in to rightly: that is no guess.
    if refused != Refused::Disabled {
        throttle::failed(ctx, &mut tx, login).await?;
    }
    let object = Object::new("account", id.map(|id| id.0), &typed);
    audit::login(&mut tx, ctx, object, label, outcome).await?;
    tx.commit().await?;
    Ok(Step::Refused(refused))
}

/// Opens a session; gives its pair of tokens. What the session still owes is asked again at each call.
///
/// Errors: `Unauthenticated` when the account changed meanwhile; `RateLimited`.
pub async fn open_session(ctx: &Ctx, verified: Verified, user_agent: Option<&str>) -> Result<Pair> {
    let agent: Option<String> = user_agent.map(|agent| agent.chars().filter(|c| !c.is_control()).take(255).collect());
    let mut tx = finish(ctx, &verified).await?;
    let Waiting { account, epoch, .. } = verified.who;
    let pair = staff::open(ctx, &mut tx, account, epoch, verified.factor_at, agent.as_deref()).await?;
    tx.commit().await?;
    Ok(pair)
}

/// Lets a person through a door for one connection; gives who it is and what is owed: then only a refusal is due.
///
/// Errors: as [`open_session`].
pub async fn enter(ctx: &Ctx, verified: Verified) -> Result<(Ctx, Option<Owed>)> {
    let tx = finish(ctx, &verified).await?;
    tx.commit().await?;
    let Waiting { account, login, name, .. } = verified.who;
    let row =
        accounts::find(&mut ctx.read(), account).await?.ok_or(Error::Unauthenticated { why: "account deleted" })?;
    let has_factor = verified.factor_at.is_some();
    let facts = Facts { must_change_password: row.must_change_password, has_factor, is_proved: has_factor };
    let owes = staff::owed(ctx, &mut ctx.read(), account, facts).await?;
    let mut codes = BTreeSet::new();
    if owes.is_none() {
        codes.extend(role::list_codes_of_account(&mut ctx.read(), account, ctx.now()).await?);
    }
    let via = if owes.is_some() { Via::Limited(None) } else { Via::Door };
    let actor = Actor::Account { id: account, login, name, codes, via };
    Ok((Ctx { actor, ..ctx.clone() }, owes))
}

/// A transaction that holds the success of a login.
async fn finish(ctx: &Ctx, verified: &Verified) -> Result<Tx> {
    let Waiting { account, login, name, epoch, hash } = &verified.who;
    let mut tx = ctx.begin().await?;
    let row = accounts::find(&mut tx, *account).await?;
    let is_same = row.is_some_and(|row| row.is_enabled && row.epoch == *epoch && row.login == *login);
    if !is_same || !pass::has_staff(&mut tx, *account).await? {
        return Err(Error::Unauthenticated { why: "the account changed during the login" });
    }
    throttle::succeeded(ctx, &mut tx, login).await?;
    if let (Some((scheme, new)), Some(old)) = (&verified.upgrade, hash) {
        accounts::update_password_scheme(&mut tx, *account, old, *scheme, new).await?;
    }
    own_account::update_last_login(&mut tx, *account, ctx.now()).await?;
    let object = Object::new("account", account.0, login);
    audit::login(&mut tx, ctx, object, name.as_deref(), "ok").await?;
    Ok(tx)
}

/// Keeps a login that waits for its code; gives the secret that finishes it within [`CODE_TIME`].
pub async fn keep(ctx: &Ctx, waiting: &Waiting) -> Result<Secret> {
    let secret = Secret::new(BASE64_URL_SAFE_NO_PAD.encode(ctx.app.random().bytes::<32>()));
    let epoch = waiting.epoch.to_string();
    let new = one_time::NewOneTime {
        purpose: CODE_PURPOSE,
        secret_hash: &ctx.app.keys().hash(CODE_PURPOSE, secret.expose()),
        account_id: Some(waiting.account),
        subject: Some(&epoch),
        payload: None,
        expires_at: ctx.now().plus(CODE_TIME),
    };
    let mut tx = ctx.begin().await?;
    one_time::delete_expired(&mut tx, ctx.now()).await?;
    one_time::insert(&mut tx, &new).await?;
    tx.commit().await?;
    Ok(secret)
}

/// Finishes a login that was kept. Few wrong codes end it.
///
/// Errors: `RateLimited`.
pub async fn resume(ctx: &Ctx, secret: &str, given: &str) -> Result<Step> {
    throttle::check_address(ctx).await?;
    let mut kept = None;
    for hash in ctx.app.keys().hashes(CODE_PURPOSE, secret) {
        if let Some(row) = one_time::find(&mut ctx.read(), CODE_PURPOSE, &hash, ctx.now()).await? {
            kept = Some(row);
        }
    }
    let account = match kept.as_ref().and_then(|row| row.account_id) {
        Some(id) => accounts::find(&mut ctx.read(), id).await?,
        None => None,
    };
    let (Some(kept), Some(account)) = (kept, account) else {
        throttle::failed_address(ctx).await?;
        return Ok(Step::Refused(Refused::Code));
    };
    // Counted before it is looked at, so that tries at the same moment do not share one.
    let mut tx = ctx.begin().await?;
    let tries = one_time::count_try(&mut tx, kept.id).await?;
    tx.commit().await?;
    let is_same = kept.subject.as_deref() == Some(account.epoch.to_string().as_str()) && account.is_enabled;
    if tries.is_none_or(|tries| tries > CODE_TRIES) || !is_same {
        return Ok(Step::Refused(Refused::Code));
    }
    let step = code(ctx, &Waiting::of(&account), given).await?;
    if matches!(step, Step::Verified(_)) {
        let mut tx = ctx.begin().await?;
        let is_mine = one_time::delete(&mut tx, kept.id).await? > 0;
        tx.commit().await?;
        if !is_mine {
            return Ok(Step::Refused(Refused::Code));
        }
    }
    Ok(step)
}

/// Refuses unless this is the password of an account: before its owner changes what protects it. A wrong one counts like a
/// failed login and is `Fields` (`field`, `wrong`).
pub(crate) async fn require_password(
    ctx: &Ctx,
    account: AccountId,
    password: &Secret,
    field: &'static str,
) -> Result<AccountRow> {
    let row = accounts::find(&mut ctx.read(), account).await?;
    let row = row.ok_or(Error::Unauthenticated { why: "account deleted" })?;
    throttle::check(ctx, &row.login).await?;
    let stored = row.password_scheme.zip(row.password_hash.clone());
    let verdict = throttle::verify(ctx, &row.login, password, stored).await?;
    let mut tx = ctx.begin().await?;
    if is_right(verdict) {
        throttle::succeeded(ctx, &mut tx, &row.login).await?;
        tx.commit().await?;
        return Ok(row);
    }
    throttle::failed(ctx, &mut tx, &row.login).await?;
    tx.commit().await?;
    Err(Error::field(field, "wrong"))
}
