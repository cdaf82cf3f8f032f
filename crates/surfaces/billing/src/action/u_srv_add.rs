//! `u_srv_add`

use gatehouse_domain::billing::{Refusal, connect, finish, freeze, next};
use gatehouse_model::{BillingServiceId, BillingSubscriptionId};

use crate::{
    answer::{Answer, Failure, Outcome},
    endpoint::{Call, Endpoint, For, always},
};

pub(crate) const ENDPOINT: Endpoint =
    Endpoint { action: "u_srv_add", role: For::Everybody, changes: always, handle: |call| Box::pin(handle(call)) };

/// Connects a service, or changes one that is connected.
///
/// Shape: `service_id`, `uid` of staff → `result` `ok`, `id` of the subscription, `pay_id`, 0: free. `cmd=set_next` with
/// `usr_service_id` and `service_id`, 0: nothing follows; of staff `cmd=finish`, `freeze`, `unfreeze` with `usr_service_id` →
/// `result` `ok`. Errors: `srv_unavailable`, `srv_broken`, `ordering_blocked`, `srv_already`, `srv_analog`, `no_money`, `repeat`;
/// `not_found`, `srv_module`, `srv_no_renew`; `forbidden` for what staff do; `bad_request` for another `cmd`.
/// Source: seeds/004 "Подключение услуги", "Установка «следующей» услуги", specs/billing.md §5.6.
async fn handle(call: &Call) -> Outcome {
    let (who, uid) = (&call.who, call.uid());
    let subscription = || call.required_id("usr_service_id").map(BillingSubscriptionId);
    let service = || call.params.id("service_id").ok_or(Failure::from(Refusal::ServiceUnavailable));
    match call.params.filled("cmd") {
        None => {
            let connected = connect::connect(who, uid, BillingServiceId(service()?), call.key()).await?;
            let mut writer = call.writer();
            writer.text("result", "ok");
            writer.number("id", connected.id.0);
            writer.number("pay_id", connected.pay_id.map_or(0, |id| id.0));
            return Ok(Answer::Plain(writer.into_bytes()));
        }
        Some("set_next") => {
            let (subscription, service) = (subscription()?, service()?);
            let service = (service != 0).then_some(BillingServiceId(service));
            next::set_next(who, uid, subscription, service).await?;
        }
        Some("finish") => drop(finish::finish(who, uid, subscription()?).await?),
        Some("freeze") => freeze::freeze(who, uid, subscription()?).await?,
        Some("unfreeze") => freeze::unfreeze(who, uid, subscription()?).await?,
        Some(_) => return Err(Refusal::BadRequest.into()),
    }
    Ok(Answer::done())
}
