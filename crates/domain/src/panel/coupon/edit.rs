//! Coupons as staff make them (specs/panel.md §4.3 coupon).

use gatehouse_model::{Millis, PanelCouponId, PlanId};
use gatehouse_store::{Tx, panel_coupon as rows};

pub use rows::FIELDS;

use super::{CouponRow, kind};
use crate::{
    Ctx, Edit, Error, Result,
    audit::{self, Object},
    panel::{Outcome, Refusal, filter::Listing, plan::Period},
    permission::{self, Change},
};

/// The most coupons that are made at once.
const MOST: i64 = 500;
/// The largest sum, hundredths, and number of uses.
const LARGEST: i64 = 99_999_999_999;

/// What staff write of a coupon; what is not named stays.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// What is typed; a new coupon without one gets a random one.
    pub code: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// 1 fixed sum, 2 percent.
    pub kind: Option<i64>,
    /// Hundredths or percent.
    pub value: Option<i64>,
    /// Whether it counts.
    pub is_shown: Option<bool>,
    /// Uses.
    pub uses: Edit<i64>,
    /// Uses of each account.
    pub uses_per_account: Edit<i64>,
    /// For these plans only.
    pub plans: Edit<Vec<PlanId>>,
    /// For these periods only.
    pub periods: Edit<Vec<Period>>,
    /// From when.
    pub started_at: Option<Millis>,
    /// Until when.
    pub ended_at: Option<Millis>,
}

const GONE: Refusal = Refusal::rule("The coupon does not exist");

fn wrong(name: &'static str) -> Refusal {
    Refusal::input(name, "The value of :name is not valid").with("name", name)
}

impl Draft {
    /// The row it makes of another one. Errors: an input refusal naming what breaks its rule.
    fn applied(&self, mut row: CouponRow) -> Outcome<CouponRow> {
        let draft = self.clone();
        row.code = draft.code.unwrap_or(row.code);
        row.name = draft.name.unwrap_or(row.name);
        row.kind = draft.kind.unwrap_or(row.kind);
        row.value = draft.value.unwrap_or(row.value);
        row.is_shown = draft.is_shown.unwrap_or(row.is_shown);
        row.uses_left = draft.uses.apply(row.uses_left);
        row.uses_per_account = draft.uses_per_account.apply(row.uses_per_account);
        row.started_at = draft.started_at.unwrap_or(row.started_at);
        row.ended_at = draft.ended_at.unwrap_or(row.ended_at);
        row.plan_ids = match draft.plans {
            Edit::Keep => row.plan_ids,
            Edit::Set(plans) if !plans.is_empty() => {
                let ids: Vec<i64> = plans.iter().map(|plan| plan.0).collect();
                Some(serde_json::to_string(&ids).map_err(Error::internal)?)
            }
            _ => None,
        };
        row.periods = match draft.periods {
            Edit::Keep => row.periods,
            Edit::Set(periods) if !periods.is_empty() => {
                let names: Vec<&str> = periods.iter().map(|period| period.as_str()).collect();
                Some(serde_json::to_string(&names).map_err(Error::internal)?)
            }
            _ => None,
        };
        let is_text =
            |text: &str, most| (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if !is_text(&row.name, 255) {
            return Err(wrong("name").into());
        }
        if !is_text(&row.code, 64) || row.code.chars().any(char::is_whitespace) {
            return Err(wrong("code").into());
        }
        let is_value = match row.kind {
            kind::FIXED => (1..=LARGEST).contains(&row.value),
            kind::PERCENT => (1..=100).contains(&row.value),
            _ => return Err(wrong("type").into()),
        };
        if !is_value {
            return Err(wrong("value").into());
        }
        if row.started_at.0 < 0 {
            return Err(wrong("started_at").into());
        }
        if row.ended_at < row.started_at {
            return Err(wrong("ended_at").into());
        }
        for (name, limit) in [("limit_use", row.uses_left), ("limit_use_with_user", row.uses_per_account)] {
            if limit.is_some_and(|limit| !(0..=LARGEST).contains(&limit)) {
                return Err(wrong(name).into());
            }
        }
        Ok(row)
    }
}

/// A page of coupons, the newest first unless it is sorted otherwise, and how many fit. Errors: `Forbidden`.
pub async fn list(ctx: &Ctx, listing: &Listing) -> Outcome<(i64, Vec<CouponRow>)> {
    ctx.require("panel.coupon")?;
    Ok(rows::list_page(&mut ctx.read(), listing).await?)
}

/// Makes a coupon. Errors: input refusals; the code is taken; `Forbidden`. Source: specs/panel.md §4.3.
pub async fn make(ctx: &Ctx, draft: &Draft) -> Outcome<CouponRow> {
    let (ctx, mut tx) = begin(ctx).await?;
    let row = insert(&ctx, &mut tx, draft).await?;
    tx.commit().await?;
    Ok(row)
}

/// Makes so many coupons, at most 500, each with a random code. Errors: as [`make`].
pub async fn make_many(ctx: &Ctx, draft: &Draft, count: i64) -> Outcome<Vec<CouponRow>> {
    if !(1..=MOST).contains(&count) {
        return Err(wrong("generate_count").into());
    }
    let (ctx, mut tx) = begin(ctx).await?;
    let draft = Draft { code: None, ..draft.clone() };
    let mut made = Vec::new();
    for _ in 0..count {
        made.push(insert(&ctx, &mut tx, &draft).await?);
    }
    tx.commit().await?;
    Ok(made)
}

/// Changes a coupon. Errors: unknown; as [`make`].
pub async fn change(ctx: &Ctx, id: PanelCouponId, draft: &Draft) -> Outcome<()> {
    let (ctx, mut tx) = begin(ctx).await?;
    let row = rows::lock(&mut tx, id).await?.ok_or(GONE)?;
    change_in(&ctx, &mut tx, &row, draft).await?;
    Ok(tx.commit().await?)
}

/// The same inside a transaction; false: it is like that already.
pub(crate) async fn change_in(ctx: &Ctx, tx: &mut Tx, known: &CouponRow, draft: &Draft) -> Outcome<bool> {
    let row = draft.applied(known.clone())?;
    if row == *known {
        return Ok(false);
    }
    if rows::find_by_code(tx, &row.code).await?.is_some_and(|other| other.id != known.id) {
        return Err(taken().into());
    }
    rows::update(tx, &CouponRow { updated_at: ctx.now(), ..row }).await?;
    audit::changed(tx, ctx, "panel.coupon.update", Object::new("panel_coupon", known.id.0, &known.name)).await?;
    Ok(true)
}

/// Lets a coupon count if it does not, and the other way round. Errors: unknown; `Forbidden`.
pub async fn toggle(ctx: &Ctx, id: PanelCouponId) -> Outcome<()> {
    let row = rows::find(&mut ctx.read(), id).await?.ok_or(GONE)?;
    change(ctx, id, &Draft { is_shown: Some(!row.is_shown), ..Draft::default() }).await
}

/// Deletes a coupon; open orders keep what it took off. Errors: unknown; `Forbidden`.
pub async fn remove(ctx: &Ctx, id: PanelCouponId) -> Outcome<()> {
    let (ctx, mut tx) = begin(ctx).await?;
    let row = rows::lock(&mut tx, id).await?.ok_or(GONE)?;
    remove_in(&ctx, &mut tx, &row).await?;
    Ok(tx.commit().await?)
}

/// The same inside a transaction.
pub(crate) async fn remove_in(ctx: &Ctx, tx: &mut Tx, row: &CouponRow) -> Result<()> {
    rows::delete(tx, row.id).await?;
    audit::changed(tx, ctx, "panel.coupon.drop", Object::new("panel_coupon", row.id.0, &row.name)).await
}

async fn begin(ctx: &Ctx) -> Result<(Ctx, Tx)> {
    let (ctx, tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.coupon")?;
    Ok((ctx, tx))
}

const fn taken() -> Refusal {
    Refusal::rule("The coupon code exists already")
}

/// Makes a coupon inside a transaction. Errors: as [`make`].
pub(crate) async fn insert(ctx: &Ctx, tx: &mut Tx, draft: &Draft) -> Outcome<CouponRow> {
    let now = ctx.now();
    let blank = CouponRow {
        id: PanelCouponId(0),
        code: random_code(ctx),
        name: String::new(),
        kind: 0,
        value: 0,
        is_shown: true,
        uses_left: None,
        uses_per_account: None,
        plan_ids: None,
        periods: None,
        started_at: Millis(-1),
        ended_at: Millis(-1),
        created_at: now,
        updated_at: now,
    };
    let row = draft.applied(blank)?;
    let id = rows::insert(tx, &row).await?.ok_or(taken())?;
    audit::changed(tx, ctx, "panel.coupon.create", Object::new("panel_coupon", id.0, &row.name)).await?;
    Ok(CouponRow { id, ..row })
}

/// Eight letters and digits.
fn random_code(ctx: &Ctx) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let random = ctx.app.random();
    let letter = || {
        let index = usize::try_from(random.below(LETTERS.len() as u64)).unwrap_or_default();
        LETTERS.get(index).map_or('A', |byte| char::from(*byte))
    };
    (0..8).map(|_| letter()).collect()
}
