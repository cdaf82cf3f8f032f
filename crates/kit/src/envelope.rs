//! What a surface must be able to say.

use std::time::Duration;

use axum::response::Response;
use gatehouse_domain::Error;
use http::HeaderMap;

use crate::Asked;

/// A surface's shapes and texts for everything that is not the answer of a handler.
pub trait Envelope: Send + Sync + 'static {
    /// Name of the surface in metrics and spans: `oa`, `vpn` …
    const SURFACE: &'static str;

    /// Renders what went wrong before or around a use case.
    fn fault(&self, fault: Fault, asked: &Asked) -> Response;

    /// Renders an error of a use case, by an exhaustive `match` without `_`. Logging is [`log_error`]'s business.
    fn error(&self, error: &Error, asked: &Asked) -> Response;

    /// The language the caller asks for, where the surface's protocol lets it choose.
    fn language(&self, _headers: &HeaderMap) -> Option<String> {
        None
    }
}

/// A failure of the transport or of the program, met outside a use case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No such path on this surface.
    NotFound,
    /// The path exists, the method does not.
    Method,
    /// The request body is larger than the surface allows.
    TooLarge,
    /// The request body did not arrive whole in time, or broke off.
    Incomplete,
    /// A limit of this process is reached.
    RateLimited {
        /// When to try again.
        retry_after: Duration,
    },
    /// A handler panicked.
    Panic,
}

/// Logs an error of a use case, once, where it is rendered. Faults of ours or of others are warnings or worse with the
/// whole chain; what callers did wrong is told at debug level only.
pub fn log_error(error: &Error) {
    let code = error.code();
    match error {
        Error::Internal(_) => tracing::error!(code, "request failed: {}", error.chain()),
        Error::Unavailable(_) | Error::Upstream { .. } => tracing::warn!(code, "request failed: {}", error.chain()),
        Error::NotFound { .. }
        | Error::Conflict { .. }
        | Error::Invalid { .. }
        | Error::Fields(_)
        | Error::Unauthenticated { .. }
        | Error::Forbidden { .. }
        | Error::Expired { .. }
        | Error::Locked { .. }
        | Error::QuotaExceeded { .. }
        | Error::InsufficientFunds
        | Error::RateLimited { .. } => tracing::debug!(code, "request refused: {error}"),
    }
}
