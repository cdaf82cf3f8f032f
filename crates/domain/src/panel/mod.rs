//! The subscription panel: what its users and staff do (specs/panel.md, specs/panel-nodes.md).
//!
//! A user is an account with a proxy pass. Refusals whose texts are the contract are [`Refusal`]s; everything else is the domain's
//! [`Error`](crate::Error).

pub mod article;
mod calendar;
pub mod captcha;
pub mod code;
pub mod commission;
pub mod coupon;
pub mod day;
pub mod device;
pub mod entrance;
pub mod forget;
pub mod gift;
pub mod guess;
pub mod identity;
pub mod invite;
mod limit;
pub mod login;
pub(crate) mod minute;
pub mod module;
pub mod money;
pub mod node;
pub mod notice;
pub mod order;
pub mod pass;
pub mod payment;
pub mod people;
pub mod plan;
pub mod profile;
pub mod refusal;
pub mod register;
pub(crate) mod remind;
pub mod session;
pub mod setting;
pub mod shadow;
mod site;
pub mod stat;
pub mod subscription;
pub mod system;
pub mod telegram;
pub mod ticket;
pub mod user;
mod who;

pub use refusal::{Failure, Outcome, Refusal};
pub use who::Who;

/// Lists that staff filter and sort.
pub use gatehouse_store::filter;

use gatehouse_store::proxy_pass::{self, PanelUserRow};

/// A pattern that finds a folded text anywhere, nothing in it a wildcard: for filters of staff.
pub fn pattern(folded: &str) -> String {
    gatehouse_store::like::contains(folded)
}

/// The caller's own row. Errors: a refusal where he has no pass.
pub(crate) async fn proxy_row(who: &Who) -> Outcome<PanelUserRow> {
    let row = proxy_pass::find(&mut who.ctx.read(), who.account).await?;
    Ok(row.ok_or(Refusal::rule("The user does not exist"))?)
}

/// The first moment of a day `YYYY-MM-DD` in the panel's zone; none: it is none.
pub fn day_start(app: &crate::App, text: &str) -> Option<gatehouse_model::Millis> {
    let day: jiff::civil::Date = text.parse().ok()?;
    let start = day.to_zoned(calendar::zone(app)).ok()?;
    Some(gatehouse_model::Millis(start.timestamp().as_millisecond()))
}
