//! From a request to a caller who proved a token.

use std::{net::IpAddr, sync::Arc};

use axum::{extract::Request, response::Response};
use gatehouse_domain::{App, Error, Result, oa};
use gatehouse_kit::{Asked, BodyRule, Envelope, Limits, Permit, log_error, read_body};
use http::Method;

use crate::{
    envelope::{Action, Answer, OaEnvelope, not_found},
    request,
};

/// The surface's state.
#[derive(Clone)]
pub(crate) struct Oa {
    pub(crate) app: App,
    pub(crate) envelope: Arc<OaEnvelope>,
    limits: Arc<Limits>,
}

impl Oa {
    pub(crate) fn new(app: App) -> Self {
        let settings = &app.settings().oa;
        let limit = &settings.rate_limit;
        let limits = Arc::new(Limits::new(limit.max_in_flight, limit.per_minute, limit.burst));
        let envelope = Arc::new(OaEnvelope { conn_failure_shape: settings.conn_failure_shape });
        Self { app, envelope, limits }
    }

    /// Answers a call of an endpoint: reads it, checks limit, token and name in this order, and hands over to the use
    /// case (specs/oa.md §1.4). The body comes first, because a caller that is still sending does not hear the answer.
    pub(crate) async fn answer<F>(
        &self,
        action: Action,
        request: Request,
        use_case: impl FnOnce(oa::Asked) -> F,
    ) -> Response
    where
        F: Future<Output = Result<Answer>>,
    {
        if request.method() != Method::POST {
            return not_found();
        }
        let asked = Asked::of(&request);
        let (parts, body) = request.into_parts();
        let settings = &self.app.settings().oa;
        let rule = BodyRule {
            limit: usize::try_from(settings.body_limit.0).unwrap_or(usize::MAX),
            deadline: settings.request_timeout.0,
        };
        let body = match read_body(&parts.headers, body, rule).await {
            Ok(body) => body,
            Err(fault) => return self.envelope.fault(fault, &asked),
        };
        let answer = async {
            let _permit = self.admit(action, asked.address())?;
            let given = request::read(&parts.headers, parts.uri.query(), &body);
            let caller = asked.caller().clone();
            use_case(oa::ask(&self.app, caller, &given.token, &given.username).await?).await
        };
        match answer.await {
            Ok(answer) => self.envelope.answer(action, &answer),
            Err(error) => {
                log_error(&error);
                self.envelope.error(&error, &asked)
            }
        }
    }

    /// The limiter holds for the endpoints named in `oa.rate_limit.apply_to` (specs/oa.md §8.3).
    fn admit(&self, action: Action, address: Option<IpAddr>) -> Result<Option<Permit>> {
        if !self.app.settings().oa.rate_limit.apply_to.contains(action.name()) {
            return Ok(None);
        }
        self.limits.admit(address).map(Some).map_err(|retry_after| Error::RateLimited { retry_after })
    }
}
