//! `POST resource/voucher/del/`

use gatehouse_domain::bastion::voucher;
use gatehouse_model::VoucherId;

use super::super::{deleted, ids};
use crate::{call::Call, envelope::Outcome};

/// Deletes vouchers; terminals that used them end.
///
/// Shape: `{id_list}` → ok and `total`. Errors: E403 without 21 on any of them, and nothing is deleted; E400t 错误参数 without a
/// list of ids, 无删除凭证条目. Source: seeds/003 operation 30, specs/bastion.md §6.1 row 30.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    voucher::may_delete(&ctx).await?;
    let fields = call.fields()?;
    let ids = ids(&fields, VoucherId)?;
    deleted(voucher::del(&ctx, &ids).await?, "无删除凭证条目")
}
