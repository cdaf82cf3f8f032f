//! The entries of the panel. Their keys are published names: additions only (docs/STATE.md).

use std::fmt;

use serde::Deserialize;
use serde_json::{Map, Value};

/// `[panel]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PanelEntries {
    /// `[panel.settings]`
    pub settings: SettingsEntry,
}

/// `[panel.settings]`: any settings by the names that `config/save` takes; `NAME_file` reads a secret from a file.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct SettingsEntry(pub Map<String, Value>);

impl fmt::Debug for SettingsEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Passwords are among the values.
        f.debug_set().entries(self.0.keys()).finish()
    }
}
