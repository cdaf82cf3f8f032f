//! The switch that does not wait for the apply.

use gatehouse_model::EndedWhy;
use gatehouse_store::{Aspect, lock, vpn_group as rows};

use super::{OBJECT, ROOT, find_at};
use crate::{
    Ctx, Error, Result,
    audit::Object,
    radius::outbox,
    vpn::{staged, trail},
};

/// Switches a group on or off, staged and live at once; off ends the sessions of everybody in it and below. Nothing else is
/// published.
///
/// Errors: `Forbidden`; `Fields` (`path`: `malformed`, `unknown`), (`group`, `builtin`): the root stays on. Source:
/// specs/vpn.md §6, §8, §9.
pub async fn set_enabled(ctx: &Ctx, path: &str, is_enabled: bool) -> Result<()> {
    let mut tx = staged::begin(ctx, "vpn.group.update").await?;
    lock::own_tree(&mut tx).await?;
    let group = find_at(&mut tx, "path", path).await?;
    if group.id == ROOT && !is_enabled {
        return Err(Error::field("group", "builtin"));
    }
    rows::update_enabled(&mut tx, group.id, is_enabled, ctx.now()).await?;
    if let Some(live) = rows::find_live_path(&mut tx, group.id).await? {
        tx.touch(Aspect::Vpn, None);
        if !is_enabled {
            outbox::disconnect_below_group(&mut tx, ctx.now(), &live, EndedWhy::Disabled).await?;
        }
    }
    let action = if is_enabled { "vpn.group.enable" } else { "vpn.group.disable" };
    trail::changed(&mut tx, ctx, action, Object::new(OBJECT, group.id.0, &trail::label([path])), None).await?;
    tx.commit().await?;
    ctx.app.live().refresh(&ctx.app).await
}
