//! What this surface says before or around its actions.

use axum::response::Response;
use gatehouse_domain::{App, Error, settings::Language};
use gatehouse_kit::{Asked, Envelope, Fault};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::{
    answer::{code_of, error_body, respond_bytes},
    cookie,
};

/// [`Envelope`] of this surface.
#[derive(Clone)]
pub(crate) struct BillingEnvelope {
    default: Language,
}

impl BillingEnvelope {
    pub(crate) fn new(app: &App) -> Self {
        Self { default: app.settings().billing.api.language }
    }

    /// The language of an answer.
    pub(crate) fn language_of(&self, headers: &HeaderMap) -> Language {
        cookie::language(headers).unwrap_or(self.default)
    }

    /// An error: HTTP 200, as every answer.
    pub(crate) fn refuse(code: &str, own: Option<&str>, language: Language) -> Response {
        respond_bytes(error_body(code, own, language))
    }

    fn spoken(&self, asked: &Asked) -> Language {
        let named = [("ru", Language::Ru), ("ua", Language::Ua), ("en", Language::En)];
        let asked = asked.caller().language.as_deref();
        named.into_iter().find(|(name, _)| asked == Some(*name)).map_or(self.default, |(_, language)| language)
    }
}

/// Name of a language in the log of a request.
const fn name(language: Language) -> &'static str {
    match language {
        Language::Ru => "ru",
        Language::Ua => "ua",
        Language::En => "en",
    }
}

impl Envelope for BillingEnvelope {
    const SURFACE: &'static str = "billing";

    fn fault(&self, fault: Fault, asked: &Asked) -> Response {
        let code = match fault {
            Fault::NotFound => {
                let mut response = Self::refuse("unknown_action", None, self.spoken(asked));
                *response.status_mut() = StatusCode::NOT_FOUND;
                return response;
            }
            Fault::Method | Fault::TooLarge | Fault::Incomplete => "bad_request",
            Fault::RateLimited { .. } => "too_many",
            Fault::Panic => "temporary",
        };
        let mut response = Self::refuse(code, None, self.spoken(asked));
        // Payment systems ask again only when they are told that it failed.
        if !asked.route().ends_with(API) {
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        response
    }

    fn error(&self, error: &Error, asked: &Asked) -> Response {
        Self::refuse(code_of(error), None, self.spoken(asked))
    }

    fn language(&self, headers: &HeaderMap) -> Option<String> {
        Some(name(self.language_of(headers)).to_owned())
    }
}

/// The one address of the API.
pub(crate) const API: &str = "/cgi-bin/noapi.pl";
