//! `u_pays`

use gatehouse_domain::billing::pays;

use crate::{
    answer::{Answer, Outcome},
    endpoint::{Call, Endpoint, For, never},
    shown::{self, WallClock},
};

pub(crate) const ENDPOINT: Endpoint =
    Endpoint { action: "u_pays", role: For::Everybody, changes: never, handle: |call| Box::pin(handle(call)) };

/// Pages through the history of payments.
///
/// Shape: `start`, `uid` of staff → `pays`, 15 rows as in `u_main`, each with `balance`. Units: as `u_main`.
/// Errors: as `u_main`; `bad_request` for a start that is no number. Source: specs/billing.md §5.10.
async fn handle(call: &Call) -> Outcome {
    let rows = pays::list(&call.who, call.uid(), call.params.start()?).await?;
    let clock = WallClock::new(&call.who.ctx);
    let mut writer = call.writer();
    writer.list("pays", &rows, |writer, row| shown::row(writer, row, &clock, true));
    Ok(Answer::Data(writer.into_bytes()))
}
