//! `POST rbac/user/profile/`

use gatehouse_domain::account::own::{self, OwnEdit};

use crate::{body::Blank, call::Call, envelope::Outcome, reply::Reply};

/// Changes the caller's own name, e-mail, phone number and note.
///
/// Shape: `{name, email, phone_number, remark}`, each optional, null and "" clear e-mail and phone → ok.
/// Errors: 403 without 28; 400 `email`, `phone_number` taken or malformed. Source: specs/bastion.md §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    ctx.require("user.profile.update")?;
    let mut fields = call.fields()?;
    let edit = OwnEdit {
        name: fields.changed_text("name", 50),
        email: fields.edit_text("email", 100, Blank::Null),
        phone: fields.edit_text("phone_number", 11, Blank::Null),
        remark: fields.edit_text("remark", 500, Blank::Allowed),
    };
    fields.finish()?;
    own::edit(&ctx, &edit).await?;
    Ok(Reply::ok())
}
