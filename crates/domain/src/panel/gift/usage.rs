//! What was redeemed: of a user, and of all (specs/panel.md §2.8, §4.3).

use gatehouse_model::{AccountId, PanelGiftTemplateId, PanelGiftUsageId};
use gatehouse_store::panel_gift_usage::{self as rows, GiftUsageRow};

use super::super::{
    Who,
    refusal::{Outcome, Refusal},
};
use crate::Ctx;

/// What the caller redeemed, the last first, one page, and how much there is.
pub async fn list_own(who: &Who, (page, size): (i64, i64)) -> Outcome<(Vec<GiftUsageRow>, i64)> {
    let (q, filter) = (&mut who.ctx.read(), (Some(who.account), None));
    let offset = page.saturating_sub(1).saturating_mul(size);
    Ok((rows::list(q, filter, (size, offset)).await?, rows::count(q, filter).await?))
}

/// One redemption of the caller. Errors: a `missing` refusal for one that is unknown or another's.
pub async fn find_own(who: &Who, id: PanelGiftUsageId) -> Outcome<GiftUsageRow> {
    let found = rows::find(&mut who.ctx.read(), id, who.account).await?;
    Ok(found.ok_or(Refusal::missing("记录不存在"))?)
}

/// What was redeemed, the last first, one page, and how much there is. Errors: `Forbidden`.
pub async fn list(
    ctx: &Ctx,
    filter: (Option<AccountId>, Option<PanelGiftTemplateId>),
    (page, size): (i64, i64),
) -> Outcome<(Vec<GiftUsageRow>, i64)> {
    ctx.require("panel.giftcard")?;
    let q = &mut ctx.read();
    let offset = page.saturating_sub(1).saturating_mul(size);
    Ok((rows::list(q, filter, (size, offset)).await?, rows::count(q, filter).await?))
}
