//! `State/KillOnlineUserCloud`

use gatehouse_domain::radius::online;

use super::WRONG;
use crate::{
    answer::{Outcome, Refusal, Success, refusal},
    endpoint::{Call, Dialect, Effect, Endpoint},
    params::entries,
    text,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    controller: "State",
    action: "KillOnlineUserCloud",
    dialect: Dialect::Standard,
    effect: Effect::Immediate,
    unfit: WRONG,
    event: "vpn.session.end",
    kind: "account",
    names: &["users"],
    handle: |call| Box::pin(handle(call)),
};

const NOT_ONLINE: Refusal = refusal(-13, text::NOT_ONLINE);

/// Ends all sessions of the named users.
///
/// Shape: `users`, a list of names separated by commas → no `result`. Units: waits at most 2 s for the concentrators.
/// Errors: absent or empty -13 参数错误; none of them online -13 用户不在线.
/// Source: specs/vpn.md §8, §11.
async fn handle(call: &Call) -> Outcome {
    let users = entries(call.params.required("users", WRONG)?);
    if online::kill(&call.ctx, &users).await? == 0 {
        return Err(NOT_ONLINE.into());
    }
    Ok(Success::new(text::DONE))
}
