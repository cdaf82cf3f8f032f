//! The switch that does not wait for the apply.

use gatehouse_model::EndedWhy;
use gatehouse_store::{Aspect, account as accounts, vpn_user as rows};

use super::{OBJECT, find_id};
use crate::{
    Ctx, Error, Result,
    audit::Object,
    radius::outbox,
    vpn::{staged, trail},
};

/// Switches a user on or off, staged and live at once; off ends its sessions. Nothing else is published.
///
/// Errors: `Forbidden`; `Fields` (`name`: `empty`, `unknown`), (`is_enabled`, `disabled_by_staff`) when staff disabled the
/// account. Source: specs/vpn.md §6, §8, §9.
pub async fn set_enabled(ctx: &Ctx, name: &str, is_enabled: bool) -> Result<()> {
    let mut tx = staged::begin(ctx, "vpn.user.update").await?;
    if name.is_empty() {
        return Err(Error::field("name", "empty"));
    }
    let unknown = || Error::field("name", "unknown");
    let id = find_id(&mut tx, name).await?.ok_or_else(unknown)?;
    let account = accounts::find(&mut tx, id).await?.ok_or_else(unknown)?;
    if is_enabled && !account.is_enabled {
        return Err(Error::field("is_enabled", "disabled_by_staff"));
    }
    if rows::update_enabled(&mut tx, id, is_enabled, ctx.now()).await? > 0 {
        tx.touch(Aspect::VpnUser, Some(id.0));
        if !is_enabled {
            outbox::disconnect_account(&mut tx, ctx.now(), id, EndedWhy::Disabled).await?;
        }
    }
    let action = if is_enabled { "vpn.user.enable" } else { "vpn.user.disable" };
    trail::changed(&mut tx, ctx, action, Object::new(OBJECT, id.0, &trail::label([name])), None).await?;
    tx.commit().await?;
    ctx.app.live().refresh(&ctx.app).await
}
