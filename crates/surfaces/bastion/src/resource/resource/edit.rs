//! `POST resource/resource/edit/`

use gatehouse_domain::bastion::resource::{self, EditResource};
use gatehouse_model::{ProtocolId, ResourceGroupId, ResourceId};

use super::{
    super::{NAME, NOTE, id, moved, port},
    address, note_found, protocol, vouchers,
};
use crate::{body::Blank, call::Call, envelope::Outcome, reply::Reply};

/// Edits a resource, moves it to another group, replaces its vouchers.
///
/// An address in one form replaces that in another. Shape: `{id, name?, ipv4_address?, ipv6_address?, domain?, port?, group?,
/// protocol?, status?, description?, voucher_ids? | voucher?}` → ok. Errors: E403 without 18, 22 for vouchers, and
/// 无切换组权限,即添加新组和删除旧组的组合权限 for a move without 17 there and 16 here; E400t 错误参数 without id,
/// 有关联当前组数据,无法切组; E404; E400f. Source: seeds/003 operation 25, specs/bastion.md §6.3.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    resource::may_edit(&ctx).await?;
    let mut fields = call.fields()?;
    let id = ResourceId(id(&fields, "id")?);
    let given = fields.optional_integer("port");
    let edit = EditResource {
        name: fields.changed_text("name", NAME),
        address: address(&mut fields),
        port: port(&mut fields, given),
        group: fields.optional_integer("group").map(ResourceGroupId),
        protocol: protocol(&mut fields).or_else(|| fields.optional_integer("protocol")).map(ProtocolId),
        is_enabled: fields.optional_boolean("status"),
        remark: fields.edit_text("description", NOTE, Blank::Null),
        vouchers: vouchers(&mut fields),
    };
    if fields.has_faults() {
        let found = resource::edit_faults(&ctx, id, &edit).await;
        note_found(&mut fields, found).map_err(moved)?;
    }
    fields.finish()?;
    resource::edit(&ctx, id, &edit).await.map_err(moved)?;
    Ok(Reply::ok())
}
