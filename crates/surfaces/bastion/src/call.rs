//! One call of an endpoint: who asks, with which body and query.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::extract::Request;
use bytes::Bytes;
use gatehouse_domain::Ctx;
use gatehouse_kit::{Asked, BodyRule, Fault, OverTls, read_body};
use http::{HeaderMap, HeaderValue, Method, header, request::Parts};
use serde_json::Value;

use crate::{
    auth::{self, Bastion, Caller},
    body::{self, Fields},
    envelope::Refusal,
    query::Query,
};

/// Largest body (specs/bastion.md §4.1).
const BODY_LIMIT: usize = 256 << 10;

/// A call whose body has arrived, good or bad; nothing is checked yet.
pub(crate) struct Call {
    pub(crate) bastion: Bastion,
    asked: Asked,
    parts: Parts,
    body: Result<Bytes, Fault>,
    known: Arc<OnceLock<Ctx>>,
}

impl Call {
    /// Takes the body first, because a caller that is still sending does not hear the answer.
    pub(crate) async fn read(bastion: Bastion, request: Request, known: Arc<OnceLock<Ctx>>) -> Self {
        let asked = Asked::of(&request);
        let (parts, body) = request.into_parts();
        let deadline: Duration = bastion.app.settings().bastion.request_timeout.0;
        let body = if parts.method == Method::POST {
            read_body(&parts.headers, body, BodyRule { limit: BODY_LIMIT, deadline }).await
        } else {
            Ok(Bytes::new())
        };
        Self { bastion, asked, parts, body, known }
    }

    pub(crate) fn asked(&self) -> &Asked {
        &self.asked
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// The user, proved by his token and free to act. The first line of almost every handler.
    ///
    /// Errors: 401; 403 while a new password or a second factor is owed.
    pub(crate) async fn signed_in(&self) -> Result<Ctx, Refusal> {
        let caller = self.caller().await?;
        match caller.owes {
            None => Ok(caller.ctx),
            Some(owed) => Err(Refusal::Forbidden(auth::owed_text(owed))),
        }
    }

    /// The user, proved by his token, even while something is owed (specs/bastion.md §5.4).
    pub(crate) async fn caller(&self) -> Result<Caller, Refusal> {
        let token = auth::bearer(&self.parts.headers)?;
        let caller = auth::by_token(&self.bastion, self.asked.caller().clone(), token).await?;
        // The first caller of a call stays: there is one per call.
        let _ = self.known.set(caller.ctx.clone());
        Ok(caller)
    }

    /// The context of nobody yet: logins.
    pub(crate) fn anonymous(&self) -> Ctx {
        self.bastion.ctx(gatehouse_domain::Actor::Anonymous, self.asked.caller().clone())
    }

    /// The fields of the body. Errors: 413, 415, not JSON, not an object.
    pub(crate) fn fields(&self) -> Result<Fields, Refusal> {
        let body = self.body.as_ref().map_err(|fault| Refusal::Fault(*fault))?;
        body::check_type(&self.parts.headers, body)?;
        if body.is_empty() && !self.parts.headers.contains_key(header::CONTENT_TYPE) {
            return Ok(Fields::default());
        }
        Fields::parse(body)
    }

    /// The fields of the body of an endpoint that needs none: without a body there are none, whatever its type.
    pub(crate) fn optional_fields(&self) -> Result<Fields, Refusal> {
        match &self.body {
            Ok(body) if body.is_empty() => Ok(Fields::default()),
            _ => self.fields(),
        }
    }

    /// The query.
    pub(crate) fn query(&self) -> Query {
        Query::parse(self.parts.uri.query().unwrap_or_default(), self.bastion.zone())
    }

    /// Whether the client speaks TLS.
    pub(crate) fn is_over_tls(&self) -> bool {
        self.parts.extensions.get::<OverTls>().is_some()
    }

    /// The one value of a header that is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name).map(HeaderValue::to_str)?.ok()
    }

    /// The id that the operation log names, as far as the body has one.
    pub(crate) fn named_id(&self) -> Option<i64> {
        let body: Value = serde_json::from_slice(self.body.as_ref().ok()?).ok()?;
        body::as_integer(body.get("id").or_else(|| body.get("role_id"))?)
    }
}
