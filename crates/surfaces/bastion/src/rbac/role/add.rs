//! `POST rbac/role/add/`

use gatehouse_domain::role::{self, NewRole};

use super::rule;
use crate::{body::Blank, call::Call, envelope::Outcome, reply::Reply};

/// Makes a role that holds nothing yet.
///
/// Shape: `{name, code[, description]}` → ok. Units: name and code ≤ 20 characters. Errors: 403; E400f with every fault and
/// clash at once. Source: seeds/003 operation 11, specs/bastion.md §6.1 row 11.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    ctx.require("system.role.create")?;
    let mut fields = call.fields()?;
    let name = fields.text("name", rule::NAME_MAX);
    let code = fields.text("code", rule::CODE_MAX);
    let remark = fields.optional_text("description", rule::DESCRIPTION_MAX, Blank::Allowed);
    if fields.has_faults() {
        let clashes = role::taken(&mut ctx.read(), None, Some(&name), Some(&code)).await?;
        fields.note(clashes);
    }
    fields.finish()?;
    role::add(&ctx, &NewRole { name, code, remark }).await?;
    Ok(Reply::ok())
}
