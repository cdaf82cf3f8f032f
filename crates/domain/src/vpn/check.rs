//! Whether the radius door would let a VPN user or a subscriber in, for operators who look for the reason of a refusal (specs/vpn.md §10).

use std::sync::Arc;

use gatehouse_model::{PassKind, Secret};

use super::{
    external::Credential,
    login::{self, Intent, Login, Verdict},
};
use crate::{
    Ctx, Error, Result,
    audit::{self, Object, Stream},
    radius::{login_of, nas::Nas, subscriber},
};

/// What the door would do.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The decision.
    pub verdict: Verdict,
    /// The entry by which it was made.
    pub nas: Option<Arc<Nas>>,
}

/// Decides on a password as the radius door does, through an entry by name or through any. Audited. The throttle neither counts nor
/// refuses it, and it is no login: nothing is remembered of it but the audit row.
///
/// Errors: `Forbidden`; `NotFound` for no such entry; those of [`login::decide`].
pub async fn check(
    ctx: &Ctx,
    pass: PassKind,
    user_name: &str,
    password: &Secret,
    nas: Option<&str>,
) -> Result<Checked> {
    let is_subscriber = pass == PassKind::Subscriber;
    ctx.require(if is_subscriber { "billing.subscriber.read" } else { "vpn.user.read" })?;
    let set = ctx.app.live().nas();
    let nas = match nas {
        None => None,
        Some(name) => {
            let found = set.entries.iter().find(|entry| entry.name == name);
            Some(Arc::clone(found.ok_or(Error::NotFound { what: "NAS entry" })?))
        }
    };
    let login = nas.as_ref().map_or(user_name, |nas| login_of(nas.settings.user_name, user_name));
    let credential = Credential::Pap(password.clone());
    let asked = Login { login, user_name, credential: &credential, nas: nas.as_deref(), intent: Intent::Check };
    let verdict = if is_subscriber {
        let found = subscriber::decide(ctx, &asked).await?;
        found.unwrap_or_else(|| Verdict::refused(None, "no_such_account"))
    } else {
        login::decide(ctx, &asked).await?
    };
    let mut tx = ctx.begin().await?;
    let object = Object::new("account", verdict.account.map(|account| account.0), login);
    audit::record(&mut tx, ctx, Stream::Login, "vpn.login.check", object, verdict.reason(), None).await?;
    tx.commit().await?;
    Ok(Checked { verdict, nas })
}
