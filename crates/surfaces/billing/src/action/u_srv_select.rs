//! `u_srv_select`

use gatehouse_domain::billing::select;

use crate::{
    answer::{Answer, Outcome},
    endpoint::{Call, Endpoint, For, never},
    shown,
};

pub(crate) const ENDPOINT: Endpoint =
    Endpoint { action: "u_srv_select", role: For::Everybody, changes: never, handle: |call| Box::pin(handle(call)) };

/// Lists the services that a subscriber's group may have.
///
/// Shape: `uid` of staff → `services`; `why_not`, where one cannot be connected: `already`, `analog`. Units: units of the currency.
/// Errors: as `u_main`. Source: seeds/004 "Список услуг, которые можно подключить", specs/billing.md §5.5.
async fn handle(call: &Call) -> Outcome {
    let services = select::list(&call.who, call.uid()).await?;
    let mut writer = call.writer();
    writer.list("services", &services, |entry, selectable| {
        shown::catalogued(entry, &selectable.service);
        if let Some(why_not) = selectable.why_not {
            entry.text("why_not", why_not);
        }
    });
    Ok(Answer::Data(writer.into_bytes()))
}
