//! `guest/plan/fetch`, `user/plan/fetch`.

use gatehouse_domain::panel::{Refusal, plan};
use gatehouse_model::PlanId;

use super::resource::resource;
use crate::{
    answer::{Answer, Outcome},
    endpoint::Call,
};

/// Lists the plans that are for sale.
pub(crate) async fn list(call: &Call) -> Outcome {
    let plans = plan::list_sold(&call.ctx).await?;
    Ok(Answer::Data(plans.iter().map(|listed| resource(call, listed)).collect()))
}

/// The same, or with `id` one plan: of those, or the caller's own. Errors: there is none.
pub(super) async fn fetch(call: &Call) -> Outcome {
    let Some(id) = call.input.integer("id")? else { return list(call).await };
    let found = plan::find_visible(call.who()?, PlanId(id)).await?;
    let found = found.ok_or(Refusal::rule("Subscription plan does not exist"))?;
    Ok(Answer::Data(resource(call, &found)))
}
