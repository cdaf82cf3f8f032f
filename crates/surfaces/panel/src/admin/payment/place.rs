//! `payment/drop`, `payment/show`, `payment/sort`.

use gatehouse_domain::panel::payment::channel;
use gatehouse_model::PaymentChannelId;

use super::id;
use crate::{
    answer::{Answer, Outcome},
    endpoint::Call,
    input::{as_integer, wrong},
};

/// Deletes a channel that no open order uses.
pub(super) async fn remove(call: &Call) -> Outcome {
    channel::remove(&call.ctx, id(call)?).await?;
    Ok(Answer::done())
}

/// Switches a channel on or off.
pub(super) async fn show(call: &Call) -> Outcome {
    channel::toggle(&call.ctx, id(call)?).await?;
    Ok(Answer::done())
}

/// Puts channels into the order of `ids`.
pub(super) async fn sort(call: &Call) -> Outcome {
    let given = call.input.list("ids").ok_or_else(|| wrong("ids"))?;
    let ids = given.into_iter().map(|id| as_integer(id).map(PaymentChannelId)).collect::<Option<Vec<_>>>();
    channel::sort(&call.ctx, &ids.ok_or_else(|| wrong("ids"))?).await?;
    Ok(Answer::done())
}
