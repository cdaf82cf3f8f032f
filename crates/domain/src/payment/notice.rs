//! Notices of payment systems (specs/billing.md §11.4).

use gatehouse_store::payment as rows;

use super::{
    Notice,
    settle::{self, Source},
};
use crate::{Ctx, Result, ledger::Author};

/// What becomes of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Done, known or overtaken: 200, it need not come again.
    Done,
    /// Not the provider's word, or not about the order as it was made: 400.
    Refused,
    /// There is no such order, or no such provider: 404.
    UnknownOrder,
}

/// Takes a notice of a channel's provider. Money moves once, however often and in which order its notices come.
///
/// Shape: what came, untouched → what to answer. Errors: `Unavailable`, `Internal`: 503, so that the provider repeats.
/// Source: specs/billing.md §11.4.
pub async fn take(ctx: &Ctx, channel: &str, notice: &Notice) -> Result<Taken> {
    let Some(provider) = ctx.app.payments().and_then(|all| all.find(channel)) else { return Ok(Taken::UnknownOrder) };
    let count = |verdict: &'static str| {
        let channel = provider.channel().to_owned();
        metrics::counter!("gatehouse_payment_notices_total", "channel" => channel, "verdict" => verdict).increment(1);
    };
    let report = match provider.verify(notice) {
        Ok(report) => report,
        // Nothing is stored: anybody can send these.
        Err(why) => {
            count(why.as_str());
            return Ok(Taken::Refused);
        }
    };
    let Some(order) = rows::find_by_order(&mut ctx.read(), channel, &report.order).await? else {
        count("unknown_order");
        tracing::warn!(event = "payment.unknown_order", channel, order = report.order, "a notice of no order of ours");
        return Ok(Taken::UnknownOrder);
    };
    let said = (Source::Notice, &Author::provider(ctx));
    match settle::apply(ctx, provider.as_ref(), &order, &report, said).await? {
        Ok(verdict) => {
            count(verdict.as_str());
            Ok(Taken::Done)
        }
        Err(mismatch) => {
            count(mismatch.as_str());
            settle::alert(ctx, &order, &report, mismatch).await?;
            Ok(Taken::Refused)
        }
    }
}
