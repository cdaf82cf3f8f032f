//! `POST rbac/user/mfa_reset/`

use gatehouse_domain::account::staff;
use gatehouse_model::AccountId;

use crate::{
    call::Call,
    envelope::{Outcome, Refusal},
    reply::Reply,
};

/// Takes another's second factor and recovery codes; he may enrol anew.
///
/// Shape: `{id}` → ok. Errors: 403, also when the user holds more than the caller; 404; E400t one's own. Source: specs/bastion.md §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    ctx.require("system.user.update")?;
    let id = call.fields()?.lone_integer("id").ok_or_else(Refusal::not_found)?;
    staff::reset_factor(&ctx, AccountId(id)).await?;
    Ok(Reply::ok())
}
