//! `account keys`, `account add-key`, `account delete-key`

use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Args;
use gatehouse_domain::{
    Ctx, Error, account,
    ssh_key::{self, KeyView},
};

use crate::cli::{Output, output};

#[derive(Debug, Args)]
pub(in crate::cli) struct AddKey {
    /// Login
    login: String,
    /// File with the public key, such as `~/.ssh/id_ed25519.pub`
    file: PathBuf,
    /// Name of the key
    #[arg(long, default_value = "key")]
    name: String,
}

impl AddKey {
    pub(super) async fn run(self, ctx: &Ctx) -> anyhow::Result<()> {
        let text = std::fs::read_to_string(&self.file)
            .with_context(|| format!("cannot read the public key {}", self.file.display()))?;
        let account = account::find(ctx, &self.login).await?.id;
        ssh_key::add(ctx, Some(account), &self.name, text.trim()).await?;
        Ok(())
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DeleteKey {
    /// Login
    login: String,
    /// Name of the key, or its fingerprint `SHA256:…`
    key: String,
}

impl DeleteKey {
    pub(super) async fn run(self, ctx: &Ctx) -> anyhow::Result<()> {
        let account = account::find(ctx, &self.login).await?.id;
        ssh_key::delete_named(ctx, account, &self.key).await.map_err(|error| match error {
            Error::NotFound { .. } => {
                anyhow!("{0} has no key `{1}`; `gatehouse account keys {0}` lists them", self.login, self.key)
            }
            Error::Conflict { .. } => anyhow!(
                "{0} has several keys named `{1}`; name the fingerprint that `gatehouse account keys {0}` shows",
                self.login,
                self.key
            ),
            other => other.into(),
        })
    }
}

/// All keys of an account, by id.
pub(super) async fn list(ctx: &Ctx, login: &str, output: Output) -> anyhow::Result<()> {
    let account = account::find(ctx, login).await?.id;
    let keys = ssh_key::list(ctx, Some(account)).await?;
    Ok(output.table(["id", "name", "fingerprint", "last used"], &keys, row)?)
}

fn row(key: &KeyView) -> [String; 4] {
    [key.id.to_string(), key.name.clone(), key.fingerprint.clone(), output::time(key.last_used_at)]
}
