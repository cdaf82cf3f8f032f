//! `api_services`

use gatehouse_domain::billing::export;

use crate::{
    answer::{Answer, Outcome},
    endpoint::{Call, Endpoint, For, never},
    shown,
};

pub(crate) const ENDPOINT: Endpoint =
    Endpoint { action: "api_services", role: For::Admin, changes: never, handle: |call| Box::pin(handle(call)) };

/// Lists the whole catalogue.
///
/// Shape: nothing → `services` as in `u_srv_select`, with `param` (object) and `multiple`. Units: units of the currency.
/// Errors: `forbidden` for subscribers, `no_privilege`. Source: seeds/004 "Получение данных по всем услугам", specs/billing.md §5.9.
async fn handle(call: &Call) -> Outcome {
    let services = export::services(&call.who).await?;
    let mut writer = call.writer();
    writer.list("services", &services, |entry, service| {
        shown::catalogued(entry, service);
        entry
            .value("param", &serde_json::from_str(&service.row.param).unwrap_or_else(|_no_json| serde_json::json!({})));
        entry.flag("multiple", service.row.is_multiple);
    });
    Ok(Answer::Data(writer.into_bytes()))
}
