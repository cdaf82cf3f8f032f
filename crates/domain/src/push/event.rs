//! What subscribers are told by push (specs/billing.md §12).

use gatehouse_model::{BillingSubscriptionId, Millis, Money, StatementId};

/// Something a subscriber should know at once. Numbers of rows are those of the statement.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A message: rows 480, 482, 488.
    Message {
        /// Its row.
        id: StatementId,
        /// What it says.
        text: &'a str,
    },
    /// Money came through a payment system.
    PaymentCredited {
        /// Its row.
        id: StatementId,
        /// What the wallet got.
        amount: Money,
    },
    /// Such money was taken back.
    PaymentReversed {
        /// Its row.
        id: StatementId,
        /// What the wallet lost, above nothing.
        amount: Money,
    },
    /// Debt blocks him from now on.
    DebtBlock {
        /// Row 423.
        id: StatementId,
    },
    /// He got a temporary payment.
    CreditGiven {
        /// Its row.
        id: StatementId,
        /// How much.
        amount: Money,
        /// When it is taken back.
        until: Millis,
    },
    /// It is taken back in 24 h.
    CreditExpiring {
        /// Its row.
        id: StatementId,
        /// How much.
        amount: Money,
        /// When.
        until: Millis,
    },
    /// It was taken back.
    CreditExpired {
        /// Its row.
        id: StatementId,
        /// How much.
        amount: Money,
    },
    /// A service ends in 24 h, and there is no money for the next period.
    ServiceEnding {
        /// Which.
        id: BillingSubscriptionId,
        /// Its title.
        title: &'a str,
        /// When.
        until: Millis,
    },
    /// A service was renewed.
    ServiceRenewed {
        /// Which.
        id: BillingSubscriptionId,
        /// Its title.
        title: &'a str,
        /// The end of the new period; none: endless.
        until: Option<Millis>,
    },
}

impl Event<'_> {
    /// Its published name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Message { .. } => "message",
            Self::PaymentCredited { .. } => "payment_credited",
            Self::PaymentReversed { .. } => "payment_reversed",
            Self::DebtBlock { .. } => "debt_block",
            Self::CreditGiven { .. } => "credit_given",
            Self::CreditExpiring { .. } => "credit_expiring",
            Self::CreditExpired { .. } => "credit_expired",
            Self::ServiceEnding { .. } => "service_ending",
            Self::ServiceRenewed { .. } => "service_renewed",
        }
    }

    /// The number of what it is about.
    pub(super) const fn id(&self) -> i64 {
        match self {
            Self::Message { id, .. }
            | Self::PaymentCredited { id, .. }
            | Self::PaymentReversed { id, .. }
            | Self::DebtBlock { id }
            | Self::CreditGiven { id, .. }
            | Self::CreditExpiring { id, .. }
            | Self::CreditExpired { id, .. } => id.0,
            Self::ServiceEnding { id, .. } | Self::ServiceRenewed { id, .. } => id.0,
        }
    }

    /// What tells it from every other event: a subscription has many.
    pub(super) fn key(&self) -> String {
        let (name, id) = (self.name(), self.id());
        match self {
            Self::ServiceEnding { until, .. } => format!("{name}:{id}:{}", until.0),
            Self::ServiceRenewed { until, .. } => format!("{name}:{id}:{}", until.map_or(0, |until| until.0)),
            _ => format!("{name}:{id}"),
        }
    }
}
