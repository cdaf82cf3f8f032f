//! `POST resource/rule/add/`

use gatehouse_domain::bastion::{
    policy::Scope,
    rule::{self, Action, RuleData},
};
use gatehouse_model::RoleId;

use super::{
    super::{new_boolean, new_integer},
    NAME, PATTERN, action, scope,
};
use crate::{call::Call, envelope::Outcome, reply::Reply, text};

/// Makes a command rule.
///
/// Shape: `{name, pattern, action, scope?, object_id?, roles?, priority?, status?}` → ok; scope `all` and priority 100 unless
/// said. Errors: E403 without 108; E404 group or resource; E400f. Source: specs/bastion.md §11.2, §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    rule::may_edit(&ctx)?;
    let mut fields = call.fields()?;
    let name = fields.text("name", NAME);
    let pattern = fields.text("pattern", PATTERN);
    let action = action(&mut fields);
    if action.is_none() && !fields.is_faulty("action") {
        fields.fault("action", text::required("action"));
    }
    let scope = scope(&mut fields).unwrap_or(Scope::All);
    let roles = fields.optional_integers("roles").unwrap_or_default().into_iter().map(RoleId).collect();
    let priority = new_integer(&mut fields, "priority").unwrap_or(100);
    let is_enabled = new_boolean(&mut fields, "status").unwrap_or(true);
    // Without an action there is a fault.
    let action = action.unwrap_or(Action::Allow);
    let data = RuleData { name, scope, roles, pattern, action, priority, is_enabled };
    if fields.has_faults() {
        fields.note_found(rule::faults(&ctx, &data).await)?;
    }
    fields.finish()?;
    rule::add(&ctx, &data).await?;
    Ok(Reply::ok())
}
