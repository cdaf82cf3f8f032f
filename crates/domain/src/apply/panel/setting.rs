//! Settings of the panel.

use gatehouse_store::Tx;

use super::file::SettingsEntry;
use crate::{
    Ctx, Error, Result,
    apply::{Change, Work, check::Problems},
    audit::{self, Object},
    panel::{Failure, refusal::Kind, setting},
};

const KIND: &str = "panel.settings";
const ENTRY: &str = "[panel.settings]";

/// Refuses names that are no settings, and files that were not read.
pub(super) fn check(entry: &SettingsEntry, problems: &mut Problems) {
    for name in entry.0.keys() {
        match name.strip_suffix("_file") {
            Some(secret) if setting::secret(secret).is_some() => problems.refuse(ENTRY, name, "the file was not read"),
            _ if !setting::is_known(name) => problems.refuse(ENTRY, name, "no setting has this name"),
            _ => {}
        }
    }
}

/// Writes the settings that differ.
pub(super) async fn ensure(ctx: &Ctx, tx: &mut Tx, entry: &SettingsEntry, work: &mut Work) -> Result<()> {
    if entry.0.is_empty() {
        return Ok(());
    }
    let outcome = write(ctx, tx, entry).await;
    work.note(KIND, "settings".to_owned(), outcome)
}

async fn write(ctx: &Ctx, tx: &mut Tx, entry: &SettingsEntry) -> Result<Change> {
    let differing = setting::differing(ctx, tx, &entry.0).await?;
    if differing.is_empty() {
        return Ok(Change::Unchanged);
    }
    let names = match setting::save_in(ctx, tx, &differing).await {
        Ok(names) => names,
        Err(Failure::Error(error)) => return Err(error),
        Err(Failure::Refused(refusal)) => {
            let field = match refusal.kind {
                Kind::Input(name) => name,
                _ => KIND,
            };
            return Err(Error::invalid(field, "is no value that this setting takes (specs/panel.md §4.1)"));
        }
    };
    audit::changed(tx, ctx, "panel.config.save", Object::new("setting", None, &names)).await?;
    Ok(Change::Updated)
}
