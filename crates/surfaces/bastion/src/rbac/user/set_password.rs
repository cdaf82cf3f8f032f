//! `POST rbac/user/set_password/`

use gatehouse_domain::account::staff;
use gatehouse_model::AccountId;

use super::password;
use crate::{
    call::Call,
    envelope::{Outcome, Refusal},
    reply::Reply,
};

/// Sets another's password; all his sessions end.
///
/// Shape: `{id, password[, must_change]}` → ok; `must_change` is true unless given. Errors: 403, also when the user holds
/// more than the caller; 404; E400t one's own; E400f. Source: specs/bastion.md §13, §5.4.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    ctx.require("system.user.update")?;
    let mut fields = call.fields()?;
    let id = fields.lone_integer("id").ok_or_else(Refusal::not_found)?;
    let password = password::read(&mut fields, "password", &ctx);
    let must_change = fields.optional_boolean("must_change").unwrap_or(true);
    fields.finish()?;
    staff::set_password(&ctx, AccountId(id), &password, must_change).await?;
    Ok(Reply::ok())
}
