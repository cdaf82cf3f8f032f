//! `GET resource/voucher/get/`

use gatehouse_domain::bastion::voucher;
use gatehouse_model::ResourceGroupId;

use super::shown::Shown;
use crate::{call::Call, envelope::Outcome, page};

/// Lists the vouchers on groups where the caller holds 23, without their secrets.
///
/// Shape: paging, `name` (contained), `group` (with sub-groups) → paged vouchers. Errors: E403 with 23 nowhere; E400f.
/// Source: seeds/003 operation 31, specs/bastion.md §6.1 row 31.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    voucher::may_list(&ctx).await?;
    let mut query = call.query();
    let paging = query.paging();
    let name = query.text("name");
    let group = query.integer("group").map(ResourceGroupId);
    query.finish()?;
    let found = voucher::list(&ctx, name.as_deref(), group, paging).await?;
    Ok(page::reply(paging, found, |voucher| Shown::new(voucher, call.bastion.zone())))
}
