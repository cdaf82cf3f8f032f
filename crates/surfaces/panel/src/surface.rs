//! From a request to the answer of an endpoint: path, method, size, credential, parameters, endpoint.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use gatehouse_domain::{
    App, Ctx, Error,
    panel::{Refusal, Who, guess, session},
};
use gatehouse_kit::{Asked, BodyRule, Envelope, Fault, read_body};
use http::{HeaderMap, Method, StatusCode, header};

use crate::{
    answer::Failure,
    client, cors, dispatch,
    endpoint::{Call, Endpoint, For},
    envelope::{PanelEnvelope, render},
    input::{Input, as_text},
    page,
    token::Tokens,
};

/// How long a body may take.
const BODY_WITHIN: Duration = Duration::from_secs(20);
/// After it the caller is told to try again; what had not been committed by then is undone.
const ANSWER_WITHIN: Duration = Duration::from_secs(50);

/// The surface's state.
#[derive(Clone)]
pub(crate) struct Panel {
    pub(crate) app: App,
    pub(crate) envelope: Arc<PanelEnvelope>,
    pub(crate) tokens: Arc<Tokens>,
    /// Whether the listener is this surface's alone.
    is_own: bool,
}

impl Panel {
    pub(crate) fn new(app: App, is_own: bool) -> Self {
        Self { envelope: PanelEnvelope::new(&app), tokens: Arc::default(), is_own, app }
    }
}

/// `/api/v1/…` and `/api/v2/…`. Shape, units, errors: of the endpoint. Source: seeds/002, specs/panel.md §1.
pub(crate) async fn api(State(panel): State<Panel>, request: Request) -> Response {
    let asked = Asked::of(&request);
    let path = request.uri().path().trim_start_matches('/').to_owned();
    let path = path.strip_prefix("api/").unwrap_or_default();
    let (version, rest) = path.split_once('/').unwrap_or((path, ""));
    let (first, tail) = rest.split_once('/').unwrap_or((rest, ""));
    let settings = panel.app.live().panel();
    let is_staff = !settings.secure_path.is_empty() && first == settings.secure_path;
    let named = if is_staff { format!("{version}/{{sp}}/{tail}") } else { path.to_owned() };
    let origins = &panel.app.settings().panel;
    let origins = if is_staff { &origins.admin_cors_origins } else { &origins.cors_origins };
    let origin = request.headers().get(header::ORIGIN).cloned();
    let found = dispatch::find(&named).filter(|_| is_staff || !path.contains("{sp}"));
    let mut response = match found {
        Some(_) if cors::is_preflight(request.method(), request.headers()) => cors::preflight(),
        Some(found) => match found.endpoints.iter().find(|endpoint| endpoint.verb.takes(request.method())) {
            Some(endpoint) => panel.answer(endpoint, found.parts, request, &asked).await,
            None => panel.envelope.fault(Fault::Method, &asked),
        },
        None => {
            let ctx = session::anonymous(&panel.app, asked.caller().clone());
            match guess::missed(&ctx).await {
                Ok(()) => panel.envelope.fault(Fault::NotFound, &asked),
                Err(error) => panel.envelope.error(&error, &asked),
            }
        }
    };
    cors::allow(&mut response, origin.as_ref(), origins);
    response
}

/// `/`, the subscription path, the staff page, and every path that is nobody's.
pub(crate) async fn page(State(panel): State<Panel>, request: Request) -> Response {
    if let Some(page) = page::serve(&panel.app, request.method(), request.uri().path(), request.headers()).await {
        return page;
    }
    let asked = Asked::of(&request);
    let settings = panel.app.live().panel();
    let (first, rest) = request.uri().path().trim_start_matches('/').split_once('/').unwrap_or_default();
    if !first.is_empty() && first == settings.subscribe_path && matches!(*request.method(), Method::GET | Method::HEAD)
    {
        let ctx = session::anonymous(&panel.app, asked.caller().clone());
        let query = request.uri().query().unwrap_or_default();
        let language = panel.envelope.language_of(request.headers());
        return match client::by_path(&ctx, rest, request.method(), request.headers(), query).await {
            Ok(response) => response,
            Err(failure) => render(Err(failure), language),
        };
    }
    if panel.is_own {
        return panel.envelope.fault(Fault::NotFound, &asked);
    }
    (StatusCode::NOT_FOUND, "404 not found\n").into_response()
}

impl Panel {
    async fn answer(&self, endpoint: &Endpoint, parts: Vec<String>, request: Request, asked: &Asked) -> Response {
        let (head, body) = request.into_parts();
        let language = self.envelope.language_of(&head.headers);
        let settings = &self.app.settings().panel;
        let limit =
            if endpoint.path.starts_with("v1/server/") { settings.node_body_limit } else { settings.body_limit };
        let rule = BodyRule { limit: usize::try_from(limit.0).unwrap_or(usize::MAX), deadline: BODY_WITHIN };
        let body = match read_body(&head.headers, body, rule).await {
            Ok(body) => body,
            Err(fault) => return self.envelope.fault(fault, asked),
        };
        let query = head.uri.query().unwrap_or_default().to_owned();
        // What nodes report is read once, by those who know its shape: it may be large.
        let parameters = if endpoint.path.starts_with("v1/server/") { &[] } else { body.as_ref() };
        let Ok(input) = Input::read(&head.headers, &query, parameters) else {
            return render(Err(Refusal::rule("Invalid parameter").into()), language);
        };
        let ctx = session::anonymous(&self.app, asked.caller().clone());
        let mut call = Call {
            panel: self.clone(),
            ctx,
            who: None,
            method: head.method,
            input,
            parts,
            headers: head.headers,
            body,
            query,
            language,
        };
        let answering = async {
            self.allow(endpoint, &mut call).await?;
            (endpoint.handle)(&call).await
        };
        let outcome = match tokio::time::timeout(ANSWER_WITHIN, answering).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => Err(Error::Unavailable("the answer took too long".into()).into()),
        };
        let response = render(outcome, language);
        let status = response.status().as_u16().to_string();
        metrics::counter!("gatehouse_panel_answers_total", "endpoint" => endpoint.path, "status" => status)
            .increment(1);
        response
    }

    /// Finds out who calls, where the endpoint needs to know. Errors: nobody, or without the code.
    async fn allow(&self, endpoint: &Endpoint, call: &mut Call) -> Result<(), Failure> {
        if endpoint.who == For::Anybody {
            return Ok(());
        }
        let who = self.who(&call.ctx, &call.headers, &call.input).await?;
        match (endpoint.who, who) {
            (For::Staff(code), Some(who)) if who.ctx.require(code).is_ok() => Self::enter(call, who),
            (For::Staff(_), _) => return Err(Refusal::denied("Unauthorized").into()),
            (_, Some(who)) => Self::enter(call, who),
            (_, None) => return Err(Failure::nobody()),
        }
        Ok(())
    }

    fn enter(call: &mut Call, who: Who) {
        call.ctx = who.ctx.clone();
        call.who = Some(who);
    }

    /// Who a request's credential stands for: the `Authorization` header, or the parameter `auth_data` where that is allowed.
    pub(crate) async fn who(&self, ctx: &Ctx, headers: &HeaderMap, input: &Input) -> Result<Option<Who>, Failure> {
        let by_header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let by_parameter = || {
            let is_allowed = self.app.settings().panel.accept_auth_data;
            input.value("auth_data").filter(|_| is_allowed).and_then(as_text)
        };
        let Some(credential) = by_header.or_else(by_parameter) else { return Ok(None) };
        self.holder(ctx, &credential).await
    }

    /// Who a credential stands for, with or without `Bearer`.
    pub(crate) async fn holder(&self, ctx: &Ctx, credential: &str) -> Result<Option<Who>, Failure> {
        let credential = credential.trim();
        let token = match credential.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            Some(_) => return Ok(None),
            None => credential,
        };
        match self.tokens.read(&self.app, token).await? {
            Some((account, uuid)) => Ok(session::admit(ctx, account, uuid).await?),
            None => Ok(None),
        }
    }
}
