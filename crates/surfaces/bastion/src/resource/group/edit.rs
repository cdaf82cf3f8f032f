//! `POST resource/group/edit/`

use gatehouse_domain::bastion::group::{self, EditGroup};
use gatehouse_model::ResourceGroupId;

use super::super::{NAME, NOTE, id};
use crate::{body::Blank, call::Call, envelope::Outcome, reply::Reply};

/// Renames a resource group or changes its description; parent and role are ignored.
///
/// Shape: `{id, name?, description?}` → ok. Errors: E403 without 14 (root) or 18 on the group; E400t 错误参数 without id,
/// 无法操作系统保留项; E404; E400f. Source: seeds/003 operation 21, specs/bastion.md §6.1 row 21.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    group::may_edit(&ctx).await?;
    let mut fields = call.fields()?;
    let id = ResourceGroupId(id(&fields, "id")?);
    let name = fields.changed_text("name", NAME);
    let remark = fields.edit_text("description", NOTE, Blank::Null);
    let edit = EditGroup { id, name, remark };
    if fields.has_faults() {
        fields.note_found(group::edit_faults(&ctx, &edit).await)?;
    }
    fields.finish()?;
    group::edit(&ctx, &edit).await?;
    Ok(Reply::ok())
}
