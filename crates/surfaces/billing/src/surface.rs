//! From a request to the answer of an action, in the order of specs/billing.md §1 and §4: method, size, parameters, login or
//! session, action, role, origin, key, action.

use std::time::Duration;

use axum::{
    extract::{Request, State},
    response::Response,
};
use gatehouse_domain::{
    App, Ctx, Error,
    billing::{
        Role,
        idempotency::{self, Claim},
        session,
    },
    settings::Language,
};
use gatehouse_kit::{Asked, BodyRule, OverTls, log_error, read_body};
use gatehouse_model::Secret;
use http::{HeaderMap, Method, header, request::Parts, uri::Authority};
use tracing::Instrument;

use crate::{
    answer::{Answer, Failure, Outcome, code_of, enveloped, plain, respond, respond_bytes},
    cookie, dispatch,
    endpoint::{Call, Endpoint, For, KEY},
    envelope::BillingEnvelope,
    params::Params,
    writer::Writer,
};

/// How long a body may take.
const BODY_WITHIN: Duration = Duration::from_secs(20);

/// After it the caller is told to try again; what had not been committed by then is undone.
const ANSWER_WITHIN: Duration = Duration::from_secs(50);

/// The surface's state.
#[derive(Clone)]
pub(crate) struct Billing {
    pub(crate) app: App,
    pub(crate) envelope: BillingEnvelope,
}

/// An answer with what goes into its head.
struct Told {
    outcome: Outcome,
    cookie: Option<http::HeaderValue>,
}

impl From<Failure> for Told {
    fn from(failure: Failure) -> Self {
        Self { outcome: Err(failure), cookie: None }
    }
}

/// `/cgi-bin/noapi.pl`. Shape, units, errors: of the action. Source: seeds/004, specs/billing.md §1.
pub(crate) async fn api(State(billing): State<Billing>, request: Request) -> Response {
    let asked = Asked::of(&request);
    let is_tls = request.extensions().get::<OverTls>().is_some();
    let (parts, body) = request.into_parts();
    let language = billing.envelope.language_of(&parts.headers);
    if !matches!(parts.method, Method::GET | Method::POST | Method::HEAD) {
        return billing.render(Failure::code("bad_request").into(), "", language);
    }
    let limit = usize::try_from(billing.app.settings().billing.api.body_limit.0).unwrap_or(usize::MAX);
    let body = match read_body(&parts.headers, body, BodyRule { limit, deadline: BODY_WITHIN }).await {
        Ok(body) => body,
        Err(_fault) => return billing.render(Failure::code("bad_request").into(), "", language),
    };
    let Ok(mut params) = Params::read(&parts.headers, parts.uri.query(), &body) else {
        return billing.render(Failure::code("bad_request").into(), "", language);
    };
    if let Some(key) = parts.headers.get("idempotency-key").and_then(|key| key.to_str().ok()) {
        params.set(KEY, key);
    }
    let ctx = session::anonymous(&billing.app, asked.caller().clone());
    let action = params.get("a").and_then(dispatch::find).map_or("", |endpoint| endpoint.action);
    let answering = billing.answer(ctx, &parts, params, (language, is_tls));
    let told = match tokio::time::timeout(ANSWER_WITHIN, answering).await {
        Ok(told) => told,
        Err(_elapsed) => Failure::Error(Error::Unavailable("the answer took too long".into())).into(),
    };
    billing.render(told, action, language)
}

impl Billing {
    pub(crate) fn new(app: App) -> Self {
        let envelope = BillingEnvelope::new(&app);
        Self { app, envelope }
    }

    async fn answer(&self, ctx: Ctx, parts: &Parts, params: Params, (language, is_tls): (Language, bool)) -> Told {
        if let (Some(login), Some(password)) = (params.get("_uu"), params.get("_pp")) {
            if parts.method == Method::HEAD {
                return Failure::code("bad_request").into();
            }
            return self.login(&ctx, (login, password), &params, (&parts.headers, is_tls)).await;
        }
        let by_cookie = match cookie::session(&parts.headers) {
            Some(secret) => session::admit(&ctx, secret).await,
            None => Ok(None),
        };
        let is_by_cookie = matches!(by_cookie, Ok(Some(_)));
        let admitted = match (by_cookie, params.get("_ses")) {
            (Ok(None), Some(secret)) => session::admit(&ctx, secret).await,
            (found, _) => found,
        };
        let (who, session) = match admitted {
            Ok(Some(admitted)) => admitted,
            Ok(None) => return Failure::code("unauthorized").into(),
            Err(error) => return Failure::Error(error).into(),
        };
        let Some(endpoint) = dispatch::find(params.get("a").unwrap_or("u_main")) else {
            return Failure::code("unknown_action").into();
        };
        let call = Call { who, session, method: parts.method.clone(), params, language };
        let changes = (endpoint.changes)(&call.params, &call.method);
        if let Err(failure) = self.allow(endpoint, &call, (changes && is_by_cookie).then_some(&parts.headers)) {
            return failure.into();
        }
        if changes && call.method == Method::HEAD {
            return Failure::code("bad_request").into();
        }
        let outcome = if changes { once(endpoint, call).await } else { (endpoint.handle)(&call).await };
        let is_out = endpoint.action == "logout" && outcome.is_ok();
        Told { outcome, cookie: if is_out { cookie::cleared(is_tls) } else { None } }
    }

    /// Role, and for changes that rest on a cookie where the page is from.
    fn allow(&self, endpoint: &Endpoint, call: &Call, to_guard: Option<&HeaderMap>) -> Result<(), Failure> {
        let fits = match endpoint.role {
            For::Everybody => true,
            For::User => matches!(call.who.role, Role::User { .. }),
            For::Admin => call.who.is_admin(),
        };
        let allowed = &self.app.settings().billing.api.allowed_origins;
        let is_foreign = to_guard.is_some_and(|headers| is_foreign(headers, allowed));
        if fits && !is_foreign { Ok(()) } else { Err(Failure::code("forbidden")) }
    }

    /// The auth answer: always, whatever session the caller has.
    async fn login(
        &self,
        ctx: &Ctx,
        (login, password): (&str, &str),
        params: &Params,
        (headers, is_tls): (&HeaderMap, bool),
    ) -> Told {
        let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        let wants_admin = params.get("_role") == Some("admin");
        let asked = session::Login { login, password: &Secret::new(password), wants_admin, user_agent: agent };
        let opened = match session::login(ctx, &asked).await {
            Ok(Some(opened)) => opened,
            Ok(None) => return Failure::code("wrong_password").into(),
            Err(error) => return Failure::Error(error).into(),
        };
        let (role, number) = match opened.role {
            Role::User { uid, .. } => ("user", uid),
            Role::Admin { staff_no, .. } => ("admin", staff_no),
        };
        let mut writer = Writer::new(self.app.settings().billing.api.numbers);
        writer.text("ses", opened.secret.expose());
        writer.object("data", |data| {
            data.plain("trust", 1);
            data.number("id", number);
            data.text("role", role);
        });
        writer.text("result", "auth ok");
        Told { cookie: cookie::set(opened.secret.expose(), is_tls), outcome: Ok(Answer::Plain(writer.into_bytes())) }
    }

    fn render(&self, told: Told, action: &'static str, language: Language) -> Response {
        let settings = &self.app.settings().billing.api;
        let mut code = "ok";
        let mut response = match told.outcome {
            Ok(Answer::Data(members)) => respond_bytes(enveloped(settings.envelope, &members)),
            Ok(Answer::Plain(members)) => respond_bytes(plain(&members)),
            Ok(Answer::Stream(body)) => respond(body),
            Err(Failure::Refused(refused, own)) => {
                code = refused;
                BillingEnvelope::refuse(refused, own.as_deref(), language)
            }
            Err(Failure::Error(error)) => {
                log_error(&error);
                code = code_of(&error);
                BillingEnvelope::refuse(code, None, language)
            }
        };
        if let Some(cookie) = told.cookie {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        metrics::counter!("gatehouse_billing_answers_total", "action" => action, "code" => code).increment(1);
        response
    }
}

/// Parameters that say who calls, or under which key, and so do not make a call another one.
const NOT_OF_THE_CALL: [&str; 5] = [KEY, "_ses", "_mod", "_role", "nolang"];

/// Does a change: under a key of the caller only once, whatever comes of it, and to its end even when he goes away in the middle:
/// who took the key must say what became of it.
async fn once(endpoint: &'static Endpoint, call: Call) -> Outcome {
    if call.key().is_none() {
        return (endpoint.handle)(&call).await;
    }
    let tracker = call.who.ctx.app.tracker().clone();
    let doing = tracker.spawn(async move { keyed(endpoint, &call).await }.in_current_span());
    doing.await.unwrap_or_else(|ended| Err(Error::internal(ended).into()))
}

async fn keyed(endpoint: &'static Endpoint, call: &Call) -> Outcome {
    let key = call.key().unwrap_or_default();
    let request = call.params.but(&NOT_OF_THE_CALL).flat_map(|(name, value)| [name, value]);
    let request: Vec<&str> = [endpoint.action, call.method.as_str()].into_iter().chain(request).collect();
    let claim = match idempotency::claim(&call.who, key, &request).await? {
        Claim::Done(answer) => return replay(&answer),
        Claim::Mine(claim) => claim,
    };
    let outcome = (endpoint.handle)(call).await;
    match kept(&outcome) {
        Some(answer) => idempotency::keep(&call.who, &claim, &answer).await?,
        None => idempotency::forget(&call.who, &claim).await?,
    }
    outcome
}

/// What is kept of an outcome: `=` and the members of an answer, or the code of a refusal and its own text. None: it is worth
/// trying again.
fn kept(outcome: &Outcome) -> Option<String> {
    match outcome {
        Ok(Answer::Plain(members)) => Some(format!("={}", String::from_utf8_lossy(members))),
        Ok(Answer::Data(_) | Answer::Stream(_)) | Err(Failure::Refused("temporary" | "gateway_unavailable", _)) => None,
        Err(Failure::Refused(code, own)) => Some(format!("{code}\n{}", own.as_deref().unwrap_or_default())),
        Err(Failure::Error(error)) => match code_of(error) {
            "temporary" | "gateway_unavailable" => None,
            code => Some(format!("{code}\n")),
        },
    }
}

fn replay(answer: &str) -> Outcome {
    if let Some(members) = answer.strip_prefix('=') {
        return Ok(Answer::Plain(members.as_bytes().to_vec()));
    }
    let (code, own) = answer.split_once('\n').unwrap_or((answer, ""));
    let known = crate::text::CODES.iter().find(|known| **known == code).copied();
    Err(Failure::Refused(known.unwrap_or("temporary"), Some(own.to_owned()).filter(|own| !own.is_empty())))
}

/// Whether a page of another site makes this request.
fn is_foreign(headers: &HeaderMap, allowed: &[String]) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let origin = text("origin");
    if origin.is_some_and(|origin| allowed.iter().any(|known| known.trim_end_matches('/') == origin)) {
        return false;
    }
    let is_ours = |origin: &str| {
        let authority = origin.split_once("://").and_then(|(_, rest)| rest.parse::<Authority>().ok());
        let host = text("host").and_then(|host| host.parse::<Authority>().ok());
        authority.zip(host).is_some_and(|(origin, host)| origin.as_str().eq_ignore_ascii_case(host.as_str()))
    };
    text("sec-fetch-site") == Some("cross-site") || origin.is_some_and(|origin| !is_ours(origin))
}
