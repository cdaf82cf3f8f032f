//! Sessions of the bastion: a pair of tokens whose names are derived from the row, so that nothing is stored per token
//! (specs/bastion.md §5.1, §5.3).
//!
//! `refresh_no` counts the rotations and `rotated_at` is the moment of the last one. A token is alive when its name is the one
//! derived from the present number, or from the number before within the grace after a rotation. The pair of a number is
//! always the same, so parallel refreshes get the same successor.

use std::collections::BTreeSet;

use gatehouse_model::{AccountId, LoginSessionId, Millis, Paged, Paging};
use gatehouse_store::{
    Aspect, Query, Tx, account as accounts,
    login_session::{self as rows, StaffSessionRow},
    role, second_factor,
};
use uuid::Uuid;

use crate::{
    Actor, App, Ctx, Error, Result, Via,
    audit::{self, Object, Stream},
    permission::{self, Change},
};

/// Stored kind of these sessions.
pub const KIND: &str = "bastion";
const PURPOSE: &str = "login_session.token";

/// What a session must do before anything else; staff codes do not count until then (specs/bastion.md §5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owed {
    /// Set a new password.
    Password,
    /// Enrol a second factor.
    Enrolment,
    /// Prove the second factor.
    Factor,
}

/// What a pair of tokens says. Moments are whole seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Public name of the session.
    pub session: Uuid,
    /// Whose it is.
    pub account_id: AccountId,
    /// The session's epoch.
    pub epoch: i64,
    /// When the pair was issued.
    pub issued_at: Millis,
    /// Name of the access token, 32 hex digits.
    pub access_id: String,
    /// End of the access token.
    pub access_until: Millis,
    /// Name of the refresh token.
    pub refresh_id: String,
    /// End of the refresh token.
    pub refresh_until: Millis,
}

/// What a token that was signed by us claims.
#[derive(Debug, Clone, Copy)]
pub struct Proof<'a> {
    /// The session.
    pub session: Uuid,
    /// Its account.
    pub account: AccountId,
    /// Name of the token.
    pub token_id: &'a str,
}

#[derive(Debug, Clone, Copy)]
enum Use {
    Access,
    Refresh,
}

/// Opens a session for an account whose login was verified, in the transaction of the login.
pub(crate) async fn open(
    ctx: &Ctx,
    tx: &mut Tx,
    account: AccountId,
    epoch: i64,
    factor_at: Option<Millis>,
    user_agent: Option<&str>,
) -> Result<Pair> {
    let uuid = ctx.app.random().uuid();
    let settings = &ctx.app.settings().bastion.auth;
    rows::insert(
        tx,
        &rows::NewLoginSession {
            uuid: &uuid.to_string(),
            account_id: account,
            kind: KIND,
            epoch,
            secret_hash: None,
            is_limited: false,
            factor_at,
            address: ctx.caller.address.map(|address| address.to_string()).as_deref(),
            user_agent,
            at: ctx.now(),
            expires_at: ctx.now().plus(settings.refresh_ttl.0.min(settings.refresh_ceiling.0)),
        },
    )
    .await?;
    Ok(pair(&ctx.app, uuid, account, epoch, 0, (ctx.now(), ctx.now())))
}

/// The pair of a number: `(created_at, rotated_at)` as the row has them.
fn pair(app: &App, session: Uuid, account_id: AccountId, epoch: i64, no: i64, at: (Millis, Millis)) -> Pair {
    let settings = &app.settings().bastion.auth;
    let (created_at, issued_at) = at;
    let refresh_until = issued_at.plus(settings.refresh_ttl.0).min(created_at.plus(settings.refresh_ceiling.0));
    let name = |usage| name(&app.keys().hash(PURPOSE, &text(session, no, usage)));
    Pair {
        session,
        account_id,
        epoch,
        issued_at,
        access_id: name(Use::Access),
        access_until: issued_at.plus(settings.access_ttl.0).min(refresh_until),
        refresh_id: name(Use::Refresh),
        refresh_until,
    }
}

fn pair_of(app: &App, uuid: Uuid, row: &StaffSessionRow) -> Pair {
    let session = &row.session;
    let rotated_at = session.rotated_at.unwrap_or(session.created_at);
    pair(app, uuid, session.account_id, session.epoch, session.refresh_no, (session.created_at, rotated_at))
}

fn text(session: Uuid, no: i64, usage: Use) -> String {
    let usage = match usage {
        Use::Access => "access",
        Use::Refresh => "refresh",
    };
    format!("{session}/{no}/{usage}")
}

/// 32 hex digits of a keyed hash.
fn name(hash: &str) -> String {
    hash.rsplit('.').next().unwrap_or_default().chars().take(32).collect()
}

/// Whether a token's name is that of a number, under any key of the ring.
fn is_named(app: &App, proof: &Proof<'_>, no: i64, usage: Use) -> bool {
    app.keys().hashes(PURPOSE, &text(proof.session, no, usage)).any(|hash| name(&hash) == proof.token_id)
}

/// How the row sees a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Present,
    /// The one before, within the grace.
    Previous,
    Old,
}

fn standing(app: &App, proof: &Proof<'_>, row: &StaffSessionRow, usage: Use) -> Standing {
    let session = &row.session;
    if is_named(app, proof, session.refresh_no, usage) {
        return Standing::Present;
    }
    let grace = app.settings().bastion.auth.refresh_grace.0;
    let is_in_grace = session.rotated_at.is_some_and(|at| app.now() <= at.plus(grace));
    if is_in_grace && is_named(app, proof, session.refresh_no - 1, usage) {
        return Standing::Previous;
    }
    Standing::Old
}

/// The session's row, if session and account count now.
async fn find_alive(ctx: &Ctx, q: &mut impl Query, proof: &Proof<'_>) -> Result<StaffSessionRow> {
    let refuse = |why| Err(Error::Unauthenticated { why });
    let Some(row) = rows::find_staff(q, &proof.session.to_string()).await? else { return refuse("unknown session") };
    let session = &row.session;
    if session.kind != KIND || session.account_id != proof.account {
        return refuse("session of another surface or account");
    }
    if session.revoked_at.is_some() {
        return refuse("session revoked");
    }
    if session.expires_at <= ctx.now() {
        return refuse("session expired");
    }
    if !row.account_enabled || row.staff_id.is_none() {
        return refuse("account disabled");
    }
    if session.epoch != row.account_epoch {
        return refuse("credentials changed");
    }
    Ok(row)
}

/// The person behind an access token, and what the session owes.
///
/// Errors: `Unauthenticated` when token, session or account do not count now.
pub async fn admit(ctx: &Ctx, proof: &Proof<'_>) -> Result<(Ctx, Option<Owed>)> {
    let row = find_alive(ctx, &mut ctx.read(), proof).await?;
    if standing(&ctx.app, proof, &row, Use::Access) == Standing::Old {
        return Err(Error::Unauthenticated { why: "token replaced" });
    }
    admitted(ctx, row).await
}

/// The person behind a session that something else than its tokens proved: a ticket made by it.
///
/// Errors: `Unauthenticated` when session or account do not count now.
pub(crate) async fn admit_session(ctx: &Ctx, session: Uuid, account: AccountId) -> Result<(Ctx, Option<Owed>)> {
    let row = find_alive(ctx, &mut ctx.read(), &Proof { session, account, token_id: "" }).await?;
    admitted(ctx, row).await
}

async fn admitted(ctx: &Ctx, row: StaffSessionRow) -> Result<(Ctx, Option<Owed>)> {
    note_used(ctx, &row).await?;
    let facts = Facts {
        must_change_password: row.must_change_password,
        has_factor: row.factor_confirmed_at.is_some(),
        is_proved: row.session.factor_at.is_some(),
    };
    let owes = owed(ctx, &mut ctx.read(), row.session.account_id, facts).await?;
    let codes: BTreeSet<String> = if owes.is_some() {
        BTreeSet::new()
    } else {
        role::list_codes_of_account(&mut ctx.read(), row.session.account_id, ctx.now()).await?.into_iter().collect()
    };
    let via = if owes.is_some() { Via::Limited(Some(row.session.id)) } else { Via::Session(row.session.id) };
    let actor = Actor::Account { id: row.session.account_id, login: row.login, name: row.name, codes, via };
    Ok((Ctx { actor, ..ctx.clone() }, owes))
}

/// What decides on a limited session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    /// The account must set a new password.
    pub(crate) must_change_password: bool,
    /// The account has a confirmed second factor.
    pub(crate) has_factor: bool,
    /// The session proved it.
    pub(crate) is_proved: bool,
}

/// What a session owes.
pub(crate) async fn owed(ctx: &Ctx, q: &mut impl Query, account: AccountId, facts: Facts) -> Result<Option<Owed>> {
    if facts.has_factor && !facts.is_proved {
        return Ok(Some(Owed::Factor));
    }
    if facts.must_change_password {
        return Ok(Some(Owed::Password));
    }
    let demanding = &ctx.app.settings().bastion.auth.mfa_roles;
    if facts.has_factor || demanding.is_empty() {
        return Ok(None);
    }
    let roles = role::list_of_account(q, account, ctx.now()).await?;
    let is_demanded = roles.iter().any(|role| role.is_enabled && demanding.contains(&role.code));
    Ok(is_demanded.then_some(Owed::Enrolment))
}

/// Writes the last use at most once a minute: a busy session must not write with every request.
async fn note_used(ctx: &Ctx, row: &StaffSessionRow) -> Result<()> {
    let grain = std::time::Duration::from_mins(1);
    if row.session.last_used_at.plus(grain) > ctx.now() {
        return Ok(());
    }
    let mut tx = ctx.begin().await?;
    rows::update_used(&mut tx, row.session.id, ctx.now(), row.session.expires_at).await?;
    Ok(tx.commit().await?)
}

/// Exchanges a refresh token for the next pair. Within the grace the token before gets the same pair again; an older one is
/// reuse, which ends the session.
///
/// Errors: `Unauthenticated`.
pub async fn refresh(ctx: &Ctx, proof: &Proof<'_>) -> Result<Pair> {
    let row = find_alive(ctx, &mut ctx.read(), proof).await?;
    match standing(&ctx.app, proof, &row, Use::Refresh) {
        Standing::Previous => return Ok(pair_of(&ctx.app, proof.session, &row)),
        Standing::Present => {}
        Standing::Old => return Err(reused(ctx, proof).await?),
    }
    let mut tx = ctx.begin().await?;
    let now = ctx.now();
    let auth = &ctx.app.settings().bastion.auth;
    let until = now.plus(auth.refresh_ttl.0).min(row.session.created_at.plus(auth.refresh_ceiling.0));
    rows::rotate(&mut tx, row.session.id, row.session.refresh_no, now, until).await?;
    // Whether this call rotated or a parallel one did, the row in the transaction says which pair follows.
    let row = find_alive(ctx, &mut tx, proof).await?;
    let standing = standing(&ctx.app, proof, &row, Use::Refresh);
    tx.commit().await?;
    match standing {
        Standing::Previous => Ok(pair_of(&ctx.app, proof.session, &row)),
        Standing::Present | Standing::Old => Err(Error::Unauthenticated { why: "token replaced" }),
    }
}

/// Ends a session whose refresh token came a second time: one of the two who have it is a thief.
async fn reused(ctx: &Ctx, proof: &Proof<'_>) -> Result<Error> {
    let mut tx = ctx.begin().await?;
    // Read again: between the first look and this one a parallel refresh may have made the token the previous one.
    let row = find_alive(ctx, &mut tx, proof).await?;
    if standing(&ctx.app, proof, &row, Use::Refresh) == Standing::Old {
        rows::revoke(&mut tx, row.session.id, "refresh_reused", ctx.now()).await?;
        tx.touch(Aspect::Access, None);
        let object = Object::new("account", row.session.account_id.0, &row.login);
        audit::record(&mut tx, ctx, Stream::Alert, "login_session.reuse", object, "session revoked", None).await?;
        tx.commit().await?;
    }
    Ok(Error::Unauthenticated { why: "refresh token used twice" })
}

/// Whether terminals of a session end with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terminals {
    /// They end.
    End,
    /// They stay.
    Keep,
}

/// Ends the calling session. Errors: `Unauthenticated` unless the caller came by a session.
pub async fn logout(ctx: &Ctx, terminals: Terminals) -> Result<()> {
    let (id, session) = own_session(ctx)?;
    let why = match terminals {
        Terminals::End => "logout",
        Terminals::Keep => rows::KEEP_TERMINALS,
    };
    let mut tx = ctx.begin().await?;
    rows::revoke(&mut tx, session, why, ctx.now()).await?;
    tx.touch(Aspect::Access, None);
    let (_, _, login) = ctx.actor_name();
    audit::record(&mut tx, ctx, Stream::Login, "account.logout", Object::new("account", id.0, &login), "ok", None)
        .await?;
    Ok(tx.commit().await?)
}

/// The calling account and session.
pub(crate) fn own_session(ctx: &Ctx) -> Result<(AccountId, LoginSessionId)> {
    match &ctx.actor {
        Actor::Account { id, via: Via::Session(session) | Via::Limited(Some(session)), .. } => Ok((*id, *session)),
        _ => Err(Error::Unauthenticated { why: "no login session" }),
    }
}

/// Whether an account has a confirmed second factor.
pub(crate) async fn has_factor(q: &mut impl Query, account: AccountId) -> Result<bool> {
    Ok(second_factor::find(q, account).await?.is_some_and(|factor| factor.confirmed_at.is_some()))
}

/// A session as its owner or staff see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    /// Row id.
    pub id: LoginSessionId,
    /// Client address at the login.
    pub address: Option<String>,
    /// Client program at the login.
    pub user_agent: Option<String>,
    /// When it was opened.
    pub created_at: Millis,
    /// Last use, to the minute.
    pub last_used_at: Millis,
    /// Whether it is the calling one.
    pub is_current: bool,
}

/// Lists the live sessions of the caller, or of somebody else with `system.token.manage` and all that he holds.
pub async fn list(ctx: &Ctx, of: Option<AccountId>, paging: Paging) -> Result<Paged<SessionView>> {
    let (own, current) = own_session(ctx)?;
    let account = of.unwrap_or(own);
    if account != own {
        ctx.require("system.token.manage")?;
        accounts::find(&mut ctx.read(), account).await?.ok_or(Error::NotFound { what: "account" })?;
        permission::covers_account(ctx, &mut ctx.read(), account).await?;
    }
    let alive = rows::list_alive(&mut ctx.read(), account, KIND, ctx.now(), paging).await?;
    let view = |row: rows::LoginSessionRow| SessionView {
        id: row.id,
        address: row.address,
        user_agent: row.user_agent,
        created_at: row.created_at,
        last_used_at: row.last_used_at,
        is_current: row.id == current,
    };
    Ok(Paged { total: alive.total, rows: alive.rows.into_iter().map(view).collect() })
}

/// Which sessions [`end`] ends.
#[derive(Debug, Clone)]
pub enum Which {
    /// These; unknown and ended ones are passed over.
    Named(Vec<LoginSessionId>),
    /// All of the caller but the calling one.
    AllOther,
}

/// Ends sessions of this surface with their terminals; gives how many ended.
///
/// Errors: `Forbidden` when one is somebody else's, without `system.token.manage` and all that he holds: then none ends.
pub async fn end(ctx: &Ctx, which: &Which) -> Result<i64> {
    let (own, current) = own_session(ctx)?;
    let (ctx, mut tx) = permission::begin(ctx, Change::Rights).await?;
    let mut ended = 0;
    match which {
        Which::AllOther => {
            ended = rows::revoke_kind(&mut tx, own, KIND, current, "ended", ctx.now()).await?;
        }
        Which::Named(ids) => {
            for id in ids {
                let Some(row) = rows::find_by_id(&mut tx, *id).await?.filter(|row| row.kind == KIND) else { continue };
                if row.account_id != own {
                    ctx.require("system.token.manage")?;
                    permission::covers_account(&ctx, &mut tx, row.account_id).await?;
                }
                ended += rows::revoke(&mut tx, *id, "ended", ctx.now()).await?;
            }
        }
    }
    if ended > 0 {
        tx.touch(Aspect::Access, None);
        let count = ended.to_string();
        audit::changed(&mut tx, &ctx, "login_session.revoke", Object::new("login_session", None, &count)).await?;
        tx.commit().await?;
    }
    Ok(i64::try_from(ended).unwrap_or(i64::MAX))
}
