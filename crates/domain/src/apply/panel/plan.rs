//! Plans and coupons.

use std::collections::BTreeMap;

use gatehouse_model::{AccountId, Millis, Money, PlanId};
use gatehouse_store::{Tx, panel_coupon, plan as rows, proxy_plan};

use super::{
    super::{Change, Names, Presence, Work, check::Problems},
    file::{CouponEntry, PlanEntry},
};
use crate::{
    Ctx, Edit, Error, Result,
    panel::{
        Failure, Outcome,
        coupon::{self, edit as coupons},
        pass,
        plan::{
            self, Period,
            edit::{self, Draft},
        },
        refusal::Kind,
    },
};

const PLAN: &str = "plan";
const COUPON: &str = "panel.coupon";
/// Holders that are looked at in one go.
const BATCH: i64 = 200;

/// Refuses what the file alone shows to be wrong.
pub(super) fn check(plans: &[PlanEntry], coupons: &[CouponEntry], problems: &mut Problems) {
    let mut keys: Vec<&str> = Vec::new();
    for entry in plans {
        let name = format!("[[plan]] `{}`", entry.key);
        if entry.key.is_empty() || keys.contains(&entry.key.as_str()) {
            problems.refuse(&name, "key", "must be there and stand once");
        }
        keys.push(&entry.key);
        for period in entry.prices.iter().flat_map(BTreeMap::keys).filter(|period| Period::of(period).is_none()) {
            problems.refuse(&name, "prices", format!("`{period}` is no period such as \"monthly\""));
        }
    }
    let mut codes: Vec<&str> = Vec::new();
    for entry in coupons {
        let name = format!("[[panel.coupon]] `{}`", entry.code);
        if entry.code.is_empty() || codes.contains(&entry.code.as_str()) {
            problems.refuse(&name, "code", "must be there and stand once");
        }
        codes.push(&entry.code);
        for period in entry.periods.iter().flatten().filter(|period| Period::of(period).is_none()) {
            problems.refuse(&name, "periods", format!("`{period}` is no period such as \"monthly\""));
        }
    }
}

/// Makes, changes and removes plans, then coupons, which may name them.
pub(super) async fn ensure(
    ctx: &Ctx,
    tx: &mut Tx,
    (plans, coupons): (&[PlanEntry], &[CouponEntry]),
    names: &Names,
    work: &mut Work,
) -> Result<()> {
    for entry in plans {
        let outcome = ensure_plan(ctx, tx, entry, names).await;
        work.note(PLAN, entry.key.clone(), told(outcome))?;
    }
    for entry in coupons {
        let outcome = ensure_coupon(ctx, tx, entry).await;
        work.note(COUPON, entry.code.clone(), told(outcome))?;
    }
    Ok(())
}

/// A refusal of the panel as a rule that the entry breaks.
fn told(outcome: Outcome<Change>) -> Result<Change> {
    outcome.map_err(|failure| match failure {
        Failure::Error(error) => error,
        Failure::Refused(refusal) => match refusal.kind {
            Kind::Input(name) => Error::invalid(name, "is no value that it takes (specs/panel.md §4.3)"),
            _ => Error::Locked { what: "entry", why: refusal.text },
        },
    })
}

async fn ensure_plan(ctx: &Ctx, tx: &mut Tx, entry: &PlanEntry, names: &Names) -> Outcome<Change> {
    let known = rows::find_by_key(tx, &entry.key).await?;
    if entry.state == Presence::Absent {
        let Some(row) = known else { return Ok(Change::Unchanged) };
        edit::remove_in(ctx, tx, &row).await?;
        return Ok(Change::Removed);
    }
    let node_group = match entry.node_group.as_deref() {
        None => Edit::Keep,
        Some("") => Edit::Clear,
        Some(name) => Edit::Set(names.group(name)?),
    };
    let limit = |limit: Option<i64>| match limit {
        None => Edit::Keep,
        Some(0) => Edit::Clear,
        Some(limit) => Edit::Set(limit),
    };
    let prices = entry.prices.as_ref().map(|prices| {
        let known = prices.iter().filter_map(|(period, price)| Some((Period::of(period)?, price.0)));
        known.collect::<BTreeMap<Period, Money>>()
    });
    let name = entry.name.clone();
    let draft = Draft {
        name: name.or_else(|| known.is_none().then(|| entry.key.clone())),
        content: entry.content.clone().map_or(Edit::Keep, Edit::Set),
        transfer_gib: entry.transfer_gib,
        prices,
        node_group,
        speed_limit: limit(entry.speed_limit),
        device_limit: limit(entry.device_limit),
        capacity_limit: limit(entry.capacity_limit),
        reset_method: entry.reset_traffic_method.map_or(Edit::Keep, Edit::Set),
        tags: entry.tags.clone(),
        is_shown: entry.show.or_else(|| known.is_none().then_some(true)),
        is_sold: entry.sell,
        is_renewable: entry.renew,
        sort: entry.sort.map_or(Edit::Keep, Edit::Set),
    };
    let Some(row) = known else {
        edit::save_in(ctx, tx, None, Some(&entry.key), &draft).await?;
        return Ok(Change::Created);
    };
    let before = plan::priced(tx, row).await?;
    if !draft.differs(&before)? {
        return Ok(Change::Unchanged);
    }
    let (id, is_reset_new) = edit::save_in(ctx, tx, Some(before.row.id), None, &draft).await?;
    if is_reset_new {
        rearrange(ctx, tx, id).await?;
    }
    Ok(Change::Updated)
}

/// Whoever holds a plan whose traffic is set to nothing at other times now.
async fn rearrange(ctx: &Ctx, tx: &mut Tx, id: PlanId) -> Result<()> {
    let mut after = AccountId(0);
    loop {
        let holders = proxy_plan::list_holders(tx, id, after, BATCH).await?;
        let Some((last,)) = holders.last().copied() else { return Ok(()) };
        for (account,) in holders {
            pass::rearrange(ctx, tx, account, false).await?;
        }
        after = last;
    }
}

async fn ensure_coupon(ctx: &Ctx, tx: &mut Tx, entry: &CouponEntry) -> Outcome<Change> {
    let known = panel_coupon::find_by_code(tx, &entry.code).await?;
    if entry.state == Presence::Absent {
        let Some(row) = known else { return Ok(Change::Unchanged) };
        coupons::remove_in(ctx, tx, &row).await?;
        return Ok(Change::Removed);
    }
    let plans = match &entry.plans {
        Some(keys) => {
            let mut plans = Vec::with_capacity(keys.len());
            for key in keys {
                plans.push(rows::find_by_key(tx, key).await?.ok_or(Error::NotFound { what: "plan" })?.id);
            }
            Edit::Set(plans)
        }
        None => Edit::Keep,
    };
    let (kind, value) = match (entry.amount, entry.percent) {
        (Some(amount), None) => (Some(coupon::kind::FIXED), Some(amount.0.0)),
        (None, Some(percent)) => (Some(coupon::kind::PERCENT), Some(percent)),
        (None, None) if known.is_some() => (None, None),
        _ => return Err(Error::invalid("amount", "either this or `percent`").into()),
    };
    let moment = |expiry: Option<super::super::Expiry>| expiry.and_then(|expiry| expiry.0);
    let is_new = known.is_none();
    let name = entry.name.clone();
    let draft = coupons::Draft {
        code: Some(entry.code.clone()),
        name: name.or_else(|| is_new.then(|| entry.code.clone())),
        kind,
        value,
        is_shown: entry.show,
        // Uses are counted down: a file says with how many a coupon begins.
        uses: entry.uses.filter(|_| is_new).map_or(Edit::Keep, Edit::Set),
        uses_per_account: entry.uses_per_account.map_or(Edit::Keep, Edit::Set),
        plans,
        periods: match &entry.periods {
            Some(names) => Edit::Set(names.iter().filter_map(|name| Period::of(name)).collect()),
            None => Edit::Keep,
        },
        started_at: moment(entry.started_at).or_else(|| is_new.then(|| ctx.now())),
        ended_at: moment(entry.ended_at).or(is_new.then_some(LATEST)),
    };
    let Some(row) = known else {
        coupons::insert(ctx, tx, &draft).await?;
        return Ok(Change::Created);
    };
    Ok(if coupons::change_in(ctx, tx, &row, &draft).await? { Change::Updated } else { Change::Unchanged })
}

/// The end of a coupon that has none: the beginning of the year 9999.
const LATEST: Millis = Millis(253_370_764_800_000);
