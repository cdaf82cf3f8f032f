//! Who moved money, as the statement names him (specs/billing.md §5.2).

use std::net::IpAddr;

use crate::Ctx;

/// Who moved money or wrote a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// `admin`, `user`, `kernel` (jobs), `other` (payment systems).
    pub word: &'static str,
    /// `staff_no`, `uid` or 0.
    pub number: i64,
    /// Where from.
    pub address: Option<IpAddr>,
}

impl Author {
    /// A subscriber, by his number.
    pub fn user(ctx: &Ctx, uid: i64) -> Self {
        Self { word: "user", number: uid, address: ctx.caller.address }
    }

    /// Staff, by number; 0: whoever runs commands on the machine.
    pub fn staff(ctx: &Ctx, staff_no: i64) -> Self {
        Self { word: "admin", number: staff_no, address: ctx.caller.address }
    }

    /// A job.
    pub const fn kernel() -> Self {
        Self { word: "kernel", number: 0, address: None }
    }

    /// A payment system.
    pub fn provider(ctx: &Ctx) -> Self {
        Self { word: "other", number: 0, address: ctx.caller.address }
    }

    /// As entries keep it: `admin:7`.
    pub(crate) fn text(&self) -> String {
        format!("{}:{}", self.word, self.number)
    }
}
