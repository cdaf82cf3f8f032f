//! Staff's `coupon/*` (specs/panel.md §4.3).

use gatehouse_domain::panel::{
    coupon::{
        self, CouponRow,
        edit::{self, Draft},
    },
    plan::Period,
};
use gatehouse_model::{Millis, PanelCouponId, PlanId};

use super::{
    list::Asked,
    plan::{optional, texts},
};
use crate::{
    answer::{Answer, Failure, Outcome},
    csv,
    endpoint::{Call, Endpoint, For, endpoint},
    input::{Input, as_integer, wrong},
    order::coupon::shown,
};

const STAFF: For = For::Staff("panel.coupon");

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(Both "v2/{sp}/coupon/fetch", STAFF, fetch),
    endpoint!(Post "v2/{sp}/coupon/generate", STAFF, generate),
    endpoint!(Post "v2/{sp}/coupon/update", STAFF, update),
    endpoint!(Post "v2/{sp}/coupon/show", STAFF, show),
    endpoint!(Post "v2/{sp}/coupon/drop", STAFF, remove),
];

/// Lists coupons.
async fn fetch(call: &Call) -> Outcome {
    let asked = Asked::read(&call.input, edit::FIELDS)?;
    let (total, coupons) = edit::list(&call.ctx, &asked.listing).await?;
    Ok(asked.page(total, coupons.iter().map(shown).collect()))
}

/// Makes a coupon, with `id` changes one, with `generate_count` makes many and answers a file of them.
async fn generate(call: &Call) -> Outcome {
    let draft = draft(&call.input)?;
    if let Some(count) = call.input.integer("generate_count")? {
        return Ok(csv::file("coupons.csv", &table(&edit::make_many(&call.ctx, &draft, count).await?)));
    }
    match call.input.integer("id")? {
        Some(id) => edit::change(&call.ctx, PanelCouponId(id), &draft).await?,
        None => {
            edit::make(&call.ctx, &draft).await?;
        }
    }
    Ok(Answer::done())
}

/// Changes a coupon: what is not sent stays. Shape: `id`.
async fn update(call: &Call) -> Outcome {
    edit::change(&call.ctx, PanelCouponId(call.input.id("id")?), &draft(&call.input)?).await?;
    Ok(Answer::done())
}

/// Lets a coupon count if it does not, and the other way round. Shape: `id`.
async fn show(call: &Call) -> Outcome {
    edit::toggle(&call.ctx, PanelCouponId(call.input.id("id")?)).await?;
    Ok(Answer::done())
}

/// Deletes a coupon. Shape: `id`.
async fn remove(call: &Call) -> Outcome {
    edit::remove(&call.ctx, PanelCouponId(call.input.id("id")?)).await?;
    Ok(Answer::done())
}

fn draft(input: &Input) -> Result<Draft, Failure> {
    let moment = |name| -> Result<Option<Millis>, Failure> {
        let seconds = input.integer(name)?;
        let millis = seconds.map(|seconds| seconds.checked_mul(1_000).ok_or_else(|| wrong(name))).transpose()?;
        Ok(millis.map(Millis))
    };
    let plans = |value: &serde_json::Value| {
        let items = value.as_array()?;
        items.iter().map(|item| as_integer(item).map(PlanId)).collect()
    };
    let periods = texts(input, "limit_period")?.map(|names| {
        names.iter().map(|name| Period::of(name)).collect::<Option<Vec<Period>>>().ok_or_else(|| wrong("limit_period"))
    });
    Ok(Draft {
        code: input.text("code"),
        name: input.text("name"),
        kind: input.integer("type")?,
        value: input.integer("value")?,
        is_shown: input.flag("show")?,
        uses: optional(input, "limit_use", as_integer)?,
        uses_per_account: optional(input, "limit_use_with_user", as_integer)?,
        plans: optional(input, "limit_plan_ids", plans)?,
        periods: match periods.transpose()? {
            Some(periods) => gatehouse_domain::Edit::Set(periods),
            None => gatehouse_domain::Edit::Keep,
        },
        started_at: moment("started_at")?,
        ended_at: moment("ended_at")?,
    })
}

/// Coupons as rows of a file: sums in units of the currency, times in UTC.
fn table(coupons: &[CouponRow]) -> Vec<Vec<String>> {
    let header =
        ["name", "type", "value", "started_at", "ended_at", "limit_use", "limit_plan_ids", "code", "created_at"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for coupon in coupons {
        let is_percent = coupon.kind == coupon::kind::PERCENT;
        let value =
            if is_percent { format!("{}%", coupon.value) } else { gatehouse_model::Money(coupon.value).to_decimal() };
        let plans: Option<Vec<String>> = coupon::plans(coupon).map(|ids| ids.iter().map(ToString::to_string).collect());
        rows.push(vec![
            coupon.name.clone(),
            if is_percent { "percent".to_owned() } else { "amount".to_owned() },
            value,
            coupon.started_at.to_rfc3339(),
            coupon.ended_at.to_rfc3339(),
            coupon.uses_left.map(|uses| uses.to_string()).unwrap_or_default(),
            plans.unwrap_or_default().join("/"),
            coupon.code.clone(),
            coupon.created_at.to_rfc3339(),
        ]);
    }
    rows
}
