//! From a request to the answer of an action, in the order of specs/vpn.md §2: method, size, action, token, parameters.

use std::{sync::Arc, time::Duration};

use axum::{extract::Request, response::Response};
use gatehouse_domain::{
    App, Ctx, Error,
    settings::{ApplyMode, Messages},
    vpn::{call, secret},
};
use gatehouse_kit::{Asked, BodyRule, Fault, log_error, read_body};
use http::Method;

use crate::{
    answer::{Failure, Outcome, Refusal},
    dispatch,
    endpoint::{Call, Dialect, Effect, Endpoint},
    envelope::{UNKNOWN_ACTION, UNVERIFIED, VpnEnvelope},
    params::{Given, Params, TooMany},
    refused::Refused,
    token::{self, Terms},
    updater,
};

/// How long a body may take.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// Callers give up after 5 s; ours is the first word. What an action had not committed by then is undone.
const ANSWER_WITHIN: Duration = Duration::from_millis(4_500);

/// The two addresses of the API, and the names of their own parameters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Address {
    controller: &'static str,
    token: &'static str,
}

/// `/cgi-bin/php-cgi/html/delegatemodule/WebApi.php`
pub(crate) const WEB_API: Address = Address { controller: "controler", token: "sinfor_apitoken" };
/// `/Api.php`
pub(crate) const API: Address = Address { controller: "controller", token: "apitoken" };

/// The surface's state.
#[derive(Clone)]
pub(crate) struct Vpn {
    pub(crate) app: App,
    pub(crate) envelope: VpnEnvelope,
    refused: Arc<Refused>,
}

impl Vpn {
    pub(crate) fn new(app: App) -> Self {
        let envelope = VpnEnvelope { messages: app.settings().vpn.messages };
        Self { app, envelope, refused: Arc::default() }
    }

    /// Answers a request to one of the two addresses.
    pub(crate) async fn answer(&self, address: Address, request: Request) -> Response {
        if request.method() != Method::POST {
            return self.envelope.transport(Fault::Method);
        }
        let asked = Asked::of(&request);
        let (parts, body) = request.into_parts();
        let limit = usize::try_from(self.app.settings().vpn.body_limit.0).unwrap_or(usize::MAX);
        let body = match read_body(&parts.headers, body, BodyRule { limit, deadline: BODY_WITHIN }).await {
            Ok(body) => body,
            Err(fault) => return self.envelope.transport(fault),
        };
        let given = match Given::read(&parts.headers, parts.uri.query(), &body) {
            Ok(given) => given,
            Err(TooMany) => return self.envelope.transport(Fault::TooLarge),
        };
        let names = given.of_query(address.controller).zip(given.of_query("action"));
        let Some(endpoint) = names.and_then(|(controller, action)| dispatch::find(controller, action)) else {
            self.refused.note(&self.app, &asked, "unknown action");
            return self.counted("", UNKNOWN_ACTION, Dialect::Seed);
        };
        match self.verify(address, &given, &asked).await {
            Ok((ctx, params)) => self.call(endpoint, ctx, params).await,
            Err(Unverified::Refused(why)) => {
                self.refused.note(&self.app, &asked, why);
                self.counted(endpoint.action, UNVERIFIED, endpoint.dialect)
            }
            Err(Unverified::Error(error)) => {
                log_error(&error);
                self.envelope.internal()
            }
        }
    }

    /// Switch, source address, token.
    async fn verify(
        &self,
        address: Address,
        given: &Given<'_>,
        asked: &Asked,
    ) -> Result<(Ctx, Option<Params>), Unverified> {
        let settings = &self.app.settings().vpn;
        if !settings.api_enabled {
            return Err(Unverified::Refused("api switched off"));
        }
        let ranges = &settings.allowed_ranges;
        let is_allowed = |from| ranges.iter().any(|range| range.contains(from));
        if !ranges.is_empty() && !asked.address().is_some_and(is_allowed) {
            return Err(Unverified::Refused("address not allowed"));
        }
        let secret = secret::load(&self.app).await.map_err(Unverified::Error)?;
        let terms = Terms { name: address.token, secret: &secret, now: self.app.now(), skew: settings.clock_skew.0 };
        let signed = token::verify(given, terms).map_err(Unverified::Refused)?;
        Ok((call::verified(&self.app, asked.caller().clone()), Params::from_pairs(signed)))
    }

    /// Lets the action answer a verified call, and keeps a note of what it changed nothing for.
    async fn call(&self, endpoint: &'static Endpoint, ctx: Ctx, params: Option<Params>) -> Response {
        let Some(params) = params else {
            call::note_refused(&ctx, endpoint.noted(""), "not UTF-8");
            return self.counted(endpoint.action, endpoint.unfit, endpoint.dialect);
        };
        let call = Call { ctx, params };
        let outcome = match endpoint.effect {
            // A publication takes the time it takes: cut off, it would never end.
            Effect::Apply => (endpoint.handle)(&call).await,
            Effect::Query | Effect::Immediate => in_time((endpoint.handle)(&call)).await,
            Effect::Staged => match in_time((endpoint.handle)(&call)).await {
                Ok(success) if self.is_effective_at_once(&call.params) => {
                    updater::apply(&call.ctx).await.map(|()| success)
                }
                outcome => outcome,
            },
        };
        let names = call.params.joined(endpoint.names);
        match outcome {
            Ok(success) => {
                if endpoint.effect == Effect::Query {
                    call::note_answered(&call.ctx, endpoint.noted(&names));
                }
                count(endpoint.action, 0);
                self.envelope.success(success)
            }
            Err(Failure::Refused(refusal)) => {
                let why = refusal.text.shown(Messages::En);
                call::note_refused(&call.ctx, endpoint.noted(&names), format!("{}: {why}", refusal.code));
                self.counted(endpoint.action, refusal, endpoint.dialect)
            }
            Err(Failure::Error(error)) => {
                log_error(&error);
                call::note_refused(&call.ctx, endpoint.noted(&names), error.code());
                if let Some(refusal) = words(&error, endpoint) {
                    return self.counted(endpoint.action, refusal, endpoint.dialect);
                }
                count(endpoint.action, 500);
                self.envelope.internal()
            }
        }
    }

    /// Whether an apply follows a write: by its own word, else as configured (specs/vpn.md §9). An empty word is none: publishing
    /// what somebody else has staged needs one.
    fn is_effective_at_once(&self, params: &Params) -> bool {
        match params.filled("delay_flush") {
            Some(word) => word != "1",
            None => self.app.settings().vpn.apply_mode == ApplyMode::Auto,
        }
    }

    fn counted(&self, action: &'static str, refusal: Refusal, dialect: Dialect) -> Response {
        count(action, refusal.code);
        self.envelope.refusal(refusal, dialect)
    }
}

/// Why a call is not let through to its action.
enum Unverified {
    Refused(&'static str),
    Error(Error),
}

async fn in_time(answering: impl Future<Output = Outcome>) -> Outcome {
    let late = |_elapsed| Err(Failure::Error(Error::Unavailable("the answer took too long".into())));
    tokio::time::timeout(ANSWER_WITHIN, answering).await.unwrap_or_else(late)
}

/// What an error is that the action itself has no words for; none: a fault of ours.
fn words(error: &Error, endpoint: &Endpoint) -> Option<Refusal> {
    match error {
        Error::NotFound { .. }
        | Error::Conflict { .. }
        | Error::Invalid { .. }
        | Error::Fields(_)
        | Error::Expired { .. }
        | Error::Locked { .. }
        | Error::QuotaExceeded { .. }
        | Error::InsufficientFunds => Some(endpoint.unfit),
        Error::Unauthenticated { .. } | Error::Forbidden { .. } => Some(UNVERIFIED),
        Error::RateLimited { .. } | Error::Upstream { .. } | Error::Unavailable(_) | Error::Internal(_) => None,
    }
}

fn count(action: &'static str, code: i32) {
    metrics::counter!("gatehouse_vpn_answers_total", "action" => action, "code" => code.to_string()).increment(1);
}
