//! From a request to a user who proved a token (specs/bastion.md §5.1).

use std::sync::Arc;

use gatehouse_domain::{
    Actor, App, Caller as Asking, Ctx, Error, api_token,
    session::staff::{self, Owed},
};
use gatehouse_model::Origin;
use http::{HeaderMap, header};
use jiff::tz::{Offset, TimeZone};

use crate::{
    envelope::{BastionEnvelope, Refusal},
    token::{self, Kind, Tokens},
};

/// The surface's state.
#[derive(Clone)]
pub(crate) struct Bastion {
    pub(crate) app: App,
    pub(crate) envelope: Arc<BastionEnvelope>,
    pub(crate) tokens: Arc<Tokens>,
    prefix: Arc<str>,
    zone: TimeZone,
}

impl Bastion {
    /// The prefix begins and ends with a slash, whatever was configured.
    pub(crate) fn new(app: App, prefix: &str) -> Self {
        let settings = &app.settings().bastion;
        let prefix = match prefix.trim_matches('/') {
            "" => "/".to_owned(),
            inner => format!("/{inner}/"),
        };
        let zone = TimeZone::get(&settings.time_zone).unwrap_or_else(|_| TimeZone::fixed(Offset::constant(8)));
        let envelope = Arc::new(BastionEnvelope { bare_errors: settings.compat.bare_errors });
        Self { envelope, tokens: Arc::default(), prefix: prefix.into(), zone, app }
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The zone of every time that is shown or read.
    pub(crate) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    pub(crate) fn ctx(&self, actor: Actor, caller: Asking) -> Ctx {
        Ctx { app: self.app.clone(), actor, origin: Origin::Bastion, caller }
    }
}

/// A user who proved himself.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) ctx: Ctx,
    /// What he must do before anything else.
    pub(crate) owes: Option<Owed>,
}

/// What a limited session is told (specs/bastion.md §5.4).
pub(crate) fn owed_text(owed: Owed) -> &'static str {
    match owed {
        Owed::Password => "须先修改密码",
        Owed::Enrolment => "须先绑定动态验证码",
        Owed::Factor => crate::text::FACTOR_NEEDED,
    }
}

/// The token of the one `Authorization` header: bare, or after `Bearer` in any case.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(Refusal::unauthenticated()) };
    let value = value.to_str().map_err(|_| Refusal::unauthenticated())?;
    let token = match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token,
        Some(_) => return Err(Refusal::unauthenticated()),
        None => value,
    };
    let is_one_word = !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
    if is_one_word { Ok(token) } else { Err(Refusal::unauthenticated()) }
}

/// The user behind an access token or an API token. Also for web sockets.
///
/// Errors: `Unauthenticated` for whatever does not count now.
pub(crate) async fn by_token(bastion: &Bastion, asking: Asking, token: &str) -> Result<Caller, Error> {
    let ctx = bastion.ctx(Actor::Anonymous, asking);
    if !token.contains('.') {
        let (ctx, owes) = api_token::admit(&ctx, token).await?;
        return Ok(Caller { ctx, owes });
    }
    let claims = token::verify(bastion, Kind::Access, token).await?;
    let (ctx, owes) = staff::admit(&ctx, &claims.proof()).await?;
    Ok(Caller { ctx, owes })
}
