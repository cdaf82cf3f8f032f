//! The panel: its settings, and what others of its things a file names.

pub(super) mod file;
mod setting;

use gatehouse_store::Tx;

use super::{StateFile, Work, check::Problems};
use crate::{Ctx, Result};

/// How many entries of these kinds a file has.
pub(super) fn count(file: &StateFile) -> usize {
    file.panel.settings.0.len()
}

/// The codes that a file needs for what it says of the panel.
pub(super) fn needs(file: &StateFile) -> impl Iterator<Item = &'static str> {
    [(!file.panel.settings.0.is_empty(), "panel.config")]
        .into_iter()
        .filter_map(|(is_named, code)| is_named.then_some(code))
}

/// Every rule that the file alone breaks.
pub(super) fn check(file: &StateFile, problems: &mut Problems) {
    setting::check(&file.panel.settings, problems);
}

/// Makes and changes what accounts need to be there.
pub(super) async fn ensure(ctx: &Ctx, tx: &mut Tx, file: &StateFile, work: &mut Work) -> Result<()> {
    setting::ensure(ctx, tx, &file.panel.settings, work).await
}
