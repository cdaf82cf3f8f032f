//! Whether a VPN user may come in, and what he gets: the decision on live rows (specs/vpn.md §10).
//!
//! [`decide`] decides and changes nothing but the form in which the password is kept. A door that lets somebody in calls
//! [`entered`] as well; `check-login` does not.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use gatehouse_model::{AccountId, EndedWhy, Millis, PassKind, Secret, fold_key};
use gatehouse_store::{
    Tx, account as accounts,
    vpn_live::{self as rows, LiveGroup, LiveUser},
};
use ipnet::{IpNet, Ipv4Net};

use super::{
    auth::{self, Proof, Right},
    external::{Credential, MsChapSuccess},
    policy_set, resource,
};
use crate::{
    App, Ctx, Error, Result,
    account::clear,
    radius::{
        grant::{Decision, Grant, Reject, Terms},
        nas::Nas,
        outbox,
        recent::{self, Limits, Remembered},
    },
};

/// Who wants in, by what, through which concentrator.
#[derive(Debug, Clone, Copy)]
pub struct Login<'a> {
    /// The login, with what the NAS entry cuts off taken off; compared folded.
    pub login: &'a str,
    /// User-Name as sent.
    pub user_name: &'a str,
    /// The credential.
    pub credential: &'a Credential,
    /// The entry of the concentrator; none: any that takes every method.
    pub nas: Option<&'a Nas>,
    /// What the decision is for.
    pub intent: Intent<'a>,
}

/// What a decision is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent<'a> {
    /// To know it.
    Check,
    /// To come in, from a station if that is known: where sessions are limited, a place is kept until the Start.
    Enter(Option<&'a str>),
}

/// The decision.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Whose login it was, also where it is refused; none: nobody's.
    pub account: Option<AccountId>,
    /// Yes or no.
    pub decision: Decision,
    /// What a foreign server said of a credential it refused.
    pub detail: Option<&'static str>,
    /// How many stays the user may have, this one included: older ones end. None: any number.
    pub newest_sessions: Option<u32>,
}

impl Verdict {
    /// `ok`, or the reason of the refusal.
    pub fn reason(&self) -> &'static str {
        match &self.decision {
            Decision::Accept(_) => "ok",
            Decision::Reject(reject) => reject.reason,
        }
    }

    pub(crate) fn refused(account: Option<AccountId>, reason: &'static str) -> Self {
        Self {
            account,
            decision: Decision::Reject(Reject { reason, message: None, ms_chap_error: 691 }),
            detail: None,
            newest_sessions: None,
        }
    }
}

/// Decides on a login.
///
/// Reasons, in the order in which they are looked for: `method_not_allowed` by the NAS entry, `no_such_account`; of the credential
/// `wrong_password`, `external_refused`, `external_unreachable`, `needs_clear_password`, `method_not_allowed`,
/// `factor_unavailable`; `disabled`, `group_disabled`, `expired`, `session_limit`. The limit of tries is the door's.
/// Errors: `Unavailable`, `Internal`. Source: specs/vpn.md §10.
pub async fn decide(ctx: &Ctx, login: &Login<'_>) -> Result<Verdict> {
    let memory = ctx.app.recent();
    let key = fold_key(login.login);
    if login.nas.is_some_and(|nas| !nas.settings.methods.contains(&login.credential.method())) {
        return Ok(Verdict::refused(None, "method_not_allowed"));
    }
    // Challenges never come twice: only what is sent in clear can be known again.
    let known = match login.credential {
        Credential::Pap(password) if !password.expose().is_empty() => {
            Some(memory.key(&key, password, login.nas.map(|nas| nas.id)))
        }
        _ => None,
    };
    if let Some(remembered) = known.and_then(|known| memory.find(&ctx.app, &known)) {
        return settle(ctx, login.intent, remembered.terms, remembered.limits).await;
    }
    let version = memory.version();
    let Some(user) = rows::find_by_key(&mut ctx.read(), &key).await? else {
        if let (Credential::Pap(password), Some(_)) = (login.credential, known) {
            ctx.app.passwords().verify(password, None).await?;
        }
        return Ok(Verdict::refused(None, "no_such_account"));
    };
    let chain = rows::list_chain(&mut ctx.read(), user.vpn_group_id).await?;
    let in_force = auth::in_force(&user, &chain);
    let right = match auth::prove(ctx, &user, in_force, login.credential, login.user_name).await? {
        Proof::Right(right) => *right,
        Proof::Wrong(reason, detail) => return Ok(Verdict { detail, ..Verdict::refused(Some(user.id), reason) }),
    };
    keep_password(ctx, &user, &right, login.credential).await?;
    if let Some(reason) = barrier(&user, &chain, ctx.now()) {
        return Ok(told(&user, reason));
    }
    let (mut terms, limits) = terms(ctx, &user, &chain, login.nas).await?;
    add_roles(ctx, &mut terms, right.roles).await?;
    let terms = Arc::new(terms);
    let life = right.remember.map_or(recent::LIFE, |life| life.min(recent::LIFE));
    if let Some(known) = known.filter(|_| !life.is_zero()) {
        let remembered = Remembered { until: ctx.now().plus(life), terms: Arc::clone(&terms), limits };
        memory.keep(version, known, remembered);
    }
    let verdict = settle(ctx, login.intent, terms, limits).await?;
    Ok(match verdict.decision {
        Decision::Reject(reject) if reject.reason == "session_limit" => told(&user, "session_limit"),
        _ => with_success(verdict, right.success),
    })
}

/// Whether a login was right a moment ago.
pub(crate) fn is_remembered(ctx: &Ctx, login: &Login<'_>) -> bool {
    let Credential::Pap(password) = login.credential else { return false };
    let key = ctx.app.recent().key(&fold_key(login.login), password, login.nas.map(|nas| nas.id));
    ctx.app.recent().find(&ctx.app, &key).is_some()
}

/// What is remembered for a folded login and its password at a NAS; none: [`decide`]. Where sessions are limited they are in the
/// database, and so is the decision.
pub(crate) fn recall(app: &App, key: &str, password: &Secret, nas: &Nas, now: Millis) -> Option<Grant> {
    let memory = app.recent();
    let Remembered { terms, limits, .. } = memory.find(app, &memory.key(key, password, Some(nas.id)))?;
    (limits.max_sessions == 0 && limits.newest_sessions == 0).then(|| granted(terms, limits, now))
}

/// What an account gets now at a NAS, without a credential: for changes of an open stay. A refusal means that it may not be in.
pub async fn standing(ctx: &Ctx, account: AccountId, nas: Option<&Nas>) -> Result<Decision> {
    let Some(user) = rows::find(&mut ctx.read(), account).await? else {
        return Ok(Verdict::refused(None, "no_such_account").decision);
    };
    let chain = rows::list_chain(&mut ctx.read(), user.vpn_group_id).await?;
    if let Some(reason) = barrier(&user, &chain, ctx.now()) {
        return Ok(told(&user, reason).decision);
    }
    let (terms, limits) = terms(ctx, &user, &chain, nas).await?;
    Ok(Decision::Accept(Box::new(granted(Arc::new(terms), limits, ctx.now()))))
}

/// Ends the stays that a new one replaces (`vpn.private_account_sessions`). For the door, after a verdict that lets in.
pub async fn entered(ctx: &Ctx, verdict: &Verdict) -> Result<()> {
    let (Some(account), Some(newest), Decision::Accept(_)) =
        (verdict.account, verdict.newest_sessions, &verdict.decision)
    else {
        return Ok(());
    };
    let others = usize::try_from(newest).unwrap_or(usize::MAX).saturating_sub(1);
    if rows::list_stays(&mut ctx.read(), account).await?.len() <= others {
        return Ok(());
    }
    let mut tx = ctx.begin().await?;
    let stays = rows::list_stays(&mut tx, account).await?;
    for uuid in stays.iter().take(stays.len().saturating_sub(others)) {
        outbox::disconnect_visit(&mut tx, ctx.now(), uuid, EndedWhy::Kicked, "vpn.private_account_sessions").await?;
    }
    Ok(tx.commit().await?)
}

/// Writes down that an account was let in, which also ends its being new. Logins of all doors' workers are written in batches.
pub async fn note(tx: &mut Tx, account: AccountId, at: Millis) -> Result<()> {
    rows::note_login(tx, account, at).await?;
    Ok(())
}

/// Why a user who proved himself may not be in.
fn barrier(user: &LiveUser, chain: &[LiveGroup], now: Millis) -> Option<&'static str> {
    if !user.is_account_enabled || !user.is_enabled {
        Some("disabled")
    } else if chain.is_empty() || chain.iter().any(|group| !group.is_enabled) {
        Some("group_disabled")
    } else if user.expires_at.is_some_and(|at| at <= now) {
        Some("expired")
    } else {
        None
    }
}

/// A refusal of somebody who proved himself: he is told why.
fn told(user: &LiveUser, reason: &'static str) -> Verdict {
    let message = message(reason, user.language.as_deref()).map(str::to_owned);
    let ms_chap_error = match reason {
        "disabled" | "group_disabled" => 647,
        "expired" => 648,
        _ => 691,
    };
    Verdict {
        decision: Decision::Reject(Reject { reason, message, ms_chap_error }),
        ..Verdict::refused(Some(user.id), reason)
    }
}

/// Texts to people who proved themselves.
fn message(reason: &str, language: Option<&str>) -> Option<&'static str> {
    let is_chinese = language.is_some_and(|language| language.starts_with("zh"));
    Some(match (reason, is_chinese) {
        ("disabled" | "group_disabled", true) => "账号已被禁用",
        ("disabled" | "group_disabled", false) => "Your account is disabled.",
        ("expired", true) => "账号已过期",
        ("expired", false) => "Your account has expired.",
        ("session_limit", true) => "在线会话数已达上限",
        ("session_limit", false) => "You are connected too often already.",
        _ => return None,
    })
}

/// What a user gets, without what depends on the moment.
async fn terms(ctx: &Ctx, user: &LiveUser, chain: &[LiveGroup], nas: Option<&Nas>) -> Result<(Terms, Limits)> {
    let policy_set = auth::policy_set(user.inherits_policy, user.policy_set_id, chain);
    let policy = policy_set::load(&mut ctx.read(), policy_set).await?;
    let groups = rows::list_roles(&mut ctx.read(), user.id).await?;
    let mut routes = policy.routes;
    if nas.is_some_and(|nas| nas.settings.resource_routes) {
        let resources = rows::list_resources(&mut ctx.read(), user.id).await?;
        let networks: Vec<_> = resources.iter().flat_map(|it| resource::routes(&it.addresses)).collect();
        let networks = Ipv4Net::aggregate(&networks).into_iter().map(IpNet::V4);
        let new: Vec<_> = networks.filter(|network| !routes.contains(network)).collect();
        routes.extend(new);
    }
    let cap = nas.and_then(|nas| nas.settings.session_cap());
    let private = ctx.app.settings().vpn.private_account_sessions;
    let limits = Limits {
        session_timeout: [policy.session_timeout, cap].into_iter().flatten().min(),
        expires_at: user.expires_at,
        max_sessions: policy.max_sessions.into(),
        newest_sessions: if user.is_public { 0 } else { private },
    };
    let terms = Terms {
        account: user.id,
        login: user.login.clone(),
        pass: PassKind::Vpn,
        idle_timeout: policy.idle_timeout,
        framed_ip: fixed_ip(user)?,
        pool: policy.pool,
        dns: policy.dns,
        routes,
        groups,
        speed: None,
        values: std::collections::BTreeMap::new(),
        message: None,
        is_denied: false,
    };
    Ok((terms, limits))
}

fn fixed_ip(user: &LiveUser) -> Result<Option<Ipv4Addr>> {
    let wrong = |_| Error::internal(format!("the fixed address of the VPN user {} is no IPv4 address", user.login));
    user.fixed_ip.as_deref().map(|text| text.parse().map_err(wrong)).transpose()
}

/// Adds the roles that a foreign server's groups stand for, if they are live.
async fn add_roles(ctx: &Ctx, terms: &mut Terms, roles: Vec<String>) -> Result<()> {
    for role in roles {
        if !terms.groups.contains(&role) && rows::is_role_enabled(&mut ctx.read(), &role).await? {
            terms.groups.push(role);
        }
    }
    terms.groups.sort_unstable();
    Ok(())
}

/// Whether an account may have one more session; those that were let in and have not begun yet count as well.
async fn has_room(ctx: &Ctx, intent: Intent<'_>, account: AccountId, limit: i64) -> Result<bool> {
    let awaited = ctx.app.awaited();
    let place = match intent {
        Intent::Enter(station) => awaited.take(account, station, ctx.now()),
        Intent::Check => None,
    };
    let others = place.as_ref().map_or_else(|| awaited.count(account, ctx.now()), |place| place.others);
    // After the place was taken: a session that begins meanwhile is found here, or by its place.
    let stays = rows::count_stays(&mut ctx.read(), account).await?;
    let has_room = stays.saturating_add(others) < limit;
    if let Some(place) = place.filter(|_| has_room) {
        place.keep();
    }
    Ok(has_room)
}

/// Counts sessions where there is a limit, and fills in what depends on the moment.
pub(crate) async fn settle(ctx: &Ctx, intent: Intent<'_>, terms: Arc<Terms>, limits: Limits) -> Result<Verdict> {
    if limits.max_sessions > 0 && !has_room(ctx, intent, terms.account, limits.max_sessions).await? {
        let Some(user) = rows::find(&mut ctx.read(), terms.account).await? else {
            return Ok(Verdict::refused(None, "no_such_account"));
        };
        return Ok(told(&user, "session_limit"));
    }
    Ok(Verdict {
        account: Some(terms.account),
        decision: Decision::Accept(Box::new(granted(terms, limits, ctx.now()))),
        detail: None,
        newest_sessions: Some(limits.newest_sessions).filter(|newest| *newest > 0),
    })
}

/// What somebody gets now.
pub(crate) fn granted(terms: Arc<Terms>, limits: Limits, now: Millis) -> Grant {
    Grant { session_timeout: session_timeout(limits, now), terms, class: Vec::new(), success: None }
}

/// The policy's bound, never past the end of the pass, in whole seconds.
fn session_timeout(limits: Limits, now: Millis) -> Option<Duration> {
    let left = limits.expires_at.map(|at| {
        let millis = u64::try_from(at.0.saturating_sub(now.0)).unwrap_or(0);
        Duration::from_secs((millis / 1_000).max(1))
    });
    [limits.session_timeout, left].into_iter().flatten().min()
}

pub(crate) fn with_success(mut verdict: Verdict, success: Option<MsChapSuccess>) -> Verdict {
    if let Decision::Accept(grant) = &mut verdict.decision {
        grant.success = success;
    }
    verdict
}

/// Brings the stored password into its present form, now that it was proved in clear: scheme and cost, and the clear copy where one
/// is kept.
async fn keep_password(ctx: &Ctx, user: &LiveUser, right: &Right, credential: &Credential) -> Result<()> {
    let stored = (user.password_hash.as_deref(), user.password_clear_sealed.is_some(), user.seal_ref.as_str());
    keep_proved(ctx, user.id, stored, right, credential).await
}

/// As [`keep_password`] for any account: its hash, whether it has a clear copy, and its `seal_ref`.
pub(crate) async fn keep_proved(
    ctx: &Ctx,
    account: AccountId,
    (hash, has_clear, seal_ref): (Option<&str>, bool, &str),
    right: &Right,
    credential: &Credential,
) -> Result<()> {
    let (Credential::Pap(password), true, Some(old)) = (credential, right.is_password, hash) else {
        return Ok(());
    };
    let fresh =
        if right.is_upgrade_due { Some(ctx.app.passwords().hash(ctx.app.random(), password).await?) } else { None };
    let sealed = if has_clear { None } else { clear::seal(&ctx.app, seal_ref, password)? };
    if fresh.is_none() && sealed.is_none() {
        return Ok(());
    }
    let mut tx = ctx.begin().await?;
    if let Some(sealed) = sealed {
        rows::update_clear(&mut tx, account, old, &sealed).await?;
    }
    if let Some((scheme, hash)) = fresh {
        accounts::update_password_scheme(&mut tx, account, old, scheme, &hash).await?;
    }
    Ok(tx.commit().await?)
}

/// Whether a login would be found at all; for doors that serve more than one pass. Live rows only.
pub async fn find(app: &App, login: &str) -> Result<Option<AccountId>> {
    Ok(rows::find_by_key(&mut app.db().read(), &fold_key(login)).await?.map(|user| user.id))
}
