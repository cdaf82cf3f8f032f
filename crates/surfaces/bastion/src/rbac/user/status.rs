//! `POST rbac/user/status/`

use gatehouse_domain::account::staff;
use gatehouse_model::AccountId;

use crate::{
    call::Call,
    envelope::{Outcome, Refusal},
    reply::Reply,
};

/// Switches a user on or off; off closes every door at once.
///
/// Shape: `{id, status}` → ok. Errors: 403, also when the user holds more than the caller; 404; E400t protected, one's own,
/// last administrator; E400f. Source: specs/bastion.md §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    ctx.require("system.user.update")?;
    let mut fields = call.fields()?;
    let id = fields.lone_integer("id").ok_or_else(Refusal::not_found)?;
    let is_enabled = fields.boolean("status");
    fields.finish()?;
    staff::set_status(&ctx, AccountId(id), is_enabled).await?;
    Ok(Reply::ok())
}
