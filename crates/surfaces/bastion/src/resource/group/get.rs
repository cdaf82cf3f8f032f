//! `GET resource/group/get/`

use gatehouse_domain::bastion::group;

use super::shown::Shown;
use crate::{call::Call, envelope::Outcome, page};

/// Lists resource groups: all with 15, else those with 19.
///
/// Shape: paging, `name` (contained) → paged groups. Errors: E403 without either anywhere; E400f. Source: seeds/003 operation
/// 23, specs/bastion.md §6.1 row 23.
pub(crate) async fn handle(call: Call) -> Outcome {
    let ctx = call.signed_in().await?;
    group::may_list(&ctx).await?;
    let mut query = call.query();
    let paging = query.paging();
    let name = query.text("name");
    query.finish()?;
    let found = group::list(&ctx, name.as_deref(), paging).await?;
    Ok(page::reply(paging, found, |group| Shown::new(group, call.bastion.zone())))
}
