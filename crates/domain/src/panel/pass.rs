//! Passes as they are held: plan, term, limits, traffic. Whoever changes one locks it, changes it here and saves it, which works out
//! when its traffic is set to nothing next and lets every door follow (specs/panel.md §3.1, §3.7).

use gatehouse_model::{AccountId, Millis};
use gatehouse_store::{
    Aspect, Tx,
    plan::{self as plans},
    proxy_plan::{self as rows, HolderRow},
};

use super::{calendar, plan::Plan, shadow};
use crate::{Ctx, Result};

/// Why traffic was set to nothing: `trigger_source` of the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Its time had come.
    Auto,
    /// Staff.
    Manual,
    /// An order.
    Order,
    /// A gift card.
    GiftCard,
}

impl Source {
    /// Its stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Manual => "manual",
            Self::Order => "order",
            Self::GiftCard => "gift_card",
        }
    }
}

/// A pass whose row this transaction holds, and what shall become of it.
#[derive(Debug)]
#[must_use = "a pass that is not saved stays as it was"]
pub struct Pass {
    row: HolderRow,
    before: HolderRow,
    cleared: Option<Source>,
}

impl Pass {
    /// Locks the pass of an account; none: it has none.
    pub(crate) async fn lock(tx: &mut Tx, account: AccountId) -> Result<Option<Self>> {
        let row = rows::lock(tx, account).await?;
        Ok(row.map(|row| Self { before: row.clone(), row, cleared: None }))
    }

    /// What it is now.
    pub const fn row(&self) -> &HolderRow {
        &self.row
    }

    /// Its limits, to be changed: quota, group, speed, devices. For plan and term there are functions.
    pub(crate) const fn row_mut(&mut self) -> &mut HolderRow {
        &mut self.row
    }

    /// Whether it has a term that has not ended, or none.
    pub fn is_current(&self, now: Millis) -> bool {
        self.row.expires_at.is_none_or(|end| end > now)
    }

    /// Makes it one of a plan: its quota, group and limits.
    pub(crate) fn take(&mut self, plan: &Plan) {
        self.row.plan_id = Some(plan.row.id);
        self.row.node_group_id = plan.row.node_group_id;
        self.row.quota = Some(plan.quota());
        self.row.speed_limit = plan.row.speed_limit.unwrap_or(0);
        self.row.device_limit = plan.row.device_limit.unwrap_or(0);
    }

    /// Makes it last so many calendar months from now, or from its end where that is later and `is_anew` does not say otherwise.
    /// The day of the month of its first beginning is kept.
    pub(crate) fn extend(&mut self, ctx: &Ctx, months: i64, is_anew: bool) -> Result<()> {
        let (zone, now) = (calendar::zone(&ctx.app), ctx.now());
        let base = self.row.expires_at.filter(|end| *end > now && !is_anew).unwrap_or(now);
        let kept = self.row.anchor_day.filter(|_| base > now);
        let anchor = match kept {
            Some(day) => day,
            None => calendar::day_of(&zone, base)?,
        };
        self.row.expires_at = Some(calendar::months_after(&zone, base, months, anchor)?);
        self.row.anchor_day = Some(anchor);
        Ok(())
    }

    /// Sets its end, none: never. What comes after it keeps that day of the month.
    pub(crate) fn set_expiry(&mut self, ctx: &Ctx, end: Option<Millis>) -> Result<()> {
        self.row.anchor_day = match end {
            Some(end) => Some(calendar::day_of(&calendar::zone(&ctx.app), end)?),
            None => None,
        };
        self.row.expires_at = end;
        Ok(())
    }

    /// Sets its traffic to nothing.
    pub(crate) const fn clear_traffic(&mut self, source: Source) {
        self.cleared = Some(source);
    }

    /// Writes what has become of it.
    pub(crate) async fn save(mut self, ctx: &Ctx, tx: &mut Tx) -> Result<()> {
        let (account, now) = (self.row.account_id, ctx.now());
        let (old, new) = (&self.before, &self.row);
        let is_moved = (old.plan_id, old.expires_at, old.anchor_day) != (new.plan_id, new.expires_at, new.anchor_day);
        if is_moved || self.cleared.is_some() {
            self.row.next_reset_at = next_reset(ctx, tx, &self.row).await?;
        }
        if let Some(source) = self.cleared {
            let kind = if source == Source::Auto { "scheduled" } else { source.as_str() };
            rows::clear_usage(tx, account).await?;
            rows::insert_reset(tx, account, (kind, source.as_str()), (self.row.up, self.row.down), now).await?;
            self.row.last_reset_at = Some(now);
            self.row.reset_count = self.row.reset_count.saturating_add(1);
        } else if self.row == self.before {
            return Ok(());
        }
        rows::update(tx, &self.row, now).await?;
        shadow::mirror(ctx, tx, account).await?;
        tx.touch(Aspect::ProxyUser, Some(account.0));
        if self.row.main_account_id.is_none() {
            shadow::mirror(ctx, tx, account).await?;
        }
        Ok(())
    }
}

/// When the traffic of a pass is set to nothing next.
async fn next_reset(ctx: &Ctx, tx: &mut Tx, row: &HolderRow) -> Result<Option<Millis>> {
    let plan = match row.plan_id {
        Some(id) => plans::find(tx, id).await?,
        None => None,
    };
    let Some(plan) = plan else { return Ok(None) };
    let method = plan.reset_method.unwrap_or_else(|| ctx.app.live().panel().reset_traffic_method);
    let zone = calendar::zone(&ctx.app);
    let anchor = match (row.anchor_day, row.expires_at) {
        (Some(day), _) => day,
        (None, Some(end)) => calendar::day_of(&zone, end)?,
        (None, None) => return Ok(None),
    };
    calendar::next_reset(&zone, method, row.expires_at, anchor, ctx.now())
}

/// Works out anew when the traffic of a pass is set to nothing: after its plan's method changed, or its end was written by others, who
/// thereby chose its day of the month.
pub(crate) async fn rearrange(ctx: &Ctx, tx: &mut Tx, account: AccountId, is_end_new: bool) -> Result<()> {
    let Some(mut pass) = Pass::lock(tx, account).await? else { return Ok(()) };
    if is_end_new {
        pass.set_expiry(ctx, pass.row.expires_at)?;
    }
    pass.row.next_reset_at = next_reset(ctx, tx, &pass.row).await?;
    pass.save(ctx, tx).await
}

/// How many passes are set to nothing in one look.
const BATCH: i64 = 200;

/// Sets the traffic of whoever's time has come to nothing: a step of the periodic task `panel.minute`. Each in a transaction of its
/// own; a clock that jumps back finds nothing due.
pub(super) async fn reset_due(ctx: &Ctx) -> Result<()> {
    let mut after = AccountId(0);
    loop {
        let due = rows::list_due(&mut ctx.read(), ctx.now(), after, BATCH).await?;
        let Some((last,)) = due.last().copied() else { return Ok(()) };
        for (account,) in due {
            let mut tx = ctx.begin().await?;
            if let Some(mut pass) = Pass::lock(&mut tx, account).await? {
                let is_due = pass.row.next_reset_at.is_some_and(|at| at <= ctx.now())
                    && pass.row.expires_at.is_some_and(|end| end > ctx.now());
                if is_due && pass.row.is_enabled {
                    pass.clear_traffic(Source::Auto);
                    pass.save(ctx, &mut tx).await?;
                }
            }
            tx.commit().await?;
        }
        after = last;
    }
}
