//! Invitations (specs/panel.md §2.4).

use gatehouse_model::Money;
use gatehouse_store::panel_invite::{self as rows, CommissionRow, Earned, InviteCodeRow};

use super::{
    Who, proxy_row,
    refusal::{Outcome, Refusal},
};
use crate::{
    Ctx, Result,
    audit::{self, Object},
    ledger,
};

/// What `invite/fetch` tells.
#[derive(Debug, Clone)]
pub struct Invitations {
    /// Unused codes, the newest first.
    pub codes: Vec<InviteCodeRow>,
    /// Users invited.
    pub invited: i64,
    /// Hundredths that were paid out.
    pub paid: Money,
    /// Hundredths that wait for their release: the first level's share.
    pub waiting: Money,
    /// Percent of what invited people pay.
    pub rate: i64,
    /// Hundredths to transfer or withdraw.
    pub available: Money,
}

/// Makes a code. Errors: the rule "The maximum number of creations has been reached" at `invite_gen_limit` unused ones.
pub async fn save(who: &Who) -> Outcome<()> {
    who.no_shadow()?;
    let ctx = &who.ctx;
    let mut tx = ctx.begin().await?;
    // So that two at once do not both find room for one.
    rows::lock_pass(&mut tx, who.account).await?;
    if rows::count_unused(&mut tx, who.account).await? >= ctx.app.live().panel().invite_gen_limit {
        // What was counted may be a neighbour's that is not on the disk yet.
        tx.commit().await?;
        return Err(Refusal::rule("The maximum number of creations has been reached").into());
    }
    rows::insert(&mut tx, who.account, &fresh(ctx), ctx.now()).await?;
    let (_, _, login) = ctx.actor_name();
    audit::changed(&mut tx, ctx, "panel.invite.create", Object::new("proxy", who.account.0, &login)).await?;
    Ok(tx.commit().await?)
}

/// Eight letters and digits.
fn fresh(ctx: &Ctx) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let letter = || {
        let index = usize::try_from(ctx.app.random().below(62)).unwrap_or_default();
        ALPHABET.get(index).map_or('A', |byte| char::from(*byte))
    };
    (0..8).map(|_| letter()).collect()
}

/// The caller's codes and what they brought.
pub async fn show(who: &Who) -> Outcome<Invitations> {
    let ctx = &who.ctx;
    let settings = ctx.app.live().panel();
    let own = proxy_row(who).await?;
    let Earned { paid, waiting } = rows::sum_earned(&mut ctx.read(), who.account).await?;
    let share =
        if settings.commission_distribution_enable { settings.commission_distribution_l1.unwrap_or(0) } else { 100 };
    Ok(Invitations {
        codes: rows::list_unused(&mut ctx.read(), who.account).await?,
        invited: rows::count_invited(&mut ctx.read(), who.account).await?,
        paid,
        waiting: percent(waiting, share),
        rate: own.commission_rate.unwrap_or(settings.invite_commission),
        available: ledger::commission(&mut ctx.read(), who.account, &settings.currency).await?,
    })
}

/// A page of what the caller was paid, the newest first, and how many there are. Shape: page from 1, size.
pub async fn details(who: &Who, page: i64, size: i64) -> Result<(Vec<CommissionRow>, i64)> {
    let offset = page.saturating_sub(1).saturating_mul(size);
    Ok(rows::list_commissions(&mut who.ctx.read(), who.account, size, offset).await?)
}

/// Counts a view of the page of a code; one that does not exist counts nothing.
pub async fn seen(ctx: &Ctx, code: &str) -> Result<()> {
    if code.len() > 32 {
        return Ok(());
    }
    let mut tx = ctx.begin().await?;
    rows::count_view(&mut tx, code).await?;
    Ok(tx.commit().await?)
}

/// Pending orders, open tickets, invited users. Source: specs/panel.md §2.3 getStat.
pub async fn stat(who: &Who) -> Result<[i64; 3]> {
    let ctx = &who.ctx;
    let (orders, tickets) = rows::count_open(&mut ctx.read(), who.account).await?;
    Ok([orders, tickets, rows::count_invited(&mut ctx.read(), who.account).await?])
}

/// A share of an amount, rounded half up.
fn percent(amount: Money, share: i64) -> Money {
    let exact = i128::from(amount.0) * i128::from(share);
    Money(i64::try_from((exact + 50).div_euclid(100)).unwrap_or(i64::MAX))
}
