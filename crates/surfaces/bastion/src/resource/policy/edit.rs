//! `POST resource/policy/edit/`

use gatehouse_domain::bastion::policy::{self, Scope};

use crate::{
    call::Call,
    envelope::{Outcome, Refusal},
    reply::Reply,
    text,
};

/// Sets policies of the installation, a group or a resource; null takes one back.
///
/// Shape: `{scope, id?, values: {name: value | null}}` → ok. Units: durations and sizes as texts with a unit. Errors: E403
/// without 108; E400t 错误参数 for an unknown scope; E404; E400f naming the policy. Source: specs/bastion.md §11.1, §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    policy::may_edit(&ctx)?;
    let mut fields = call.fields()?;
    let name = fields.text("scope", 20);
    let id = fields.lone_integer("id").or_else(|| fields.lone_integer("object_id")).unwrap_or_default();
    let values = fields.value("values").and_then(|values| values.as_object().cloned());
    if values.is_none() {
        fields.fault("values", if fields.has("values") { "无效数据。" } else { text::required("values") });
    }
    fields.finish()?;
    let scope = Scope::new(&name, id).ok_or_else(|| Refusal::text(text::WRONG_PARAMETER))?;
    policy::edit(&ctx, scope, &values.unwrap_or_default()).await?;
    Ok(Reply::ok())
}
