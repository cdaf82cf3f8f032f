//! `system/getSystemStatus`.

use gatehouse_domain::panel::{subscription, system};
use serde_json::json;

use crate::{
    answer::{Answer, Outcome},
    endpoint::Call,
    user::account::seconds,
};

/// Tells whether periodic work and jobs are done, the time in seconds, and what runs.
pub(super) async fn get(call: &Call) -> Outcome {
    let app = &call.ctx.app;
    let status = system::status(&call.ctx).await?;
    Ok(Answer::Data(json!({
        "schedule": status.is_scheduled,
        "horizon": status.is_working,
        "schedule_last_runtime": status.last_at.map(seconds),
        "time": seconds(app.now()),
        "app_name": app.live().panel().app_name,
        "app_url": subscription::base(app),
        "version": env!("CARGO_PKG_VERSION"),
    })))
}
