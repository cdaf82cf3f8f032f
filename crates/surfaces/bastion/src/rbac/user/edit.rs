//! `POST rbac/user/edit/`

use gatehouse_domain::account::staff::{self, StaffEdit};
use gatehouse_model::AccountId;

use super::rule;
use crate::{
    body::Blank,
    call::Call,
    envelope::{Outcome, Refusal},
    reply::Reply,
};

/// Edits a user. Other keys, such as account, password, status, protected and roles, are ignored.
///
/// Shape: `{id[, name, email, phone_number, remark]}` → ok; null and `""` clear e-mail and phone number, null the note.
/// Errors: 403, also when the user holds more than the caller; 404 (id missing, no number, unknown); E400t protected;
/// E400f. Source: seeds/003 operation 5, specs/bastion.md §6.1 row 5.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    ctx.require("system.user.update")?;
    let mut fields = call.fields()?;
    let id = AccountId(fields.lone_integer("id").ok_or_else(Refusal::not_found)?);
    let name = rule::changed_name(&mut fields);
    let (email, phone) = rule::contact(&mut fields);
    let remark = fields.edit_text("remark", rule::REMARK_MAX, Blank::Allowed);
    if fields.has_faults() {
        let clashes = staff::taken(&mut ctx.read(), Some(id), None, &email, &phone).await?;
        fields.note(clashes);
    }
    fields.finish()?;
    staff::edit(&ctx, id, &StaffEdit { name, email, phone, remark }).await?;
    Ok(Reply::ok())
}
