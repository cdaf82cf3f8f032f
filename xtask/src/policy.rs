//! What `deny.toml` says, as far as it is enforced here.

use std::fs;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::run::root;

#[derive(Deserialize)]
pub(crate) struct Policy {
    pub(crate) licenses: Licenses,
    bans: Bans,
}

#[derive(Deserialize)]
pub(crate) struct Licenses {
    pub(crate) allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    #[serde(default)]
    wrappers: Vec<String>,
}

impl Policy {
    pub(crate) fn load() -> Result<Self> {
        let text = fs::read_to_string(root().join("deny.toml")).context("cannot read deny.toml")?;
        toml::from_str(&text).context("deny.toml has an unknown shape")
    }

    /// Crates nobody may use; those with wrappers are a matter of layers.
    pub(crate) fn banned(&self) -> Vec<String> {
        self.bans.deny.iter().filter(|ban| ban.wrappers.is_empty()).map(|ban| ban.name.clone()).collect()
    }
}
