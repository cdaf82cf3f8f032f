//! Plans: what may be bought, for how much, and how many may hold it (specs/panel.md §2.5, §3.3).

pub mod edit;

use std::collections::BTreeMap;

use gatehouse_model::{Money, PlanId};
use gatehouse_store::{
    Query,
    plan::{self as rows, PlanRow},
    proxy_plan,
};

use super::Who;
use crate::{Ctx, Result};

/// Bytes of a unit of quota.
pub const GIB: i64 = 1 << 30;

/// What a price is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// A month.
    Monthly,
    /// Three.
    Quarterly,
    /// Six.
    HalfYearly,
    /// Twelve.
    Yearly,
    /// Twenty-four.
    TwoYearly,
    /// Thirty-six.
    ThreeYearly,
    /// Without end.
    Onetime,
    /// No time: the traffic that was used is set to nothing.
    ResetTraffic,
}

impl Period {
    /// Every period, in the order of the wire.
    pub const ALL: [Self; 8] = [
        Self::Monthly,
        Self::Quarterly,
        Self::HalfYearly,
        Self::Yearly,
        Self::TwoYearly,
        Self::ThreeYearly,
        Self::Onetime,
        Self::ResetTraffic,
    ];

    /// Its stored name: the newer one of the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Monthly => "monthly",
            Self::Quarterly => "quarterly",
            Self::HalfYearly => "half_yearly",
            Self::Yearly => "yearly",
            Self::TwoYearly => "two_yearly",
            Self::ThreeYearly => "three_yearly",
            Self::Onetime => "onetime",
            Self::ResetTraffic => "reset_traffic",
        }
    }

    /// The older name of the wire, which users are shown.
    pub const fn legacy(self) -> &'static str {
        match self {
            Self::Monthly => "month_price",
            Self::Quarterly => "quarter_price",
            Self::HalfYearly => "half_year_price",
            Self::Yearly => "year_price",
            Self::TwoYearly => "two_year_price",
            Self::ThreeYearly => "three_year_price",
            Self::Onetime => "onetime_price",
            Self::ResetTraffic => "reset_price",
        }
    }

    /// By either name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|period| period.as_str() == name || period.legacy() == name)
    }

    /// Its calendar months; none: it has no end, or no time at all.
    pub const fn months(self) -> Option<i64> {
        match self {
            Self::Monthly => Some(1),
            Self::Quarterly => Some(3),
            Self::HalfYearly => Some(6),
            Self::Yearly => Some(12),
            Self::TwoYearly => Some(24),
            Self::ThreeYearly => Some(36),
            Self::Onetime | Self::ResetTraffic => None,
        }
    }
}

/// A plan with its prices, hundredths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its row.
    pub row: PlanRow,
    /// By period; a period that is not sold has none, one of nothing is free.
    pub prices: BTreeMap<Period, Money>,
}

impl Plan {
    /// Its quota in bytes.
    pub const fn quota(&self) -> i64 {
        self.row.transfer_gib.saturating_mul(GIB)
    }

    /// When traffic is set to nothing, 0 to 4.
    pub fn reset_method(&self, ctx: &Ctx) -> i64 {
        self.row.reset_method.unwrap_or_else(|| ctx.app.live().panel().reset_traffic_method)
    }
}

/// A plan and how much room it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The plan.
    pub plan: Plan,
    /// Everybody who holds it.
    pub holders: i64,
    /// Those that have not expired.
    pub active: i64,
}

impl Listed {
    /// How many more may hold it; none: no limit.
    pub fn room(&self) -> Option<i64> {
        self.plan.row.capacity_limit.map(|most| most.saturating_sub(self.active).max(0))
    }
}

/// A plan with its prices.
pub async fn find(q: &mut impl Query, id: PlanId) -> Result<Option<Plan>> {
    match rows::find(q, id).await? {
        Some(row) => Ok(Some(priced(q, row).await?)),
        None => Ok(None),
    }
}

/// Adds its prices to a plan.
pub(crate) async fn priced(q: &mut impl Query, row: PlanRow) -> Result<Plan> {
    let prices = rows::list_prices_of(q, row.id).await?;
    let prices = prices.into_iter().filter_map(|(period, amount)| Some((Period::of(&period)?, amount))).collect();
    Ok(Plan { row, prices })
}

/// Every plan by its place, with its room.
pub async fn list(ctx: &Ctx) -> Result<Vec<Listed>> {
    let q = &mut ctx.read();
    let mut prices: BTreeMap<PlanId, BTreeMap<Period, Money>> = BTreeMap::new();
    for (plan, period, amount) in rows::list_prices(q).await? {
        if let Some(period) = Period::of(&period) {
            prices.entry(plan).or_default().insert(period, amount);
        }
    }
    let counts = rows::list_holders(q, ctx.now()).await?;
    let listed = rows::list(q).await?.into_iter().map(|row| {
        let found = counts.iter().find(|(plan, ..)| *plan == row.id);
        let (holders, active) = found.map_or((0, 0), |(_, holders, active)| (*holders, *active));
        Listed { plan: Plan { prices: prices.remove(&row.id).unwrap_or_default(), row }, holders, active }
    });
    Ok(listed.collect())
}

/// The plans that are shown and sold, by their place. Source: specs/panel.md §3.3.
pub async fn list_sold(ctx: &Ctx) -> Result<Vec<Listed>> {
    let mut plans = list(ctx).await?;
    plans.retain(|listed| listed.plan.row.is_shown && listed.plan.row.is_sold);
    Ok(plans)
}

/// A plan that somebody may see: one that is shown and sold, or his own.
pub async fn find_visible(who: &Who, id: PlanId) -> Result<Option<Listed>> {
    let found = list(&who.ctx).await?.into_iter().find(|listed| listed.plan.row.id == id);
    let own = proxy_plan::find(&mut who.ctx.read(), who.account).await?.and_then(|row| row.plan_id);
    Ok(found.filter(|listed| own == Some(id) || (listed.plan.row.is_shown && listed.plan.row.is_sold)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_have_two_names() {
        for period in Period::ALL {
            assert_eq!(Period::of(period.as_str()), Some(period));
            assert_eq!(Period::of(period.legacy()), Some(period));
        }
        assert_eq!(Period::of("deposit"), None);
    }
}
