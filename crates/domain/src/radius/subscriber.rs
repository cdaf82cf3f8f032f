//! Whether a subscriber may come in through a NAS, and what he gets (specs/billing.md §14, specs/radius.md §5).
//!
//! Right credentials, a state that is on, a service that gives Internet and no unread blocking message: then he gets what his
//! services say. Else, if what he proved himself with is right, he is refused or, where billing says so, kept in the walled
//! garden. A disabled account is always refused.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use gatehouse_model::{AccountId, EndedWhy, PassKind, fold_key};
use gatehouse_store::{
    Query, Tx,
    subscriber_access::{self as rows, EntrantRow},
};

use super::{
    grant::{Decision, Reject, Terms},
    nas::Nas,
    recent::{self, Limits, Remembered},
};
use crate::{
    Ctx, Error, Result,
    billing::{
        access::{self, Denial, Service},
        main,
    },
    settings::{Denied, Language},
    vpn::{
        auth::{self, Proof, Stored},
        external::Credential,
        login::{self, Intent, Login, Verdict},
    },
};

/// How long a dynamic address waits for the Start of its session.
const HELD: Duration = Duration::from_mins(5);

/// What a subscriber's login is remembered as: no login has a control character, so it is apart from every VPN user's.
pub(crate) fn remembered_as(login: &str) -> String {
    format!("\u{1}{login}")
}

/// Decides on a login; none: no subscriber is called so. The login is compared exactly.
///
/// Reasons, in the order in which they are looked for: `method_not_allowed` by the NAS entry; `wrong_password`,
/// `needs_clear_password`; `disabled`, `admin_block`, `debt_block`, `no_service`, `unread_message`, `no_address`. Errors:
/// `Unavailable`, `Internal`.
pub(crate) async fn decide(ctx: &Ctx, login: &Login<'_>) -> Result<Option<Verdict>> {
    let memory = ctx.app.recent();
    if login.nas.is_some_and(|nas| !nas.settings.methods.contains(&login.credential.method())) {
        return Ok(Some(Verdict::refused(None, "method_not_allowed")));
    }
    let known = match login.credential {
        Credential::Pap(password) if !password.expose().is_empty() => {
            Some(memory.key(&remembered_as(login.login), password, login.nas.map(|nas| nas.id)))
        }
        _ => None,
    };
    if let Some(remembered) = known.and_then(|known| memory.find(&ctx.app, &known)) {
        return login::settle(ctx, login.intent, remembered.terms, remembered.limits).await.map(Some);
    }
    let version = memory.version();
    let row = rows::find_by_key(&mut ctx.read(), &fold_key(login.login)).await?;
    let Some(row) = row.filter(|row| row.login == login.login) else { return Ok(None) };
    let refused = |reason| Ok(Some(Verdict::refused(Some(row.id), reason)));
    if matches!(login.credential, Credential::Pap(password) if password.expose().is_empty()) {
        return refused("wrong_password");
    }
    let stored = Stored {
        hash: row.password_scheme.zip(row.password_hash.as_deref()),
        clear_sealed: row.password_clear_sealed.as_deref(),
        seal_ref: &row.seal_ref,
    };
    let right = match auth::password(ctx, stored, login.credential, login.user_name).await? {
        Proof::Right(right) => *right,
        Proof::Wrong(reason, _) => return refused(reason),
    };
    let stored = (row.password_hash.as_deref(), row.password_clear_sealed.is_some(), row.seal_ref.as_str());
    login::keep_proved(ctx, row.id, stored, &right, login.credential).await?;
    let (stands, limits) = stand(ctx, &row, login.nas, login.intent).await?;
    let terms = match stands {
        Ok(terms) => Arc::new(terms),
        Err(reject) => {
            let decision = Decision::Reject(reject);
            return Ok(Some(Verdict { decision, ..Verdict::refused(Some(row.id), "") }));
        }
    };
    // An address that is lent is lent anew each time.
    let is_lasting = terms.framed_ip == fixed(&mut ctx.read(), row.id).await?;
    if let Some(known) = known.filter(|_| is_lasting && login.intent != Intent::Check) {
        let until = ctx.now().plus(recent::LIFE);
        memory.keep(version, known, Remembered { until, terms: Arc::clone(&terms), limits });
    }
    let verdict = login::settle(ctx, login.intent, terms, limits).await?;
    Ok(Some(login::with_success(verdict, right.success)))
}

/// What a subscriber gets now at a NAS, without a credential: for changes of an open stay, whose address stays as it is.
pub(crate) async fn standing(ctx: &Ctx, account: AccountId, nas: &Nas) -> Result<Decision> {
    let Some(row) = rows::find(&mut ctx.read(), account).await? else {
        return Ok(Verdict::refused(None, "no_such_account").decision);
    };
    let (stands, limits) = stand(ctx, &row, Some(nas), Intent::Check).await?;
    Ok(match stands {
        Ok(terms) => Decision::Accept(Box::new(login::granted(Arc::new(terms), limits, ctx.now()))),
        Err(reject) => Decision::Reject(reject),
    })
}

/// Why the account of a stay may not be in, where it is a subscriber's; a place in the garden is none.
pub(crate) async fn refusal(ctx: &Ctx, q: &mut impl Query, account: AccountId) -> Result<Option<EndedWhy>> {
    let Some(row) = rows::find(q, account).await? else { return Ok(Some(EndedWhy::PassRevoked)) };
    Ok(match access::of(q, &row, ctx.now()).await? {
        Err(denial) if !has_garden(ctx, denial) => Some(denial.ended_why()),
        Ok(_) | Err(_) => None,
    })
}

/// Whether a subscriber, if he is in, is in the garden.
pub(crate) async fn is_in_garden(ctx: &Ctx, q: &mut impl Query, account: AccountId) -> Result<bool> {
    let Some(row) = rows::find(q, account).await? else { return Ok(false) };
    Ok(access::of(q, &row, ctx.now()).await?.is_err_and(|denial| has_garden(ctx, denial)))
}

fn has_garden(ctx: &Ctx, denial: Denial) -> bool {
    denial != Denial::Disabled && ctx.app.settings().billing.radius.denied == Denied::WalledGarden
}

/// What he gets or why not, and what of it depends on the moment.
async fn stand(
    ctx: &Ctx,
    row: &EntrantRow,
    nas: Option<&Nas>,
    intent: Intent<'_>,
) -> Result<(Result<Terms, Reject>, Limits)> {
    let stands = access::of(&mut ctx.read(), row, ctx.now()).await?;
    let session_timeout = nas.and_then(|nas| nas.settings.session_cap());
    let expires_at = stands.as_ref().ok().and_then(|service| service.until);
    let limits = Limits { session_timeout, expires_at, max_sessions: 0, newest_sessions: 0 };
    let message = stands.as_ref().err().map(|denial| message(ctx, *denial, row.language.as_deref()).to_owned());
    let (service, is_denied) = match stands {
        Ok(service) => (service, false),
        Err(denial) if has_garden(ctx, denial) => (Service::default(), true),
        Err(denial) => {
            // 647: the account is disabled.
            return Ok((Err(Reject { reason: denial.reason(), message, ms_chap_error: 647 }), limits));
        }
    };
    let framed_ip = match fixed(&mut ctx.read(), row.id).await? {
        None if intent != Intent::Check => match dynamic(ctx, row.id, service.is_public).await? {
            Lease::NoPool => None,
            Lease::Given(ip) => Some(ip),
            Lease::UsedUp => {
                return Ok((Err(Reject { reason: "no_address", message: None, ms_chap_error: 691 }), limits));
            }
        },
        fixed => fixed,
    };
    let terms = Terms {
        account: row.id,
        login: row.login.clone(),
        pass: PassKind::Subscriber,
        idle_timeout: None,
        framed_ip,
        pool: None,
        dns: Vec::new(),
        routes: Vec::new(),
        groups: service.groups,
        speed: service.speed,
        values: service.values,
        message,
        is_denied,
    };
    Ok((Ok(terms), limits))
}

async fn fixed(q: &mut impl Query, account: AccountId) -> Result<Option<Ipv4Addr>> {
    let wrong = |_| Error::internal(format!("the static address of account {account} is no IPv4 address"));
    rows::find_static(q, account).await?.map(|text| text.parse().map_err(wrong)).transpose()
}

/// What the pools of dynamic addresses have for somebody.
enum Lease {
    /// There are none of the kind he is to have: the NAS decides.
    NoPool,
    /// This one, held for him until his session starts.
    Given(Ipv4Addr),
    /// All are in use.
    UsedUp,
}

/// Finds a dynamic address for a new session: the one he had, if nobody got it since, else the one that is free the longest.
async fn dynamic(ctx: &Ctx, account: AccountId, is_public: bool) -> Result<Lease> {
    if !rows::has_dynamic(&mut ctx.read(), is_public).await? {
        return Ok(Lease::NoPool);
    }
    let mut tx = ctx.begin().await?;
    let mut found = rows::find_held(&mut tx, account, is_public).await?;
    if found.is_none() {
        found = rows::find_free(&mut tx, is_public, ctx.now()).await?;
    }
    let Some((id, ip)) = found else { return Ok(Lease::UsedUp) };
    rows::hold(&mut tx, id, account, ctx.now(), ctx.now().plus(HELD)).await?;
    tx.commit().await?;
    let ip = ip.parse().map_err(|_| Error::internal(format!("{ip} of a pool is no IPv4 address")))?;
    Ok(Lease::Given(ip))
}

/// Notes what accounting tells of a subscriber: traffic since the last report, by calendar month, and his address.
pub(crate) async fn account(ctx: &Ctx, tx: &mut Tx, account: AccountId, (up, down): (i64, i64)) -> Result<()> {
    let last_traffic = (up > 0 || down > 0).then(|| ctx.now());
    rows::add_traffic(tx, account, main::this_month(ctx), (up, down), (Some(ctx.now()), last_traffic)).await?;
    Ok(())
}

/// Texts to people who proved themselves.
fn message(ctx: &Ctx, denial: Denial, language: Option<&str>) -> &'static str {
    let language = match language.map(str::to_ascii_lowercase).as_deref() {
        Some("ru") => Language::Ru,
        Some("ua" | "uk") => Language::Ua,
        Some(language) if language.starts_with("en") => Language::En,
        _ => ctx.app.settings().billing.api.language,
    };
    match (denial, language) {
        (Denial::Disabled | Denial::AdminBlock, Language::Ru) => "Доступ заблокирован администратором",
        (Denial::Disabled | Denial::AdminBlock, Language::Ua) => "Доступ заблоковано адміністратором",
        (Denial::Disabled | Denial::AdminBlock, Language::En) => "Access is blocked by the administrator",
        (Denial::DebtBlock, Language::Ru) => "Недостаточно средств на счёте",
        (Denial::DebtBlock, Language::Ua) => "Недостатньо коштів на рахунку",
        (Denial::DebtBlock, Language::En) => "Your balance is too low",
        (Denial::NoService, Language::Ru) => "Нет активной услуги доступа в интернет",
        (Denial::NoService, Language::Ua) => "Немає активної послуги доступу до інтернету",
        (Denial::NoService, Language::En) => "You have no active Internet service",
        (Denial::Unread, Language::Ru) => "Прочитайте сообщение администрации",
        (Denial::Unread, Language::Ua) => "Прочитайте повідомлення адміністрації",
        (Denial::Unread, Language::En) => "Read the message from the administration",
    }
}
