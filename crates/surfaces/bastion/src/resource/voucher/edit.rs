//! `POST resource/voucher/edit/`

use gatehouse_domain::bastion::voucher::{self, EditVoucher};
use gatehouse_model::{ResourceGroupId, VoucherId};

use super::{
    super::{NAME, NOTE, id, moved},
    USERNAME, proof,
};
use crate::{body::Blank, call::Call, envelope::Outcome, reply::Reply};

/// Edits a voucher, moves it to another group, replaces its secret.
///
/// A password clears the key and the reverse; null is "not this one", and both null keep the secret. Shape: `{id, name?,
/// username?, password?, private_key?, passphrase?, description?, group?}` → ok. Errors: as adding; E403
/// 无切换组权限,即添加新组和删除旧组的组合权限 for a move without 21 there and 20 here; E400t 错误参数 without id,
/// 有关联当前组数据,无法切组; E404. Source: seeds/003 operation 29, specs/bastion.md §6.3.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    voucher::may_edit(&ctx).await?;
    let mut fields = call.fields()?;
    let id = VoucherId(id(&fields, "id")?);
    let edit = EditVoucher {
        name: fields.changed_text("name", NAME),
        username: fields.changed_text("username", USERNAME),
        proof: proof(&mut fields),
        group: fields.optional_integer("group").map(ResourceGroupId),
        remark: fields.edit_text("description", NOTE, Blank::Null),
    };
    if fields.has_faults() {
        fields.note_found(voucher::edit_faults(&ctx, id, &edit).await).map_err(moved)?;
    }
    fields.finish()?;
    voucher::edit(&ctx, id, &edit).await.map_err(moved)?;
    Ok(Reply::ok())
}
