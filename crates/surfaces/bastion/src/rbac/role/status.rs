//! `POST rbac/role/status/`

use gatehouse_domain::role;
use gatehouse_model::RoleId;

use crate::{
    call::Call,
    envelope::{Outcome, Refusal},
    reply::Reply,
};

/// Switches a role on or off; off, it grants nothing at once.
///
/// Shape: `{id, status}` → ok. Errors: 403, also when the role holds more than the caller; 404; E400t protected; E400f.
/// Source: specs/bastion.md §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    ctx.require("system.role.update")?;
    let mut fields = call.fields()?;
    let id = fields.lone_integer("id").ok_or_else(Refusal::not_found)?;
    let is_enabled = fields.boolean("status");
    fields.finish()?;
    role::set_status(&ctx, RoleId(id), is_enabled).await?;
    Ok(Reply::ok())
}
