//! `POST rbac/role/edit/`

use gatehouse_domain::role::{self, RoleEdit};
use gatehouse_model::RoleId;

use super::rule;
use crate::{
    body::Blank,
    call::Call,
    envelope::{Outcome, Refusal},
    reply::Reply,
};

/// Edits a role.
///
/// Shape: `{id[, name, code, description]}` → ok; null clears the description. Errors: 403; 404; E400t protected; E400f.
/// Source: seeds/003 operation 12, specs/bastion.md §6.1 row 12.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    ctx.require("system.role.update")?;
    let mut fields = call.fields()?;
    let id = RoleId(fields.lone_integer("id").ok_or_else(Refusal::not_found)?);
    let name = fields.changed_text("name", rule::NAME_MAX);
    let code = fields.changed_text("code", rule::CODE_MAX);
    let remark = fields.edit_text("description", rule::DESCRIPTION_MAX, Blank::Allowed);
    if fields.has_faults() {
        let clashes = role::taken(&mut ctx.read(), Some(id), name.as_deref(), code.as_deref()).await?;
        fields.note(clashes);
    }
    fields.finish()?;
    role::edit(&ctx, id, &RoleEdit { name, code, remark }).await?;
    Ok(Reply::ok())
}
