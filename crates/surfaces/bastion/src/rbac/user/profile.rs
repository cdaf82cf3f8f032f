//! `POST rbac/user/profile/`

use gatehouse_domain::account::{
    own::{self, OwnEdit},
    staff,
};

use super::rule;
use crate::{body::Blank, call::Call, envelope::Outcome, reply::Reply};

/// Changes the caller's own name, e-mail, phone number and note.
///
/// Shape: `{name, email, phone_number, remark}`, each optional, null and "" clear e-mail and phone → ok.
/// Errors: 403 without 28; 400 `email`, `phone_number` taken or malformed. Source: specs/bastion.md §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    ctx.require("user.profile.update")?;
    let mut fields = call.fields()?;
    let name = rule::changed_name(&mut fields);
    let (email, phone) = rule::contact(&mut fields);
    let remark = fields.edit_text("remark", 500, Blank::Allowed);
    if fields.has_faults() {
        fields.note(staff::taken(&mut ctx.read(), ctx.account(), None, &email, &phone).await?);
    }
    let edit = OwnEdit { name, email, phone, remark };
    fields.finish()?;
    own::edit(&ctx, &edit).await?;
    Ok(Reply::ok())
}
