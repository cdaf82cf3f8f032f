//! The door's entry: limit of tries, the pass that decides, what the decision leaves behind (specs/radius.md §4, §5).

use std::net::IpAddr;

use gatehouse_model::PassKind;

use super::{
    behind::Note,
    class, clean, failure,
    grant::{Decision, Reject},
    login_of,
    nas::Nas,
    request::AccessRequest,
    subscriber::{self, Visit},
};
use crate::{
    Ctx, Result,
    vpn::{
        external::Credential,
        login::{self, Login, Verdict},
    },
};

/// Reasons that are tries of somebody who does not know the credential.
const FAILURES: [&str; 3] = ["no_such_account", "wrong_password", "external_refused"];

/// Decides on an Access-Request.
///
/// Shape: an [`AccessRequest`] from a NAS → [`Decision`]; a refusal names `too_many_attempts`, `method_not_allowed`,
/// `no_such_account` or a reason of [`login::decide`]. Errors: `Unavailable`, `Internal`; then nobody comes in, and nothing is
/// answered. Source: specs/radius.md §4, §5; specs/vpn.md §10.
pub async fn admit(ctx: &Ctx, nas: &Nas, request: &AccessRequest) -> Result<Decision> {
    let name = login_of(nas.settings.user_name, &request.user_name);
    let pair = failure::pair(name, request.calling_station.as_deref().unwrap_or(&nas.name));
    let failures = ctx.app.failures();
    let mut verdict = if failures.is_closed(&pair, ctx.now()) {
        refused("too_many_attempts")
    } else {
        let verdict = decide(ctx, nas, name, request).await?;
        // Of tries at the same moment none learns more than those before it.
        if failures.is_closed(&pair, ctx.now()) { refused("too_many_attempts") } else { verdict }
    };
    let reason = verdict.reason();
    if FAILURES.contains(&reason) {
        failures.failed(pair, ctx.now());
    }
    if let Decision::Accept(grant) = &mut verdict.decision {
        grant.class = class::make(ctx.app.random(), grant.pass, grant.account);
        failures.succeeded(&pair);
        ctx.app.behind().entered(grant.account, ctx.now());
        ctx.app.entrants().insert(nas.id, request.user_name.as_bytes(), grant.account, ctx.now());
    }
    if reason == "ok" {
        login::entered(ctx, &verdict).await?;
    }
    let station: Option<IpAddr> = request.calling_station.as_deref().and_then(|station| station.parse().ok());
    let note = Note {
        account: verdict.account,
        login: clean(name).chars().take(LOGIN_LENGTH).collect(),
        nas: nas.name.clone(),
        station: request.calling_station.clone(),
        address: station.unwrap_or(request.source),
        reason,
        detail: verdict.detail,
    };
    ctx.app.behind().decided(note, ctx.now());
    Ok(verdict.decision)
}

/// Longest login that is kept, characters.
const LOGIN_LENGTH: usize = 150;

/// The first pass that the account holds decides, in the order of the NAS entry.
async fn decide(ctx: &Ctx, nas: &Nas, name: &str, request: &AccessRequest) -> Result<Verdict> {
    let login = Login { login: name, user_name: &request.user_name, credential: &request.credential, nas: Some(nas) };
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
                if let Some(verdict) = subscriber::decide(ctx, &login, Visit::New).await? {
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
