//! The table of endpoints: each path with and without its trailing slash, the methods it takes, and what is logged.

use std::sync::{Arc, OnceLock};

use axum::{
    Router,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use gatehouse_kit::{Asked, Envelope, Fault};
use http::{HeaderValue, Method, StatusCode, header};

use crate::{
    auth::Bastion,
    call::Call,
    envelope::{Outcome, Refusal},
    operation,
};

/// The endpoints so far. Paths are relative to the prefix and end without a slash.
pub(crate) struct Routes {
    prefix: String,
    router: Router<Bastion>,
    table: Vec<Endpoint>,
}

/// A method that an endpoint takes, and its path below the prefix, without a slash at its end.
pub type Endpoint = (Method, &'static str);

impl Routes {
    pub(crate) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), router: Router::new(), table: Vec::new() }
    }

    pub(crate) fn into_router(self) -> Router<Bastion> {
        self.router
    }

    /// What was registered, in that order.
    pub(crate) fn into_table(self) -> Vec<Endpoint> {
        self.table
    }

    /// An endpoint that reads.
    pub(crate) fn get<H, F>(self, path: &'static str, handler: H) -> Self
    where
        H: Fn(Call) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Outcome> + Send,
    {
        let service =
            get(async move |state: State<Bastion>, request| answer(path, None, handler, state, request).await);
        self.route(Method::GET, path, service, "GET, HEAD, OPTIONS")
    }

    /// An endpoint that takes a body and is not in the operation log.
    pub(crate) fn post<H, F>(self, path: &'static str, handler: H) -> Self
    where
        H: Fn(Call) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Outcome> + Send,
    {
        self.posted(path, None, handler)
    }

    /// An endpoint whose refused calls (400, 403, 404) by a known user are rows of the operation log under this audit
    /// action, as its use case writes for the successful ones. [`operation`] must have a text for it.
    pub(crate) fn change<H, F>(self, path: &'static str, action: &'static str, handler: H) -> Self
    where
        H: Fn(Call) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Outcome> + Send,
    {
        debug_assert!(operation::is_known(action), "operation.rs has no text for {action}");
        self.posted(path, Some(action), handler)
    }

    fn posted<H, F>(self, path: &'static str, action: Option<&'static str>, handler: H) -> Self
    where
        H: Fn(Call) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Outcome> + Send,
    {
        let service =
            post(async move |state: State<Bastion>, request| answer(path, action, handler, state, request).await);
        self.route(Method::POST, path, service, "POST, OPTIONS")
    }

    /// An endpoint that answers by itself: a web socket.
    pub(crate) fn socket(self, path: &'static str, service: MethodRouter<Bastion>) -> Self {
        self.route(Method::GET, path, service, "GET, OPTIONS")
    }

    /// `allow` lists the methods of `service` and `OPTIONS`.
    fn route(
        mut self,
        method: Method,
        path: &'static str,
        service: MethodRouter<Bastion>,
        allow: &'static str,
    ) -> Self {
        self.table.push((method, path));
        let service =
            service.fallback(async move |state: State<Bastion>, request| other_method(&state, &request, allow));
        let path = format!("{}{path}", self.prefix);
        let router = self.router.route(&format!("{path}/"), service.clone()).route(&path, service);
        Self { router, ..self }
    }
}

/// Reads the request, hands it to the endpoint, renders what comes back.
async fn answer<H, F>(
    path: &'static str,
    action: Option<&'static str>,
    handler: H,
    State(bastion): State<Bastion>,
    request: Request,
) -> Response
where
    H: Fn(Call) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Outcome> + Send,
{
    let known = Arc::new(OnceLock::new());
    let call = Call::read(bastion.clone(), request, Arc::clone(&known)).await;
    let (asked, id) = (call.asked().clone(), action.and_then(|_| call.named_id()));
    match handler(call).await {
        Ok(reply) => reply.into_response(),
        Err(refusal) => {
            let response = bastion.envelope.refuse(path, &refusal, &asked);
            if let (Some(action), Some(ctx)) = (action, known.get()) {
                operation::note_refused(ctx, action, id, response.status()).await;
            }
            response
        }
    }
}

fn other_method(bastion: &Bastion, request: &Request, allow: &'static str) -> Response {
    let allow = (header::ALLOW, HeaderValue::from_static(allow));
    if request.method() == Method::OPTIONS {
        return (StatusCode::NO_CONTENT, [allow]).into_response();
    }
    let mut response = bastion.envelope.fault(Fault::Method, &Asked::of(request));
    response.headers_mut().insert(allow.0, allow.1);
    response
}

/// Says that there is no such path. Source: specs/bastion.md §4.2 E404.
pub(crate) async fn not_found(State(bastion): State<Bastion>, request: Request) -> Response {
    bastion.envelope.refuse("", &Refusal::not_found(), &Asked::of(&request))
}
