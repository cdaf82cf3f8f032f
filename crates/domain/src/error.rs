//! The one transport-free error of the domain. Each surface renders it by an exhaustive `match` without `_`.

use std::time::Duration;

/// What every use case returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a use case did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The named thing does not exist, or the caller may not know that it does.
    #[error("{what} not found")]
    NotFound {
        /// Kind of thing: `account`, `node` …
        what: &'static str,
    },
    /// Something with this unique key exists already.
    #[error("{what} already exists ({key})")]
    Conflict {
        /// Kind of thing.
        what: &'static str,
        /// The constraint: `<table>_<column>_key`.
        key: String,
    },
    /// An input breaks a rule.
    #[error("{field}: {rule}")]
    Invalid {
        /// Name of the field as the caller knows it.
        field: String,
        /// The rule in words that say what would be accepted.
        rule: String,
    },
    /// Several inputs break rules, all told at once.
    #[error("invalid {}", named(.0))]
    Fields(Vec<Fault>),
    /// The caller proved no identity.
    #[error("not authenticated: {why}")]
    Unauthenticated {
        /// Reason for log and audit; a surface shows it only where its contract does.
        why: &'static str,
    },
    /// The caller lacks a permission code.
    #[error("permission {need} is missing")]
    Forbidden {
        /// The missing code.
        need: String,
    },
    /// The thing was valid once.
    #[error("{what} has expired")]
    Expired {
        /// Kind of thing.
        what: &'static str,
    },
    /// The thing cannot be changed now: protected, disabled or throttled.
    #[error("{what} is locked: {why}")]
    Locked {
        /// Kind of thing.
        what: &'static str,
        /// Reason, for people.
        why: &'static str,
    },
    /// A limit of the caller is used up.
    #[error("quota of {what} exceeded")]
    QuotaExceeded {
        /// Kind of limit.
        what: &'static str,
    },
    /// A wallet holds too little.
    #[error("insufficient funds")]
    InsufficientFunds,
    /// Too many requests.
    #[error("rate limited")]
    RateLimited {
        /// When to try again.
        retry_after: Duration,
    },
    /// A foreign system failed or refused.
    #[error("{which} failed: {why}")]
    Upstream {
        /// Name of the foreign system.
        which: &'static str,
        /// What it said; no secrets.
        why: String,
    },
    /// The database or another own part is away; trying again may help.
    #[error("temporarily unavailable")]
    Unavailable(#[source] Source),
    /// A fault of the program or its data.
    #[error("internal error")]
    Internal(#[source] Source),
}

/// One input that breaks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Name of the field as the caller knows it.
    pub field: &'static str,
    /// Stable key of the rule: `taken`, `unknown`, `malformed` … Surfaces have a text for each.
    pub rule: &'static str,
}

impl Fault {
    /// An input and its rule.
    pub const fn new(field: &'static str, rule: &'static str) -> Self {
        Self { field, rule }
    }
}

/// The cause carried by [`Error::Unavailable`] and [`Error::Internal`]; logged once, never shown to callers.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// `field: rule` of each fault.
fn named(faults: &[Fault]) -> String {
    faults.iter().map(|fault| format!("{}: {}", fault.field, fault.rule)).collect::<Vec<_>>().join(", ")
}

impl Error {
    /// Stable code for logs, metrics and our own JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not_found",
            Self::Conflict { .. } => "conflict",
            Self::Invalid { .. } | Self::Fields(_) => "invalid",
            Self::Unauthenticated { .. } => "unauthenticated",
            Self::Forbidden { .. } => "forbidden",
            Self::Expired { .. } => "expired",
            Self::Locked { .. } => "locked",
            Self::QuotaExceeded { .. } => "quota_exceeded",
            Self::InsufficientFunds => "insufficient_funds",
            Self::RateLimited { .. } => "rate_limited",
            Self::Upstream { .. } => "upstream",
            Self::Unavailable(_) => "unavailable",
            Self::Internal(_) => "internal",
        }
    }

    /// Whether the same call may succeed later without any change.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Upstream { .. } | Self::Unavailable(_))
    }

    /// An [`Error::Internal`] from any cause.
    pub fn internal(source: impl Into<Source>) -> Self {
        Self::Internal(source.into())
    }

    /// An [`Error::Invalid`].
    pub fn invalid(field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), rule: rule.into() }
    }

    /// An [`Error::Fields`] with one fault.
    pub fn field(field: &'static str, rule: &'static str) -> Self {
        Self::Fields(vec![Fault { field, rule }])
    }

    /// The error and its causes, outermost first, joined for one log line.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        text
    }
}
