//! `POST rbac/user/unlock/`

use gatehouse_domain::account::staff;
use gatehouse_model::AccountId;

use crate::{
    call::Call,
    envelope::{Outcome, Refusal},
    reply::Reply,
};

/// Clears the failed logins counted for a user.
///
/// Shape: `{id}` → ok. Errors: 403, also when the user holds more than the caller; 404. Source: specs/bastion.md §5.2, §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    ctx.require("system.user.update")?;
    let id = call.fields()?.lone_integer("id").ok_or_else(Refusal::not_found)?;
    staff::unlock(&ctx, AccountId(id)).await?;
    Ok(Reply::ok())
}
