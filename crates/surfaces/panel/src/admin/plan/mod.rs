//! Staff's `plan/*` (specs/panel.md §4.3).

use std::collections::BTreeMap;

use gatehouse_domain::{
    Edit,
    panel::plan::{Period, edit},
};
use gatehouse_model::{Money, NodeGroupId, PlanId};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, Failure, Outcome},
    endpoint::{Call, Endpoint, For, endpoint},
    input::{Input, as_integer, as_text, wrong},
    plan::resource::raw,
};

const STAFF: For = For::Staff("panel.plan");

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(Both "v2/{sp}/plan/fetch", STAFF, fetch),
    endpoint!(Post "v2/{sp}/plan/save", STAFF, save),
    endpoint!(Post "v2/{sp}/plan/update", STAFF, update),
    endpoint!(Post "v2/{sp}/plan/drop", STAFF, remove),
    endpoint!(Post "v2/{sp}/plan/sort", STAFF, sort),
];

/// Lists all plans with their group and how many hold them; prices in units of the currency.
async fn fetch(call: &Call) -> Outcome {
    let plans = edit::list_all(&call.ctx).await?;
    let shown = plans.iter().map(|(listed, group)| {
        let mut shown = raw(&listed.plan);
        if let Some(object) = shown.as_object_mut() {
            let group = listed.plan.row.node_group_id.zip(group.as_deref());
            object.insert("group".to_owned(), json!(group.map(|(id, name)| json!({"id": id, "name": name}))));
            object.insert("users_count".to_owned(), json!(listed.holders));
            object.insert("active_users_count".to_owned(), json!(listed.active));
        }
        shown
    });
    Ok(Answer::Data(shown.collect()))
}

/// Makes a plan, or with `id` changes one: what is not sent stays. Prices in units of the currency; empty ones and those of nothing
/// are not sold. `force_update`: whoever holds it gets its group, quota and limits now.
async fn save(call: &Call) -> Outcome {
    let input = &call.input;
    let id = input.integer("id")?.map(PlanId);
    let draft = edit::Draft {
        name: input.text("name"),
        content: optional(input, "content", as_text)?,
        transfer_gib: input.integer("transfer_enable")?,
        prices: prices(input)?,
        node_group: optional(input, "group_id", |value| as_integer(value).map(NodeGroupId))?,
        speed_limit: optional(input, "speed_limit", as_integer)?,
        device_limit: optional(input, "device_limit", as_integer)?,
        capacity_limit: optional(input, "capacity_limit", as_integer)?,
        reset_method: optional(input, "reset_traffic_method", as_integer)?,
        tags: texts(input, "tags")?,
        is_shown: input.flag("show")?,
        is_sold: input.flag("sell")?,
        is_renewable: input.flag("renew")?,
        sort: Edit::Keep,
    };
    edit::save(&call.ctx, id, &draft, input.flag("force_update")?.unwrap_or(false)).await?;
    Ok(Answer::done())
}

/// Shows, sells or lets renew a plan, or not. Shape: `id`, `show?`, `sell?`, `renew?`.
async fn update(call: &Call) -> Outcome {
    let input = &call.input;
    let switches = (input.flag("show")?, input.flag("sell")?, input.flag("renew")?);
    edit::switch(&call.ctx, PlanId(input.id("id")?), switches).await?;
    Ok(Answer::done())
}

/// Deletes a plan that nothing names. Shape: `id`.
async fn remove(call: &Call) -> Outcome {
    edit::remove(&call.ctx, PlanId(call.input.id("id")?)).await?;
    Ok(Answer::done())
}

/// Puts plans into an order. Shape: `ids`.
async fn sort(call: &Call) -> Outcome {
    edit::sort(&call.ctx, &ids(&call.input, "ids")?.into_iter().map(PlanId).collect::<Vec<_>>()).await?;
    Ok(Answer::done())
}

/// A list of numbers that is needed.
pub(crate) fn ids(input: &Input, name: &'static str) -> Result<Vec<i64>, Failure> {
    let items = input.list(name).ok_or_else(|| wrong(name))?;
    items.into_iter().map(|item| as_integer(item).ok_or_else(|| wrong(name))).collect()
}

/// A parameter that may be emptied: absent, empty, or read by `read`.
pub(crate) fn optional<T>(
    input: &Input,
    name: &'static str,
    read: impl Fn(&Value) -> Option<T>,
) -> Result<Edit<T>, Failure> {
    match input.value(name) {
        None if input.has(name) => Ok(Edit::Clear),
        None => Ok(Edit::Keep),
        Some(value) => read(value).map(Edit::Set).ok_or_else(|| wrong(name)),
    }
}

/// A list of texts; empty where it was sent as null.
pub(crate) fn texts(input: &Input, name: &'static str) -> Result<Option<Vec<String>>, Failure> {
    let Some(items) = input.list(name) else { return Ok(input.has(name).then(Vec::new)) };
    let texts: Option<Vec<String>> = items.into_iter().map(as_text).collect();
    Ok(Some(texts.ok_or_else(|| wrong(name))?))
}

/// The prices, if any were sent: those above nothing.
fn prices(input: &Input) -> Result<Option<BTreeMap<Period, Money>>, Failure> {
    let Some(value) = input.value("prices") else { return Ok(input.has("prices").then(BTreeMap::new)) };
    let object = value.as_object().filter(|object| object.len() <= 16).ok_or_else(|| wrong("prices"))?;
    let mut prices = BTreeMap::new();
    for (name, value) in object {
        let Some(text) = as_text(value) else {
            if value.is_null() || value.is_string() {
                continue;
            }
            return Err(wrong("prices"));
        };
        let period = Period::of(name).ok_or_else(|| wrong("prices"))?;
        let amount: Money = text.parse().map_err(|_| wrong("prices"))?;
        if amount > Money::ZERO {
            prices.insert(period, amount);
        } else if amount < Money::ZERO {
            return Err(wrong("prices"));
        }
    }
    Ok(Some(prices))
}
