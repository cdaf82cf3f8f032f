//! The panel: its settings, and what others of its things a file names.

pub(super) mod content;
pub(super) mod file;
pub(super) mod gift;
mod setting;

use gatehouse_store::Tx;

use super::{StateFile, Work, check::Problems};
use crate::{Ctx, Result};

/// How many entries of these kinds a file has.
pub(super) fn count(file: &StateFile) -> usize {
    let panel = &file.panel;
    panel.settings.0.len() + panel.notice.len() + panel.knowledge.len() + panel.gift_template.len() + panel.module.len()
}

/// The codes that a file needs for what it says of the panel.
pub(super) fn needs(file: &StateFile) -> impl Iterator<Item = &'static str> {
    let panel = &file.panel;
    [
        (!panel.settings.0.is_empty(), "panel.config"),
        (!panel.notice.is_empty(), "panel.notice"),
        (!panel.knowledge.is_empty(), "panel.knowledge"),
        (!panel.gift_template.is_empty(), "panel.giftcard"),
        (!panel.module.is_empty(), "panel.plugin"),
    ]
    .into_iter()
    .filter_map(|(is_named, code)| is_named.then_some(code))
}

/// Every rule that the file alone breaks.
pub(super) fn check(file: &StateFile, problems: &mut Problems) {
    let panel = &file.panel;
    setting::check(&panel.settings, problems);
    content::check(&panel.notice, &panel.knowledge, problems);
    gift::check(&panel.gift_template, &panel.module, problems);
}

/// Makes and changes what accounts need to be there.
pub(super) async fn ensure(ctx: &Ctx, tx: &mut Tx, file: &StateFile, work: &mut Work) -> Result<()> {
    let panel = &file.panel;
    setting::ensure(ctx, tx, &panel.settings, work).await?;
    content::ensure(ctx, tx, &panel.notice, &panel.knowledge, work).await?;
    gift::ensure(ctx, tx, &panel.gift_template, &panel.module, work).await
}
