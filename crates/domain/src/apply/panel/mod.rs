//! The panel: its settings, and what others of its things a file names.

pub(super) mod file;
mod plan;
mod setting;

use gatehouse_store::Tx;

use super::{Names, StateFile, Work, check::Problems};
use crate::{Ctx, Result};

/// How many entries of these kinds a file has.
pub(super) fn count(file: &StateFile) -> usize {
    file.panel.settings.0.len() + file.plan.len() + file.panel.coupon.len()
}

/// The codes that a file needs for what it says of the panel.
pub(super) fn needs(file: &StateFile) -> impl Iterator<Item = &'static str> {
    let named = [
        (!file.panel.settings.0.is_empty(), "panel.config"),
        (!file.plan.is_empty(), "panel.plan"),
        (!file.panel.coupon.is_empty(), "panel.coupon"),
    ];
    named.into_iter().filter_map(|(is_named, code)| is_named.then_some(code))
}

/// Every rule that the file alone breaks.
pub(super) fn check(file: &StateFile, problems: &mut Problems) {
    setting::check(&file.panel.settings, problems);
    plan::check(&file.plan, &file.panel.coupon, problems);
}

/// Makes and changes what accounts need to be there.
pub(super) async fn ensure(ctx: &Ctx, tx: &mut Tx, file: &StateFile, names: &Names, work: &mut Work) -> Result<()> {
    setting::ensure(ctx, tx, &file.panel.settings, work).await?;
    plan::ensure(ctx, tx, (&file.plan, &file.panel.coupon), names, work).await
}
