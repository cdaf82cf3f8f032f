//! `POST resource/rule/edit/`

use gatehouse_domain::bastion::rule::{self, EditRule};
use gatehouse_model::{CommandRuleId, RoleId};

use super::{super::id, NAME, PATTERN, action, scope};
use crate::{call::Call, envelope::Outcome, reply::Reply};

/// Changes a command rule; fields that are not named stay.
///
/// Shape: `{id, name?, pattern?, action?, scope?, object_id?, roles?, priority?, status?}` → ok. Errors: E403 without 108; E400t
/// 错误参数 without id; E404; E400f. Source: specs/bastion.md §11.2, §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    rule::may_edit(&ctx)?;
    let mut fields = call.fields()?;
    let id = CommandRuleId(id(&fields, "id")?);
    let edit = EditRule {
        name: fields.changed_text("name", NAME),
        pattern: fields.changed_text("pattern", PATTERN),
        action: action(&mut fields),
        scope: scope(&mut fields),
        roles: fields.optional_integers("roles").map(|ids| ids.into_iter().map(RoleId).collect()),
        priority: fields.optional_integer("priority"),
        is_enabled: fields.optional_boolean("status"),
    };
    if fields.has_faults() {
        fields.note_found(rule::edit_faults(&ctx, id, edit.clone()).await)?;
    }
    fields.finish()?;
    rule::edit(&ctx, id, edit).await?;
    Ok(Reply::ok())
}
