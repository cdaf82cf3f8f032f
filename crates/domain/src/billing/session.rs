//! Sessions and logins of the billing surface (specs/billing.md §4).
//!
//! A session is a row; its end slides. Callers cannot recover from an early end, so none comes early: uses are written at most
//! once a minute, the stored end allows for those that were not, and the process remembers the exact ones.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use gatehouse_model::{AccountId, LoginSessionId, Millis, Origin, Secret, fold_key};
use gatehouse_store::{
    Engine, Tx,
    account::{self as accounts, AccountRow},
    login_session::{self as rows, BillingSessionRow},
    pass, role, subscriber,
};

use super::{Role, Who};
use crate::{
    Actor, App, Caller, Ctx, Error, Result, Via,
    audit::{self, Object, Stream},
    factor::{is_right, is_totp, use_code},
    gather::Gather,
    session::{
        self, Life,
        staff::{self, Facts},
    },
    throttle,
};

/// Stored kinds of these sessions.
const USER: &str = "billing_user";
const ADMIN: &str = "billing_admin";

/// Who reaches a limit of tries waits this long for the answer, which is that of a wrong password.
const DELAY: Duration = Duration::from_secs(1);

/// Longest login that is looked up or logged, characters.
const LOGIN_LENGTH: usize = 150;

/// More sessions than this are not remembered without looking which of them have ended.
const REMEMBERED: usize = 50_000;

/// Look-ups of sessions by the keyed hashes of their secrets.
pub(crate) type Sessions = Gather<String, Option<BillingSessionRow>>;

/// A session that counts now.
#[derive(Debug, Clone, Copy)]
pub struct Session {
    /// Its row.
    pub id: LoginSessionId,
    /// Whose it is.
    pub account: AccountId,
    kind: &'static str,
}

/// A login as it is asked for.
#[derive(Debug)]
pub struct Login<'a> {
    /// Compared byte by byte.
    pub login: &'a str,
    /// Of staff with a second factor: followed by its six digits.
    pub password: &'a Secret,
    /// Whether who is both a subscriber and staff comes as staff.
    pub wants_admin: bool,
    /// Client program.
    pub user_agent: Option<&'a str>,
}

/// A session that was opened.
#[derive(Debug)]
pub struct Opened {
    /// 22 letters and digits.
    pub secret: Secret,
    /// In which role.
    pub role: Role,
}

/// A caller nobody knows yet.
pub fn anonymous(app: &App, caller: Caller) -> Ctx {
    Ctx { app: app.clone(), actor: Actor::Anonymous, origin: Origin::Billing, caller }
}

/// Logs in a subscriber, or staff that hold `billing.access`; blocked subscribers too: they must be able to pay.
///
/// Shape: login and password → the session; none: refused, whatever the reason. A right password costs the same time as a wrong
/// one and as an unknown login; over the limit of tries nothing is tried, and the answer comes after a second.
/// Source: seeds/004 "Авторизация", specs/billing.md §4.
pub async fn login(ctx: &Ctx, asked: &Login<'_>) -> Result<Option<Opened>> {
    match attempt(ctx, asked).await {
        Err(Error::RateLimited { .. }) => {
            ctx.app.pause(DELAY).await;
            Ok(None)
        }
        outcome => outcome,
    }
}

async fn attempt(ctx: &Ctx, asked: &Login<'_>) -> Result<Option<Opened>> {
    let login = asked.login;
    throttle::check(ctx, login).await?;
    let account = find(ctx, login).await?;
    let stored = account.as_ref().and_then(|account| account.password_scheme.zip(account.password_hash.clone()));
    let mut verdict = throttle::verify(ctx, login, asked.password, stored.clone()).await?;
    let mut code = None;
    // Asked of everybody in the same way, so that the time does not tell who has a second factor.
    if !is_right(verdict)
        && let Some((head, digits)) = suffixed(asked.password)
    {
        verdict = throttle::verify(ctx, login, &head, stored).await?;
        code = Some(digits);
    }
    let Some(account) = account else { return refuse(ctx, login, None, "no_such_account").await };
    if !is_right(verdict) {
        return refuse(ctx, login, Some(&account), "wrong_password").await;
    }
    let Some((role, needs_code)) = role_of(ctx, &account, asked.wants_admin).await? else {
        return refuse(ctx, login, Some(&account), "no_pass").await;
    };
    if needs_code != code.is_some() {
        let why = if needs_code { "wrong_code" } else { "wrong_password" };
        return refuse(ctx, login, Some(&account), why).await;
    }
    if !account.is_enabled {
        return refuse(ctx, login, Some(&account), "disabled").await;
    }
    let upgrade = match verdict {
        crate::password::Verdict::RightUpgrade if code.is_none() => {
            Some(ctx.app.passwords().hash(ctx.app.random(), asked.password).await?)
        }
        _ => None,
    };
    let mut tx = ctx.begin().await?;
    let row = accounts::find(&mut tx, account.id).await?;
    if !row.is_some_and(|row| row.is_enabled && row.epoch == account.epoch && row.login == account.login) {
        drop(tx);
        return refuse(ctx, login, Some(&account), "changed").await;
    }
    if let Some(code) = &code
        && !use_code(ctx, &mut tx, account.id, code).await?
    {
        drop(tx);
        return refuse(ctx, login, Some(&account), "wrong_code").await;
    }
    throttle::succeeded(ctx, &mut tx, login).await?;
    if let (Some((scheme, new)), Some(old)) = (&upgrade, &account.password_hash) {
        accounts::update_password_scheme(&mut tx, account.id, old, *scheme, new).await?;
    }
    let object = Object::new("account", account.id.0, login);
    audit::login(&mut tx, ctx, object, account.name.as_deref(), "ok").await?;
    let factor_at = code.map(|_| ctx.now());
    let opened = open(ctx, &mut tx, &account, role, factor_at, asked.user_agent).await?;
    tx.commit().await?;
    Ok(Some(opened))
}

/// The account with exactly this login.
async fn find(ctx: &Ctx, login: &str) -> Result<Option<AccountRow>> {
    if login.chars().count() > LOGIN_LENGTH || login.chars().any(char::is_control) {
        return Ok(None);
    }
    let account = accounts::find_by_key(&mut ctx.read(), &fold_key(login)).await?;
    Ok(account.filter(|account| account.login == login))
}

/// The password without six digits at its end, and these.
fn suffixed(password: &Secret) -> Option<(Secret, String)> {
    let text = password.expose();
    let (head, code) = text.split_at_checked(text.len().checked_sub(6)?)?;
    (!head.is_empty() && is_totp(code)).then(|| (Secret::new(head), code.to_owned()))
}

/// The role an account logs in with, and whether that needs the code of a second factor; none: it may not.
async fn role_of(ctx: &Ctx, account: &AccountRow, wants_admin: bool) -> Result<Option<(Role, bool)>> {
    let q = &mut ctx.read();
    let uid = subscriber::find_group(q, account.id).await?.map(|(uid, _)| uid);
    let staff_no = pass::find_staff_no(q, account.id).await?;
    if let Some(staff_no) = staff_no.filter(|_| wants_admin || uid.is_none()) {
        let has_factor = staff::has_factor(q, account.id).await?;
        let facts = Facts { must_change_password: account.must_change_password, has_factor, is_proved: has_factor };
        if staff::owed(ctx, q, account.id, facts).await?.is_some() {
            return Ok(None);
        }
        let codes = role::list_codes_of_account(q, account.id, ctx.now()).await?;
        let role = Role::Admin { account: Some(account.id), staff_no };
        return Ok(codes.iter().any(|code| code == "billing.access").then_some((role, has_factor)));
    }
    Ok(uid.map(|uid| (Role::User { account: account.id, uid }, false)))
}

/// Counts and audits a refusal.
async fn refuse(ctx: &Ctx, login: &str, account: Option<&AccountRow>, outcome: &'static str) -> Result<Option<Opened>> {
    let typed: String = login.chars().filter(|c| !c.is_control()).take(LOGIN_LENGTH).collect();
    let mut tx = ctx.begin().await?;
    // A disabled account was logged in to rightly: that is no guess.
    if !matches!(outcome, "disabled" | "changed") {
        throttle::failed(ctx, &mut tx, login).await?;
    }
    let object = Object::new("account", account.map(|account| account.id.0), &typed);
    audit::login(&mut tx, ctx, object, account.and_then(|account| account.name.as_deref()), outcome).await?;
    tx.commit().await?;
    Ok(None)
}

async fn open(
    ctx: &Ctx,
    tx: &mut Tx,
    account: &AccountRow,
    role: Role,
    factor_at: Option<Millis>,
    user_agent: Option<&str>,
) -> Result<Opened> {
    let kind = if matches!(role, Role::User { .. }) { USER } else { ADMIN };
    let agent: Option<String> = user_agent.map(|agent| agent.chars().filter(|c| !c.is_control()).take(255).collect());
    let ttl = ctx.app.settings().billing.session.ttl.0;
    let life = Life { kind, sliding: ttl + grain(ttl), longest: Duration::MAX };
    let from = (ctx.caller.address, agent.as_deref());
    let opened = session::insert(ctx, tx, (account.id, account.epoch), life, (false, factor_at), from).await?;
    ctx.app.billing_uses().note(opened.session.id, ctx.now(), ttl);
    Ok(Opened { secret: opened.secret, role })
}

/// Uses that follow each other faster than this are written once.
fn grain(ttl: Duration) -> Duration {
    Duration::from_mins(1).min(ttl / 10)
}

/// Who holds a session, if it still counts; its end moves.
///
/// Shape: the secret of a login → the caller and his session; none: unknown, ended, expired, of an account that was disabled, lost
/// its pass or got another password. Roles count as they are now. Source: specs/billing.md §4.
pub async fn admit(ctx: &Ctx, secret: &str) -> Result<Option<(Who, Session)>> {
    if secret.len() > 128 {
        return Ok(None);
    }
    for hash in ctx.app.keys().hashes(session::PURPOSE, secret) {
        if let Some(row) = ctx.app.billing_sessions().ask(&ctx.app, hash, look_up).await? {
            return admitted(ctx, row).await;
        }
    }
    Ok(None)
}

async fn look_up(app: App, hashes: Vec<String>) -> Result<Vec<Option<BillingSessionRow>>> {
    let asked: Vec<&str> = hashes.iter().map(String::as_str).collect();
    let found = rows::list_billing(&mut app.db().read(), &asked).await?;
    let found: HashMap<_, _> = found.into_iter().map(|row| (row.secret_hash.clone(), row)).collect();
    Ok(hashes.iter().map(|hash| found.get(hash).cloned()).collect())
}

async fn admitted(ctx: &Ctx, row: BillingSessionRow) -> Result<Option<(Who, Session)>> {
    let Some(kind) = [USER, ADMIN].into_iter().find(|kind| *kind == row.kind) else { return Ok(None) };
    if row.revoked_at.is_some() || !row.account_enabled || row.epoch != row.account_epoch || is_over(ctx, &row) {
        return Ok(None);
    }
    let account = row.account_id;
    let mut codes = BTreeSet::new();
    let role = match (kind, row.uid, row.staff_no) {
        (USER, Some(uid), _) => Role::User { account, uid },
        (ADMIN, _, Some(staff_no)) => {
            let facts = Facts {
                must_change_password: row.must_change_password,
                has_factor: row.factor_confirmed_at.is_some(),
                is_proved: row.factor_at.is_some(),
            };
            if staff::owed(ctx, &mut ctx.read(), account, facts).await?.is_none() {
                codes.extend(role::list_codes_of_account(&mut ctx.read(), account, ctx.now()).await?);
            }
            Role::Admin { account: Some(account), staff_no }
        }
        _ => return Ok(None),
    };
    note_use(ctx, &row);
    let (id, is_trusted) = (row.id, !row.is_limited);
    let actor = Actor::Account { id: account, login: row.login, name: row.name, codes, via: Via::Session(id) };
    let who = Who { ctx: Ctx { actor, ..ctx.clone() }, role, is_trusted };
    Ok(Some((who, Session { id, account, kind })))
}

/// Whether a session's time is over. Where this process has seen every use since the stored one, to the millisecond; else it may
/// have been used up to [`grain`] later than stored.
fn is_over(ctx: &Ctx, row: &BillingSessionRow) -> bool {
    let ttl = ctx.app.settings().billing.session.ttl.0;
    let known = ctx.app.billing_uses().last(row.id);
    let stored = row.last_used_at;
    let last = known.map_or(stored, |known| known.max(stored));
    if ctx.now() < last.plus(ttl) {
        return false;
    }
    // On PostgreSQL another process may have answered the last call.
    let is_exact = known.is_some() && ctx.db().engine() == Engine::Sqlite;
    is_exact || ctx.now() >= stored.plus(ttl + grain(ttl))
}

/// Remembers a use, and writes it behind the caller's back when the stored one is old: a reader waits for no writer.
fn note_use(ctx: &Ctx, row: &BillingSessionRow) {
    let ttl = ctx.app.settings().billing.session.ttl.0;
    let (id, now) = (row.id, ctx.now());
    ctx.app.billing_uses().note(id, now, ttl);
    if row.last_used_at.plus(grain(ttl)) > now {
        return;
    }
    let ctx = ctx.clone();
    ctx.app.clone().spawn("billing.session", async move {
        if let Err(error) = write_use(&ctx, id, now, now.plus(ttl + grain(ttl))).await {
            // The next use tries again.
            tracing::debug!(error = error.chain(), "the use of a session could not be written");
        }
    });
}

async fn write_use(ctx: &Ctx, id: LoginSessionId, at: Millis, until: Millis) -> Result<()> {
    let mut tx = ctx.begin().await?;
    rows::update_used(&mut tx, id, at, until).await?;
    Ok(tx.commit().await?)
}

/// Ends all sessions that an account has in this role. Source: specs/billing.md §5.10.
pub async fn logout(who: &Who, session: &Session) -> Result<()> {
    let ctx = &who.ctx;
    let mut tx = ctx.begin().await?;
    rows::revoke_all(&mut tx, session.account, session.kind, "logout", ctx.now()).await?;
    let (_, _, login) = ctx.actor_name();
    let object = Object::new("account", session.account.0, &login);
    audit::record(&mut tx, ctx, Stream::Login, "account.logout", object, "ok", None).await?;
    Ok(tx.commit().await?)
}

/// Takes the trust from a session: staff change nothing with it any more. Source: specs/billing.md §5.10 `safe_ses`.
pub async fn distrust(who: &Who, session: &Session) -> Result<()> {
    let mut tx = who.ctx.begin().await?;
    rows::update_limited(&mut tx, session.id, true).await?;
    Ok(tx.commit().await?)
}

/// When this process last answered a call of each session.
#[derive(Debug, Default)]
pub(crate) struct Uses(Mutex<HashMap<LoginSessionId, Millis>>);

impl Uses {
    fn last(&self, id: LoginSessionId) -> Option<Millis> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied()
    }

    fn note(&self, id: LoginSessionId, at: Millis, ttl: Duration) {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if uses.len() >= REMEMBERED && !uses.contains_key(&id) {
            // What was not used for so long has ended in the database too.
            uses.retain(|_, last| last.plus(ttl + grain(ttl)) > at);
        }
        let last = uses.entry(id).or_insert(at);
        *last = at.max(*last);
    }
}
