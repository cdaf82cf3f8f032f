//! The door's entry: limit of tries, the pass that decides, what the decision leaves behind (specs/radius.md §4, §5).

use gatehouse_model::{AccountId, Millis, PassKind, fold_key};

use super::{
    behind::Note,
    clean,
    failure::{self, Look, Pair},
    grant::{Decision, Grant, Reject},
    login_of,
    nas::{Method, Nas},
    request::AccessRequest,
    subscriber,
};
use crate::{
    App, Ctx, Result,
    vpn::{
        external::Credential,
        login::{self, Intent, Login, Verdict},
    },
};

/// Reasons that are tries of somebody who does not know the credential.
const FAILURES: [&str; 3] = ["no_such_account", "wrong_password", "external_refused"];

/// Lets somebody in who was right a moment ago by the same password, without a question to the database; none: [`admit`] decides.
///
/// Never waits, so a door may call it wherever it stands. Source: DESIGN §4, specs/radius.md §4.
pub fn recall(app: &App, nas: &Nas, request: &AccessRequest) -> Option<Grant> {
    let Credential::Pap(password) = &request.credential else { return None };
    if !nas.settings.methods.contains(&Method::Pap) {
        return None;
    }
    let entry = Entry::of(nas, request);
    let now = app.now();
    let known = app.failures().look(&entry.pair, now);
    if known == Look::Closed {
        return None;
    }
    // The pass that decided is the one that is remembered.
    let mut grant = nas.settings.serves.iter().find_map(|pass| match pass {
        PassKind::Vpn => login::recall(app, &entry.key, password, nas, now),
        PassKind::Subscriber => login::recall(app, &subscriber::remembered_as(entry.name), password, nas, now),
        PassKind::Proxy | PassKind::Staff => None,
    })?;
    if known == Look::Open {
        app.failures().succeeded(&entry.pair);
    }
    entry.let_in(app, &mut grant, now);
    app.behind().decided(entry.note(Some(grant.terms.account), "ok", None), Some(grant.terms.account), now);
    Some(grant)
}

/// Decides on an Access-Request.
///
/// Shape: an [`AccessRequest`] from a NAS → [`Decision`]; a refusal names `too_many_attempts`, `method_not_allowed`,
/// `no_such_account` or a reason of [`login::decide`]. Errors: `Unavailable`, `Internal`; then nobody comes in, and nothing is
/// answered. Source: specs/radius.md §4, §5; specs/vpn.md §10.
pub async fn admit(ctx: &Ctx, nas: &Nas, request: &AccessRequest) -> Result<Decision> {
    let entry = Entry::of(nas, request);
    let failures = ctx.app.failures();
    let mut verdict = if failures.is_closed(&entry.pair, ctx.now()) {
        refused("too_many_attempts")
    } else {
        let verdict = decide(ctx, nas, entry.name, request).await?;
        // Of tries at the same moment none learns more than those before it.
        if failures.is_closed(&entry.pair, ctx.now()) { refused("too_many_attempts") } else { verdict }
    };
    let reason = verdict.reason();
    if FAILURES.contains(&reason) {
        failures.failed(entry.pair, ctx.now());
    }
    let mut entered = None;
    if let Decision::Accept(grant) = &mut verdict.decision {
        failures.succeeded(&entry.pair);
        entry.let_in(&ctx.app, grant, ctx.now());
        entered = Some(grant.terms.account);
    }
    if reason == "ok" {
        login::entered(ctx, &verdict).await?;
    }
    ctx.app.behind().decided(entry.note(verdict.account, reason, verdict.detail), entered, ctx.now());
    Ok(verdict.decision)
}

/// Who knocks where.
struct Entry<'a> {
    nas: &'a Nas,
    request: &'a AccessRequest,
    /// The login, with what the NAS entry cuts off taken off.
    name: &'a str,
    /// The same, folded.
    key: String,
    pair: Pair,
}

impl<'a> Entry<'a> {
    fn of(nas: &'a Nas, request: &'a AccessRequest) -> Self {
        let name = login_of(nas.settings.user_name, &request.user_name);
        let key = fold_key(name);
        let pair = failure::pair(&key, request.calling_station.as_deref().unwrap_or(&nas.name));
        Self { nas, request, name, key, pair }
    }

    /// Gives a grant its session key, and remembers whose Start is to come.
    fn let_in(&self, app: &App, grant: &mut Grant, now: Millis) {
        grant.class = app.classes().make(grant.terms.pass, grant.terms.account);
        app.entrants().insert(self.nas.id, self.request.user_name.as_bytes(), grant.terms.account, now);
    }

    /// What the audit trail shall say.
    fn note(&self, account: Option<AccountId>, reason: &'static str, detail: Option<&'static str>) -> Note {
        let station = self.request.calling_station.as_deref();
        Note {
            account,
            login: clean(short(self.name)),
            nas: self.nas.name.clone(),
            station: station.map(str::to_owned),
            address: station.and_then(|station| station.parse().ok()).unwrap_or(self.request.source),
            reason,
            detail,
        }
    }
}

/// Longest login that is kept, characters.
const LOGIN_LENGTH: usize = 150;

/// The login as it is kept.
fn short(login: &str) -> &str {
    let end = login.char_indices().nth(LOGIN_LENGTH);
    end.and_then(|(end, _)| login.get(..end)).unwrap_or(login)
}

/// The first pass that the account holds decides, in the order of the NAS entry.
async fn decide(ctx: &Ctx, nas: &Nas, name: &str, request: &AccessRequest) -> Result<Verdict> {
    let (credential, intent) = (&request.credential, Intent::Enter(request.calling_station.as_deref()));
    let login = Login { login: name, user_name: &request.user_name, credential, nas: Some(nas), intent };
    // Nobody is called so, and PostgreSQL would not even look.
    let passes = if name.contains('\0') { &[][..] } else { &nas.settings.serves };
    for (at, pass) in passes.iter().enumerate() {
        match pass {
            PassKind::Vpn => {
                // Who is no VPN user may be a subscriber.
                let is_last = !passes.iter().skip(at + 1).any(|pass| *pass == PassKind::Subscriber);
                if is_last || login::is_remembered(ctx, &login) || login::find(&ctx.app, name).await?.is_some() {
                    return login::decide(ctx, &login).await;
                }
            }
            PassKind::Subscriber => {
                if let Some(verdict) = subscriber::decide(ctx, &login).await? {
                    return Ok(verdict);
                }
            }
            PassKind::Proxy | PassKind::Staff => {}
        }
    }
    if !nas.settings.methods.contains(&request.credential.method()) {
        return Ok(refused("method_not_allowed"));
    }
    if let Credential::Pap(password) = &request.credential {
        // As long as a real one takes.
        ctx.app.passwords().verify(password, None).await?;
    }
    Ok(refused("no_such_account"))
}

fn refused(reason: &'static str) -> Verdict {
    Verdict {
        account: None,
        decision: Decision::Reject(Reject { reason, message: None, ms_chap_error: 691 }),
        detail: None,
        newest_sessions: None,
    }
}
