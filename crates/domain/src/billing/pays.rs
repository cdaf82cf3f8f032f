//! The history of payments as it is shown (specs/billing.md §5.2, §5.10, §6.3).

use std::net::{IpAddr, Ipv4Addr};

use gatehouse_model::{Millis, Money, StatementId};
use gatehouse_store::{
    Query,
    billing_view::{self as rows, PayRow},
};

use super::{
    Failure, Outcome, Refusal, Role, Who,
    scope::{self, Target},
};
use crate::ledger::kind;

/// Rows of a page.
pub const PAGE: i64 = 15;

/// A row as the caller may see it.
#[derive(Debug)]
pub struct Row {
    /// Its number.
    pub id: StatementId,
    /// Its time, of a temporary payment its end.
    pub at: Millis,
    /// The number of specs/billing.md §6.3.
    pub kind: i64,
    /// What it moves.
    pub amount: Money,
    /// What the wallet held then.
    pub balance_after: Option<Money>,
    /// For programs; empty for subscribers.
    pub reason: String,
    /// For people.
    pub comment: String,
    /// `admin`, `user`, `kernel`, `other`.
    pub actor: String,
    /// His number; 0 for subscribers, unless it is their own.
    pub actor_no: i64,
    /// Where from, as a number; 0 likewise and for IPv6.
    pub actor_ip: u32,
}

/// Lists the history of a subscriber, newest first, [`PAGE`] rows; events only for staff with `billing.event.read`.
///
/// Shape: `uid` of staff, where the page begins → rows with what the wallet held then. Units: hundredths.
/// Errors: those of [`scope::target`]. Source: specs/billing.md §5.10.
pub async fn list(who: &Who, uid: Option<i64>, start: i64) -> Outcome<Vec<Row>> {
    let q = &mut who.ctx.read();
    let target = scope::target(q, who, uid, None).await?;
    let currency = &who.ctx.app.settings().billing.pay.currency;
    let usr = rows::find_usr(q, target.account, currency).await?.ok_or(Refusal::NoUid)?;
    let with_events = sees_events(q, who, &target).await?;
    let found = rows::list_rows(q, target.account, usr.wallet_id, with_events, (PAGE, start)).await?;
    Ok(found.into_iter().map(|row| seen(who, row)).collect())
}

/// Whether the caller sees events of a subscriber.
pub(super) async fn sees_events(q: &mut impl Query, who: &Who, target: &Target) -> Outcome<bool> {
    if !who.is_admin() {
        return Ok(false);
    }
    match scope::reach(q, who, "billing.event.read").await {
        Ok(reach) => Ok(reach.holds(target.group)),
        Err(Failure::Refused(_)) => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// A row without what the caller may not know.
pub(super) fn seen(who: &Who, row: PayRow) -> Row {
    let is_his = matches!(who.role, Role::User { uid, .. } if row.actor == "user" && row.actor_no == uid);
    let knows_author = who.is_admin() || is_his;
    let ip = row.actor_address.as_deref().filter(|_| knows_author).map_or(0, number_of);
    // What systems wrote for themselves; of messages it is the text.
    let hides_reason = !who.is_admin() && !(kind::MESSAGE..=499).contains(&row.kind);
    Row {
        id: row.id,
        at: row.at,
        kind: row.kind,
        amount: row.amount,
        balance_after: row.balance_after,
        reason: if hides_reason { String::new() } else { row.reason },
        comment: row.comment,
        actor_no: if knows_author { row.actor_no } else { 0 },
        actor_ip: ip,
        actor: row.actor,
    }
}

/// An IPv4 address as a number; 0: another one.
pub fn number_of(address: &str) -> u32 {
    match address.parse().map(|address: IpAddr| address.to_canonical()) {
        Ok(IpAddr::V4(address)) => Ipv4Addr::to_bits(address),
        Ok(IpAddr::V6(_)) | Err(_) => 0,
    }
}
