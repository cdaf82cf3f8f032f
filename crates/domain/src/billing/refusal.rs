//! Why billing does not do what was asked: refusals that callers have a text for (specs/billing.md §2).

use crate::Error;

/// What a use case of billing returns.
pub type Outcome<T> = Result<T, Failure>;

/// Why it returned nothing.
#[derive(Debug)]
pub enum Failure {
    /// A rule of billing.
    Refused(Refusal),
    /// What every surface may meet.
    Error(Error),
}

/// A rule of billing that is in the way. The code is `err_cod` on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Missing or unknown uid.
    NoUid,
    /// A code is missing.
    NoPrivilege,
    /// Not for this role, or not in this kind of session.
    Forbidden,
    /// The subscriber's group is not the caller's.
    GroupDenied,
    /// Message, subscription or order.
    NotFound,
    /// Unknown service, other group, no price.
    ServiceUnavailable,
    /// It is connected.
    ServiceAlready,
    /// One like it is connected.
    ServiceAnalog,
    /// Its definition is faulty.
    ServiceBroken,
    /// The next one is of another module.
    ServiceModule,
    /// Subscribers cannot renew it.
    ServiceNoRenew,
    /// The wallet holds too little.
    NoMoney,
    /// Row 450.
    OrderingBlocked,
    /// No amount that may be paid.
    BadAmount,
    /// Nothing to send.
    MessageEmpty,
    /// Too long.
    MessageLong,
    /// Row 451, with the comment that stands there.
    MessageBlocked(String),
    /// Messages, orders, tries.
    TooMany,
    /// The payment system.
    GatewayUnavailable,
    /// A key that came with something else before.
    IdempotencyConflict,
    /// The same again.
    Repeat,
    /// Parameters that mean nothing.
    BadRequest,
}

impl Refusal {
    /// `err_cod`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoUid => "no_uid",
            Self::NoPrivilege => "no_privilege",
            Self::Forbidden => "forbidden",
            Self::GroupDenied => "group_denied",
            Self::NotFound => "not_found",
            Self::ServiceUnavailable => "srv_unavailable",
            Self::ServiceAlready => "srv_already",
            Self::ServiceAnalog => "srv_analog",
            Self::ServiceBroken => "srv_broken",
            Self::ServiceModule => "srv_module",
            Self::ServiceNoRenew => "srv_no_renew",
            Self::NoMoney => "no_money",
            Self::OrderingBlocked => "ordering_blocked",
            Self::BadAmount => "bad_amount",
            Self::MessageEmpty => "msg_empty",
            Self::MessageLong => "msg_long",
            Self::MessageBlocked(_) => "msg_blocked",
            Self::TooMany => "too_many",
            Self::GatewayUnavailable => "gateway_unavailable",
            Self::IdempotencyConflict => "idempotency_conflict",
            Self::Repeat => "repeat",
            Self::BadRequest => "bad_request",
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}
