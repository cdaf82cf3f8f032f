//! Who calls billing: a subscriber for himself, or staff for any subscriber in reach (specs/billing.md §4, §5).

use gatehouse_model::AccountId;

use crate::{Ctx, ledger::Author};

/// In which role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A subscriber.
    User {
        /// His account.
        account: AccountId,
        /// His number.
        uid: i64,
    },
    /// Staff.
    Admin {
        /// The account; none: whoever runs commands on the machine, or a job.
        account: Option<AccountId>,
        /// The number of the staff pass.
        staff_no: i64,
    },
}

/// A caller of billing.
#[derive(Debug, Clone)]
pub struct Who {
    /// The request.
    pub ctx: Ctx,
    /// In which role.
    pub role: Role,
    /// False in a session of staff that may change nothing.
    pub is_trusted: bool,
}

impl Who {
    /// Whoever runs commands on the machine, the state file, jobs.
    pub fn operator(ctx: Ctx) -> Self {
        Self { ctx, role: Role::Admin { account: None, staff_no: 0 }, is_trusted: true }
    }

    /// Whether it is staff.
    pub const fn is_admin(&self) -> bool {
        matches!(self.role, Role::Admin { .. })
    }

    /// As the statement names him.
    pub fn author(&self) -> Author {
        match self.role {
            Role::User { uid, .. } => Author::user(&self.ctx, uid),
            Role::Admin { staff_no, .. } => Author::staff(&self.ctx, staff_no),
        }
    }
}
