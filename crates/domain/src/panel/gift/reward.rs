//! What a redemption gives: decided, then given.

use gatehouse_model::{AccountId, Millis, Money};
use gatehouse_store::Tx;

use super::{
    super::{
        money,
        pass::{Pass, Source},
        plan,
        refusal::{Outcome, Refusal},
    },
    rule::Reward,
    template::GiftTemplate,
};
use crate::{Ctx, Result};

const DAY: i64 = 86_400_000;

/// Decides what a card gives now: what is fixed, what is drawn, and what the festival makes of it.
pub(super) fn decide(ctx: &Ctx, template: &GiftTemplate) -> Reward {
    let rewards = &template.rewards;
    let drawn = match rewards.weight() {
        0 => None,
        weight => rewards.drawn(ctx.app.random().below(weight)),
    };
    let reward = match drawn {
        Some(drawn) if template.kind == 3 => rewards.fixed.with(drawn),
        _ => rewards.fixed.clone(),
    };
    reward.multiplied(template.special.factor(ctx.now()))
}

/// The inviter's part of money and traffic; `rate` in ten-thousandths.
pub(super) fn of_inviter(given: &Reward, rate: i64) -> Reward {
    Reward {
        balance: given.balance.part(rate, 10_000),
        traffic: Money(given.traffic).part(rate, 10_000).0,
        ..Reward::default()
    }
}

/// Gives a locked pass what is not money. A limit of none stays none: more of it is nothing.
pub(super) async fn improve(ctx: &Ctx, tx: &mut Tx, pass: &mut Pass, given: &Reward) -> Outcome<()> {
    let now = ctx.now();
    if let Some((id, days)) = given.plan {
        let gone = Refusal::rule("Subscription plan does not exist");
        let plan = plan::find(tx, id).await?.ok_or(gone)?;
        let base = pass.row().expires_at.filter(|end| *end > now).unwrap_or(now);
        pass.take(&plan);
        pass.set_expiry(ctx, Some(later(base, days)))?;
        pass.clear_traffic(Source::GiftCard);
    }
    if given.days > 0
        && let Some(end) = pass.row().expires_at
    {
        pass.set_expiry(ctx, Some(later(end.max(now), given.days)))?;
    }
    if given.resets {
        pass.clear_traffic(Source::GiftCard);
    }
    let row = pass.row_mut();
    row.quota = row.quota.map(|quota| quota.saturating_add(given.traffic));
    if row.device_limit > 0 {
        row.device_limit = row.device_limit.saturating_add(given.devices);
    }
    Ok(())
}

fn later(from: Millis, days: i64) -> Millis {
    Millis(from.0.saturating_add(days.saturating_mul(DAY)))
}

/// Gives money, once under a key.
pub(super) async fn pay(ctx: &Ctx, tx: &mut Tx, account: AccountId, given: &Reward, key: &str) -> Result<()> {
    money::give(ctx, tx, account, given.balance, (key, "panel.gift")).await?;
    Ok(())
}
