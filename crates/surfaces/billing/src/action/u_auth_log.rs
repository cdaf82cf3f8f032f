//! `u_auth_log`

use gatehouse_domain::billing::auth_log;

use crate::{
    answer::{Answer, Outcome},
    endpoint::{Call, Endpoint, For, never},
};

pub(crate) const ENDPOINT: Endpoint =
    Endpoint { action: "u_auth_log", role: For::Everybody, changes: never, handle: |call| Box::pin(handle(call)) };

/// Pages through the stays of a subscriber.
///
/// Shape: `start`, `uid` of staff → `auth_log`, 20 entries, newest first; `properties` for staff only. Units: seconds since 1970,
/// `end` 0: he is in. Errors: as `u_main`; `bad_request` for a start that is no number.
/// Source: seeds/004 "История подключений", specs/billing.md §5.4.
async fn handle(call: &Call) -> Outcome {
    let stays = auth_log::list(&call.who, call.uid(), call.params.start()?).await?;
    let mut writer = call.writer();
    writer.list("auth_log", &stays, |entry, stay| {
        entry.number("id", stay.id.0);
        entry.number("uid", stay.uid);
        entry.time("start", Some(stay.since_at));
        entry.time("end", stay.until_at);
        entry.number("ip", stay.ip.into());
        entry.text("ipa", &stay.address);
        if let Some(properties) = &stay.properties {
            entry.text("properties", properties);
        }
    });
    Ok(Answer::Data(writer.into_bytes()))
}
