//! Plans as staff make them (specs/panel.md §4.3 plan).

use std::collections::BTreeMap;

use gatehouse_model::{AccountId, Money, NodeGroupId, PlanId};
use gatehouse_store::{Tx, node, plan as rows, plan::PlanRow, proxy_plan};

use super::{Period, Plan};
use crate::{
    Ctx, Edit, Result,
    audit::{self, Object},
    panel::{
        Outcome, Refusal,
        pass::{self, Pass},
    },
    permission::{self, Change},
};

/// The largest quota in units of 1,073,741,824 bytes: 2^53 bytes, which every client can say exactly.
const MOST_GIB: i64 = 8_388_607;
/// The largest price, hundredths.
const MOST_PRICE: i64 = 99_999_999_999;
/// The largest speed, number of devices, holders.
const MOST: i64 = 1_000_000_000;
/// Holders that are changed in one look.
const BATCH: i64 = 200;

/// What staff write of a plan; what is not named stays, or is what a new plan begins with.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// Its name.
    pub name: Option<String>,
    /// Its description.
    pub content: Edit<String>,
    /// Quota in units of 1,073,741,824 bytes.
    pub transfer_gib: Option<i64>,
    /// All its prices, hundredths.
    pub prices: Option<BTreeMap<Period, Money>>,
    /// Node group of whoever holds it.
    pub node_group: Edit<NodeGroupId>,
    /// Mbit/s.
    pub speed_limit: Edit<i64>,
    /// Devices.
    pub device_limit: Edit<i64>,
    /// Holders.
    pub capacity_limit: Edit<i64>,
    /// When traffic is set to nothing, 0 to 4.
    pub reset_method: Edit<i64>,
    /// Words.
    pub tags: Option<Vec<String>>,
    /// Whether it is listed.
    pub is_shown: Option<bool>,
    /// Whether it is for sale.
    pub is_sold: Option<bool>,
    /// Whether its holders may renew it.
    pub is_renewable: Option<bool>,
    /// Its place in lists.
    pub sort: Edit<i64>,
}

fn wrong(name: &'static str) -> Refusal {
    Refusal::input(name, "The value of :name is not valid").with("name", name)
}

const GONE: Refusal = Refusal::rule("Subscription plan does not exist");

impl Draft {
    /// Whether it makes something else of a plan. Errors: as [`save`].
    pub(crate) fn differs(&self, plan: &Plan) -> Outcome<bool> {
        let row = self.applied(plan.row.clone())?;
        Ok(row != plan.row || self.prices.as_ref().is_some_and(|prices| *prices != plan.prices))
    }

    /// The row it makes of another one. Errors: an input refusal naming what breaks its rule.
    fn applied(&self, mut row: PlanRow) -> Result<PlanRow, Refusal> {
        let draft = self.clone();
        row.name = draft.name.unwrap_or(row.name);
        row.content = draft.content.apply(row.content);
        row.transfer_gib = draft.transfer_gib.unwrap_or(row.transfer_gib);
        row.node_group_id = draft.node_group.apply(row.node_group_id);
        // 0 is how some say that there is no limit.
        let limit = |edit: Edit<i64>, old| edit.apply(old).filter(|limit| *limit != 0);
        row.speed_limit = limit(draft.speed_limit, row.speed_limit);
        row.device_limit = limit(draft.device_limit, row.device_limit);
        row.capacity_limit = draft.capacity_limit.apply(row.capacity_limit);
        row.reset_method = draft.reset_method.apply(row.reset_method);
        row.is_shown = draft.is_shown.unwrap_or(row.is_shown);
        row.is_sold = draft.is_sold.unwrap_or(row.is_sold);
        row.is_renewable = draft.is_renewable.unwrap_or(row.is_renewable);
        row.sort = draft.sort.apply(row.sort);
        if let Some(tags) = draft.tags {
            row.tags = serde_json::Value::from(tags).to_string();
        }
        let length = row.name.chars().count();
        if length == 0 || length > 255 || row.name.chars().any(char::is_control) {
            return Err(wrong("name"));
        }
        if row.content.as_ref().is_some_and(|content| content.len() > 500_000) {
            return Err(wrong("content"));
        }
        if !(1..=MOST_GIB).contains(&row.transfer_gib) {
            return Err(wrong("transfer_enable"));
        }
        let limits = [
            ("speed_limit", row.speed_limit),
            ("device_limit", row.device_limit),
            ("capacity_limit", row.capacity_limit),
        ];
        for (name, limit) in limits {
            if limit.is_some_and(|limit| !(0..=MOST).contains(&limit)) {
                return Err(wrong(name));
            }
        }
        if row.reset_method.is_some_and(|method| !(0..=4).contains(&method)) {
            return Err(wrong("reset_traffic_method"));
        }
        if row.tags.len() > 10_000 {
            return Err(wrong("tags"));
        }
        Ok(row)
    }
}

/// Makes or changes a plan; `is_forced`: whoever holds it gets its group, quota and limits now.
///
/// Shape: the plan to change, none: a new one → its number. Errors: input refusals; no such plan or group; `Forbidden`.
/// Source: specs/panel.md §4.3.
pub async fn save(ctx: &Ctx, id: Option<PlanId>, draft: &Draft, is_forced: bool) -> Outcome<PlanId> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.plan")?;
    let (id, is_reset_new) = save_in(&ctx, &mut tx, id, None, draft).await?;
    tx.commit().await?;
    if is_forced || is_reset_new {
        follow(&ctx, id, is_forced).await?;
    }
    Ok(id)
}

/// The same inside a transaction, for a new plan with its key in state files; also whether the method of resets is another one now,
/// so that [`follow`] is due.
pub(crate) async fn save_in(
    ctx: &Ctx,
    tx: &mut Tx,
    id: Option<PlanId>,
    key: Option<&str>,
    draft: &Draft,
) -> Outcome<(PlanId, bool)> {
    let known = match id {
        Some(id) => Some(rows::lock(tx, id).await?.ok_or(GONE)?),
        None => None,
    };
    let old_method = known.as_ref().map(|row| row.reset_method);
    let row = PlanRow { updated_at: ctx.now(), ..draft.applied(known.unwrap_or_else(|| blank(ctx, key)))? };
    if let Some(group) = row.node_group_id
        && !node::list_groups(tx).await?.iter().any(|(id, _)| *id == group)
    {
        return Err(Refusal::rule("The node group does not exist").into());
    }
    let id = match id {
        Some(id) => {
            rows::update(tx, &row).await?;
            id
        }
        None => rows::insert(tx, &row).await?,
    };
    if let Some(prices) = &draft.prices {
        rows::delete_prices(tx, id).await?;
        for (period, price) in prices {
            if !(0..=MOST_PRICE).contains(&price.0) {
                return Err(wrong("prices").into());
            }
            rows::insert_price(tx, id, period.as_str(), *price).await?;
        }
    }
    audit::changed(tx, ctx, "panel.plan.save", Object::new("plan", id.0, &row.name)).await?;
    Ok((id, old_method.is_some_and(|old| old != row.reset_method)))
}

/// A plan before anybody said what it is: for sale, renewable, not listed yet.
fn blank(ctx: &Ctx, key: Option<&str>) -> PlanRow {
    PlanRow {
        id: PlanId(0),
        key: key.map(str::to_owned),
        name: String::new(),
        content: None,
        tags: "[]".to_owned(),
        node_group_id: None,
        transfer_gib: 0,
        speed_limit: None,
        device_limit: None,
        capacity_limit: None,
        reset_method: None,
        is_shown: false,
        is_sold: true,
        is_renewable: true,
        sort: None,
        created_at: ctx.now(),
        updated_at: ctx.now(),
    }
}

/// Lets whoever holds a plan follow it: when his traffic is set to nothing and, `is_forced`, its group, quota and limits. A pass in a
/// transaction, so that nobody waits for all of them; doing it again does no harm.
pub(crate) async fn follow(ctx: &Ctx, id: PlanId, is_forced: bool) -> Result<()> {
    let Some(plan) = super::find(&mut ctx.read(), id).await? else { return Ok(()) };
    let mut after = AccountId(0);
    loop {
        let holders = proxy_plan::list_holders(&mut ctx.read(), id, after, BATCH).await?;
        let Some((last,)) = holders.last().copied() else { return Ok(()) };
        for (account,) in holders {
            follow_one(ctx, account, &plan, is_forced).await?;
        }
        after = last;
    }
}

/// The same for every plan that leaves it to the settings when traffic is set to nothing: these changed.
pub(crate) async fn follow_settings(ctx: &Ctx) -> Result<()> {
    for plan in rows::list(&mut ctx.read()).await? {
        if plan.reset_method.is_none() {
            follow(ctx, plan.id, false).await?;
        }
    }
    Ok(())
}

async fn follow_one(ctx: &Ctx, account: AccountId, plan: &Plan, is_forced: bool) -> Result<()> {
    let mut tx = ctx.begin().await?;
    if is_forced
        && let Some(mut pass) = Pass::lock(&mut tx, account).await?
        && pass.row().plan_id == Some(plan.row.id)
    {
        pass.take(plan);
        pass.save(ctx, &mut tx).await?;
    }
    pass::rearrange(ctx, &mut tx, account, false).await?;
    Ok(tx.commit().await?)
}

/// Shows, sells or lets renew a plan, or not. Errors: no such plan; `Forbidden`.
pub async fn switch(
    ctx: &Ctx,
    id: PlanId,
    (is_shown, is_sold, is_renewable): (Option<bool>, Option<bool>, Option<bool>),
) -> Outcome<()> {
    let draft = Draft { is_shown, is_sold, is_renewable, ..Draft::default() };
    save(ctx, Some(id), &draft, false).await.map(drop)
}

/// Deletes a plan. Errors: no such plan; orders or users name it; `Forbidden`.
pub async fn remove(ctx: &Ctx, id: PlanId) -> Outcome<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.plan")?;
    let row = rows::lock(&mut tx, id).await?.ok_or(GONE)?;
    remove_in(&ctx, &mut tx, &row).await?;
    Ok(tx.commit().await?)
}

/// The same inside a transaction.
pub(crate) async fn remove_in(ctx: &Ctx, tx: &mut Tx, row: &PlanRow) -> Outcome<()> {
    if rows::is_used(tx, row.id).await? {
        return Err(Refusal::rule("The plan is in use by orders or users").into());
    }
    rows::delete_prices(tx, row.id).await?;
    rows::delete(tx, row.id).await?;
    audit::changed(tx, ctx, "panel.plan.drop", Object::new("plan", row.id.0, &row.name)).await?;
    Ok(())
}

/// Puts plans into an order. Errors: no such plan; `Forbidden`.
pub async fn sort(ctx: &Ctx, ids: &[PlanId]) -> Outcome<()> {
    let (ctx, mut tx) = permission::begin(ctx, Change::Things).await?;
    ctx.require("panel.plan")?;
    for (place, id) in (1_i64..).zip(ids) {
        if rows::update_sort(&mut tx, *id, place).await? == 0 {
            return Err(GONE.into());
        }
    }
    audit::changed(&mut tx, &ctx, "panel.plan.sort", Object::new("plan", None, "")).await?;
    Ok(tx.commit().await?)
}

/// Every plan with its room and the name of its group, by its place. Errors: `Forbidden`.
pub async fn list_all(ctx: &Ctx) -> Result<Vec<(super::Listed, Option<String>)>> {
    ctx.require("panel.plan")?;
    let groups = node::list_groups(&mut ctx.read()).await?;
    let named = |id: NodeGroupId| groups.iter().find(|(known, _)| *known == id).map(|(_, name)| name.clone());
    let plans = super::list(ctx).await?.into_iter();
    Ok(plans
        .map(|listed| {
            let name = listed.plan.row.node_group_id.and_then(named);
            (listed, name)
        })
        .collect())
}
