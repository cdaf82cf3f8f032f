//! The panel: its settings, and what others of its things a file names.

pub(super) mod content;
pub(super) mod file;
pub(super) mod gift;
mod plan;
mod setting;
mod user;

use gatehouse_store::Tx;

use super::{Names, StateFile, Work, check::Problems};
use crate::{Ctx, Result};

/// How many entries of these kinds a file has.
pub(super) fn count(file: &StateFile) -> usize {
    let panel = &file.panel;
    let content = panel.notice.len() + panel.knowledge.len() + panel.gift_template.len() + panel.module.len();
    panel.settings.0.len() + content + file.plan.len() + panel.coupon.len() + user::named(file).count()
}

/// The codes that a file needs for what it says of the panel.
pub(super) fn needs(file: &StateFile) -> impl Iterator<Item = &'static str> {
    let panel = &file.panel;
    let named = [
        (!panel.settings.0.is_empty(), "panel.config"),
        (!panel.notice.is_empty(), "panel.notice"),
        (!panel.knowledge.is_empty(), "panel.knowledge"),
        (!panel.gift_template.is_empty(), "panel.giftcard"),
        (!panel.module.is_empty(), "panel.plugin"),
        (!file.plan.is_empty(), "panel.plan"),
        (!panel.coupon.is_empty(), "panel.coupon"),
        (user::named(file).next().is_some(), "panel.user"),
    ];
    named.into_iter().filter_map(|(is_named, code)| is_named.then_some(code))
}

/// Every rule that the file alone breaks.
pub(super) fn check(file: &StateFile, problems: &mut Problems) {
    let panel = &file.panel;
    setting::check(&panel.settings, problems);
    content::check(&panel.notice, &panel.knowledge, problems);
    gift::check(&panel.gift_template, &panel.module, problems);
    plan::check(&file.plan, &panel.coupon, problems);
    user::check(file, problems);
}

/// Makes and changes what accounts need to be there.
pub(super) async fn ensure(ctx: &Ctx, tx: &mut Tx, file: &StateFile, names: &Names, work: &mut Work) -> Result<()> {
    let panel = &file.panel;
    setting::ensure(ctx, tx, &panel.settings, work).await?;
    content::ensure(ctx, tx, &panel.notice, &panel.knowledge, work).await?;
    gift::ensure(ctx, tx, &panel.gift_template, &panel.module, work).await?;
    plan::ensure(ctx, tx, (&file.plan, &panel.coupon), names, work).await
}

/// Writes what the panel keeps with passes, once every account is there.
pub(super) async fn users(ctx: &Ctx, tx: &mut Tx, file: &StateFile, work: &mut Work) -> Result<()> {
    user::ensure(ctx, tx, file, work).await
}
