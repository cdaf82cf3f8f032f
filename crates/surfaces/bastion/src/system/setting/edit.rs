//! `POST system/setting/edit/`

use gatehouse_domain::{Error, bastion::setting};

use crate::{
    call::Call,
    envelope::{Outcome, Refusal},
    reply::Reply,
    text,
};

/// Sets settings, in force at once; null goes back to the configured value.
///
/// Shape: `{values: {name: value | null}}` → ok. Units: durations as texts with a unit. Errors: E403 without 108; E400f naming an
/// unknown setting or a wrong value; E400t for one that file or environment names. Source: specs/bastion.md §13, §17.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    setting::may_edit(&ctx)?;
    let mut fields = call.fields()?;
    let values = fields.value("values").and_then(|values| values.as_object().cloned());
    if values.is_none() {
        fields.fault("values", if fields.has("values") { "无效数据。" } else { text::required("values") });
    }
    fields.finish()?;
    setting::edit(&ctx, &values.unwrap_or_default()).await.map_err(|error| match error {
        Error::Locked { .. } => Refusal::text("该设置由配置文件指定,无法修改"),
        other => other.into(),
    })?;
    Ok(Reply::ok())
}
