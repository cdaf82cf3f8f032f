//! `POST access/request/add/`

use gatehouse_domain::bastion::request::{self, NewRequest};
use gatehouse_model::{ResourceId, VoucherId};

use super::REASON;
use crate::{call::Call, envelope::Outcome, reply::Reply, text};

/// Asks for access to a resource for a while.
///
/// Shape: `{resource_id, voucher_id?, reason, minutes?, files?}` → `detail: {id}`. Units: minutes 1–10080, default 60. Errors:
/// E403 without 105; E404 for what is neither requestable nor visible; E400f. Source: specs/bastion.md §11.3, §13.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    request::may_add(&ctx)?;
    let mut fields = call.fields()?;
    let is_given = |fields: &crate::body::Fields, name| fields.value(name).is_some_and(|value| !value.is_null());
    let resource = ResourceId(fields.integer("resource_id"));
    let voucher = if is_given(&fields, "voucher_id") { fields.optional_integer("voucher_id") } else { None };
    let reason = fields.text("reason", REASON);
    let minutes = if is_given(&fields, "minutes") { fields.optional_integer("minutes") } else { None }.unwrap_or(60);
    if minutes < 1 {
        fields.fault("minutes", text::minimum(1));
    } else if minutes > 10_080 {
        fields.fault("minutes", "请确保该值小于或者等于 10080。");
    }
    let with_files = if is_given(&fields, "files") { fields.optional_boolean("files") } else { None };
    let new = NewRequest {
        resource,
        voucher: voucher.map(VoucherId),
        reason,
        minutes,
        with_files: with_files.unwrap_or_default(),
    };
    if fields.has_faults() {
        fields.note_found(request::faults(&ctx, &new).await)?;
    }
    fields.finish()?;
    let id = request::add(&ctx, &new).await?;
    Ok(Reply::detail(serde_json::json!({ "id": id.0 })))
}
